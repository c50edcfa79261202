//! A plan of insertions that PostgreSQL carries out by itself, in one round trip.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sqlx::error::DatabaseError;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::SeedingError;
use super::table_name::dollar_quoted;

/// How long one plan may take; a trigger may wait for something that never comes.
const DEADLINE: &str = "60s";

/// The state that interpreter.sql ends with when a step has no alternatives and needs them.
const WITHOUT_ALTERNATIVES: &str = "HN001";

/// The rows of one table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    pub table: u32,
    /// What its rows are the newest of, if others refer to that: itself, and the root of its
    /// partition tree.
    pub registers: Vec<u32>,
    /// All rows at once.
    pub all: String,
    /// Each row for itself: its alternatives, tried in turn until one is taken. None where all
    /// rows are expected to be taken at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Vec<String>>,
    /// How many rows end the search.
    pub enough: usize,
    /// How many different rows of a parent are wanted.
    pub wanted: usize,
    /// Counts the table's rows, and those that this transaction made.
    pub census: String,
    /// For each parent what fetches the keys of rows that it has already.
    pub parents: BTreeMap<u32, [String; 1]>,
}

/// How a step went.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct StepResult {
    pub table: u32,
    pub taken: usize,
    /// If none was taken: how many rows it holds, and how many of them have this birth, made by
    /// the trigger of another table.
    pub rows: usize,
    pub born: usize,
    /// Of the rows that were not taken, one for each alternative.
    pub refusals: Vec<RowRefusal>,
    /// The rows that were taken and gave an answer.
    pub made: Vec<MadeRow>,
}

/// A row as it was inserted: its table or partition, its place there, and its text.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct MadeRow(pub u32, pub Box<str>, pub String);

/// What one plan came to.
#[derive(Debug)]
pub(super) struct Made {
    pub results: Vec<StepResult>,
    /// Tables in which more happened than that these rows were inserted.
    pub stirred: BTreeSet<u32>,
    /// The transaction before which all of it happened.
    pub horizon: String,
}

/// The answer as it comes.
#[derive(Deserialize)]
struct Answer {
    results: Vec<StepResult>,
    written_before: BTreeMap<u32, Written>,
    written: BTreeMap<u32, Written>,
}

/// How many rows were inserted, updated and deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
struct Written(i64, i64, i64);

impl Answer {
    fn stirred(&self) -> BTreeSet<u32> {
        let mut made: BTreeMap<u32, i64> = BTreeMap::new();
        for MadeRow(table, ..) in self.results.iter().flat_map(|result| &result.made) {
            *made.entry(*table).or_default() += 1;
        }
        let explained = |(table, now): &(&u32, &Written)| {
            let before = self.written_before.get(table).copied().unwrap_or_default();
            let made = made.get(table).copied().unwrap_or_default();
            **now == Written(before.0 + made, before.1, before.2)
        };
        let unexplained = self.written.iter().filter(|table| !explained(table));
        unexplained.map(|(table, _)| *table).collect()
    }
}

impl StepResult {
    /// Whether there is neither a row of this birth nor one that stands in the way.
    pub fn is_refused(&self) -> bool {
        self.taken + self.born == 0 && !self.is_full()
    }

    /// Whether no row was taken since others stand in the way.
    pub fn is_full(&self) -> bool {
        let in_the_way =
            |refusal: &RowRefusal| matches!(refusal.sqlstate.as_str(), "23505" | "23P01");
        self.taken + self.born == 0 && self.rows > 0 && self.refusals.iter().any(in_the_way)
    }
}

/// Why a row was not taken.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RowRefusal {
    pub sqlstate: String,
    pub message: String,
    /// The constraint, where the refusal names one.
    #[serde(default)]
    pub constraint: String,
    #[serde(default)]
    pub detail: String,
    #[serde(default)]
    pub context: String,
}

/// Runs the steps in their order, in a transaction of their own. `None`, and nothing has happened,
/// when a step without alternatives would have needed them.
pub(super) async fn run(
    connection: &mut PgConnection,
    steps: &[Step],
) -> Result<Option<Made>, SeedingError> {
    let plan = serde_json::to_string(steps).map_err(SeedingError::answer("writing a plan"))?;
    let body = include_str!("interpreter.sql")
        .replace("{written}", include_str!("written.sql"))
        .replacen("{plan}", &dollar_quoted(&plan), 1);
    let script = format!(
        "BEGIN; SET LOCAL statement_timeout = '{DEADLINE}'; SET LOCAL jit = off; \
         SET CONSTRAINTS ALL DEFERRED; DO {}; SELECT current_setting('harness.seeding'); COMMIT; \
         SELECT pg_snapshot_xmin(pg_current_snapshot())::text",
        dollar_quoted(&body)
    );
    let rows = match sqlx::raw_sql(AssertSqlSafe(script)).fetch_all(&mut *connection).await {
        Ok(rows) => rows,
        Err(error) => {
            // What was refused is the error to tell.
            let _ = sqlx::raw_sql("ROLLBACK").execute(connection).await;
            let code = error.as_database_error().and_then(DatabaseError::code);
            return match code.as_deref() {
                Some(WITHOUT_ALTERNATIVES) => Ok(None),
                _ => Err(SeedingError::database("seed")(error)),
            };
        }
    };
    let text = |place: usize| -> Result<String, SeedingError> {
        let row = rows.get(place).ok_or(sqlx::Error::RowNotFound);
        row.and_then(|row| row.try_get(0)).map_err(SeedingError::database("read how seeding went"))
    };
    let answer: Answer = serde_json::from_str(&text(0)?)
        .map_err(SeedingError::answer("reading how seeding went"))?;
    let stirred = answer.stirred();
    Ok(Some(Made { stirred, results: answer.results, horizon: text(1)? }))
}
