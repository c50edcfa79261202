//! A plan of insertions that PostgreSQL carries out by itself, in one round trip.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row as _};

use super::SeedingError;
use super::table_name::quote_literal;

/// How long one plan may take; a trigger may wait for something that never comes.
const DEADLINE: &str = "60s";

/// The rows of one table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    pub table: u32,
    /// What its rows are the newest of: itself, and the root of its partition tree.
    pub registers: Vec<u32>,
    /// All rows at once.
    pub all: String,
    /// Each row for itself: its alternatives, tried in turn until one is taken.
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

/// Runs the steps in their order, in a transaction of their own.
pub(super) async fn run(
    connection: &mut PgConnection,
    steps: &[Step],
) -> Result<Vec<StepResult>, SeedingError> {
    let database = SeedingError::database;
    let plan = serde_json::to_string(steps).map_err(SeedingError::answer("writing a plan"))?;
    let body = include_str!("interpreter.sql").replacen("{plan}", &quote_literal(&plan), 1);
    let mut transaction = connection.begin().await.map_err(database("begin to seed"))?;
    let prepare = format!(
        "SET LOCAL statement_timeout = '{DEADLINE}'; SET LOCAL jit = off; \
         SET CONSTRAINTS ALL DEFERRED"
    );
    sqlx::raw_sql(AssertSqlSafe(prepare))
        .execute(&mut *transaction)
        .await
        .map_err(database("prepare to seed"))?;
    sqlx::raw_sql(AssertSqlSafe(format!("DO {}", quote_literal(&body))))
        .execute(&mut *transaction)
        .await
        .map_err(database("seed"))?;
    let answer: String = sqlx::raw_sql("SELECT current_setting('harness.seeding')")
        .fetch_one(&mut *transaction)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(database("read how seeding went"))?;
    transaction.commit().await.map_err(database("commit the seeded rows"))?;
    serde_json::from_str(&answer).map_err(SeedingError::answer("reading how seeding went"))
}
