//! Lets PostgreSQL itself say which candidates a constraint accepts, so that no expression needs to
//! be understood here.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::SeedingError;
use super::table_name::{dollar_quoted, quote_identifier};

/// One value for each column of a problem, as text; `None` is NULL.
pub(super) type Candidate = Vec<Option<String>>;

/// Which of these candidates meet all conditions?
#[derive(Clone, Debug, Serialize)]
pub(super) struct Problem {
    pub candidates: Vec<Candidate>,
    pub conditions: Vec<Condition>,
}

/// A condition on candidates.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Condition {
    pub sql: String,
    /// Whether no row can do without it; one that is only wished for is dropped when no candidate
    /// meets it.
    pub required: bool,
}

/// What is left of a problem.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sifted {
    /// The candidates that meet all.
    pub passed: Vec<Candidate>,
    /// For each condition that was wished for, some that meet what was asked before, but not it.
    pub failing: Vec<Vec<Candidate>>,
}

impl Condition {
    /// Holds where the expression is true or NULL, as in a CHECK. `columns` names what the
    /// expression reads and gives its type, in the order of the candidates; `None` is not read.
    pub fn new(columns: &[Option<(&str, &str)>], expression: &str, required: bool) -> Self {
        let mut values = String::new();
        for (place, column) in columns.iter().enumerate() {
            if let Some((name, type_name)) = column {
                let comma = if values.is_empty() { "" } else { ", " };
                let name = quote_identifier(name);
                let _ = write!(values, "{comma}(candidate->>{place})::{type_name} AS {name}");
            }
        }
        let sql = format!(
            "SELECT jsonb_agg(candidate ORDER BY place) \
             FROM jsonb_array_elements($1) WITH ORDINALITY AS candidates (candidate, place) \
             WHERE (SELECT ({expression}) FROM (SELECT {values}) AS tried) IS NOT FALSE"
        );
        Self { sql, required }
    }
}

/// Solves all problems in one round trip.
pub(super) async fn sift(
    connection: &mut PgConnection,
    problems: &[Problem],
) -> Result<Vec<Sifted>, SeedingError> {
    if problems.is_empty() {
        return Ok(Vec::new());
    }
    let text = serde_json::to_string(problems).map_err(SeedingError::answer("writing problems"))?;
    let body = include_str!("sieve.sql").replacen("{problems}", &dollar_quoted(&text), 1);
    let script = format!(
        "BEGIN; SET LOCAL statement_timeout = '60s'; SET LOCAL jit = off; DO {}; \
         SELECT current_setting('harness.seeding'); ROLLBACK",
        dollar_quoted(&body)
    );
    let answer = sqlx::raw_sql(AssertSqlSafe(script)).fetch_one(&mut *connection).await;
    if answer.is_err() {
        // What was refused is the error to tell.
        let _ = sqlx::raw_sql("ROLLBACK").execute(connection).await;
    }
    let answer: String =
        answer.and_then(|row| row.try_get(0)).map_err(SeedingError::database("try values"))?;
    serde_json::from_str(&answer).map_err(SeedingError::answer("reading which values passed"))
}
