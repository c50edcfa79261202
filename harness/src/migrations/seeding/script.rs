//! A plan of insertions that PostgreSQL carries out by itself, in one round trip.
//!
//! Rows that are expected to be taken are inserted by statements of their own, each of which
//! PostgreSQL does in half the time that it takes in a block that catches refusals. The others follow
//! in such a block.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use sqlx::error::DatabaseError;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Either, PgConnection, Row as _};

use super::SeedingError;
use super::row::{TAKEN, key_setting};
use super::table_name::dollar_quoted;

/// How long one plan may take; a trigger may wait for something that never comes.
const DEADLINE: &str = "60s";

/// The state that interpreter.sql ends with when a step has no alternatives and needs them.
const WITHOUT_ALTERNATIVES: &str = "HN001";

/// The rows of one table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    pub table: u32,
    /// The one row as a statement of its own, where it is expected to be taken, and so are those
    /// that it refers to. The rest of the step is then of no use.
    #[serde(skip)]
    pub plain: Option<String>,
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

/// What PostgreSQL counted of each table.
type Counts = BTreeMap<u32, Written>;

/// How many rows were inserted, updated and deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
struct Written(i64, i64, i64);

/// The tables in which more happened between two counts than that the rows were inserted that steps
/// made.
fn stirred(before: &Counts, after: &Counts, results: &[StepResult]) -> BTreeSet<u32> {
    let mut made: BTreeMap<u32, i64> = BTreeMap::new();
    for MadeRow(table, ..) in results.iter().flat_map(|result| &result.made) {
        *made.entry(*table).or_default() += 1;
    }
    let explained = |(table, now): &(&u32, &Written)| {
        let before = before.get(table).copied().unwrap_or_default();
        let made = made.get(table).copied().unwrap_or_default();
        **now == Written(before.0 + made, before.1, before.2)
    };
    let unexplained = after.iter().filter(|table| !explained(table));
    unexplained.map(|(table, _)| *table).collect()
}

impl MadeRow {
    /// As a plain insertion answers.
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        let table: i64 = row.try_get(0)?;
        let place: String = row.try_get(1)?;
        Ok(Self(table as u32, place.into(), row.try_get(2)?))
    }
}

impl StepResult {
    /// Of a plain step, whose one row was taken.
    fn taken(table: u32, made: MadeRow) -> Self {
        Self { table, taken: 1, rows: 0, born: 0, refusals: Vec::new(), made: vec![made] }
    }

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

/// A message of several statements. Some of them answer with a row; only these are told apart.
struct Script {
    text: String,
    statements: usize,
    answers: Vec<usize>,
}

impl Script {
    fn add(&mut self, statement: &str) {
        self.text.push_str(statement);
        self.text.push_str(";\n");
        self.statements += 1;
    }

    fn ask(&mut self, statement: &str) {
        self.answers.push(self.statements);
        self.add(statement);
    }

    /// The answers in their order.
    async fn run(self, connection: &mut PgConnection) -> Result<Vec<PgRow>, sqlx::Error> {
        let mut results = sqlx::raw_sql(AssertSqlSafe(self.text)).fetch_many(connection);
        let (mut ended, mut rows) = (0, Vec::new());
        while let Some(result) = results.try_next().await? {
            match result {
                Either::Left(_) => ended += 1,
                Either::Right(row) if self.answers.contains(&ended) => rows.push(row),
                Either::Right(_) => {}
            }
        }
        Ok(rows)
    }
}

/// Runs the steps, those of plain statements before the others and else in their order, in a
/// transaction of their own. `None`, and nothing has happened, when a step without alternatives
/// would have needed them.
pub(super) async fn run(
    connection: &mut PgConnection,
    steps: &[Step],
) -> Result<Option<Made>, SeedingError> {
    let (plain, others): (Vec<&Step>, Vec<&Step>) =
        steps.iter().partition(|step| step.plain.is_some());
    let script = script(&plain, &others)?;
    let rows = match script.run(connection).await {
        Ok(rows) => rows,
        Err(error) => {
            // What was refused is the error to tell.
            let _ = sqlx::raw_sql("ROLLBACK").execute(connection).await;
            let code = error.as_database_error().and_then(DatabaseError::code);
            return match code.as_deref() {
                Some(WITHOUT_ALTERNATIVES) => Ok(None),
                Some(_) if !plain.is_empty() => Ok(None),
                _ => Err(SeedingError::database("seed")(error)),
            };
        }
    };
    read(&rows, &plain, !others.is_empty()).map(Some)
}

fn script(plain: &[&Step], others: &[&Step]) -> Result<Script, SeedingError> {
    const WRITTEN: &str = include_str!("written.sql");
    let mut script = Script { text: String::new(), statements: 0, answers: Vec::new() };
    script.add("BEGIN");
    script.add(&format!("SET LOCAL statement_timeout = '{DEADLINE}'"));
    script.add("SET LOCAL jit = off");
    script.add("SET CONSTRAINTS ALL DEFERRED");
    script.ask(WRITTEN);
    if !plain.is_empty() {
        script.add(&format!("SELECT set_config('{TAKEN}', '0', true)"));
        for statement in plain.iter().filter_map(|step| step.plain.as_ref()) {
            script.ask(statement);
        }
        script.add("SET CONSTRAINTS ALL IMMEDIATE");
        script.add("SET CONSTRAINTS ALL DEFERRED");
        // A trigger leaves a row out without a word; this then divides by zero.
        let count = plain.len();
        script.add(&format!("SELECT 1 / (current_setting('{TAKEN}')::int = {count})::int"));
    }
    if !others.is_empty() {
        let plan = serde_json::to_string(others).map_err(SeedingError::answer("writing a plan"))?;
        let body = include_str!("interpreter.sql")
            .replacen("{keys}", &keys_of(plain, others), 1)
            .replacen("{plan}", &dollar_quoted(&plan), 1);
        script.add(&format!("DO {}", dollar_quoted(&body)));
        script.ask("SELECT current_setting('harness.seeding')");
    }
    script.ask(WRITTEN);
    script.add("COMMIT");
    script.ask("SELECT pg_snapshot_xmin(pg_current_snapshot())::text");
    Ok(script)
}

/// The rows of plain steps that other steps refer to, in SQL.
fn keys_of(plain: &[&Step], others: &[&Step]) -> String {
    let mut keys = "'{}'::jsonb".to_owned();
    for Step { table, .. } in plain {
        if others.iter().any(|other| other.parents.contains_key(table)) {
            let name = key_setting(*table);
            let _ =
                write!(keys, " || jsonb_build_object('{table}', current_setting('{name}')::jsonb)");
        }
    }
    keys
}

/// What the answers come to: the count before, the rows of plain steps, how the others went, the
/// count after, and the horizon.
fn read(rows: &[PgRow], plain: &[&Step], with_others: bool) -> Result<Made, SeedingError> {
    let wrong = || SeedingError::database("read how seeding went");
    let mut rows = rows.iter();
    let mut next = || rows.next().ok_or(sqlx::Error::RowNotFound).map_err(wrong());
    let text = |row: &PgRow| row.try_get::<String, _>(0).map_err(wrong());
    let counts = |row: &PgRow| -> Result<Counts, SeedingError> {
        serde_json::from_str(&text(row)?).map_err(SeedingError::answer("reading what was written"))
    };
    let before = counts(next()?)?;
    let mut results = Vec::new();
    for step in plain {
        let made = MadeRow::of(next()?).map_err(wrong())?;
        results.push(StepResult::taken(step.table, made));
    }
    if with_others {
        let others: Vec<StepResult> = serde_json::from_str(&text(next()?)?)
            .map_err(SeedingError::answer("reading how seeding went"))?;
        results.extend(others);
    }
    let after = counts(next()?)?;
    let stirred = stirred(&before, &after, &results);
    Ok(Made { stirred, results, horizon: text(next()?)? })
}
