//! Sequences never roll back: after a trial they are put back by hand.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::ReplayError;
use super::timings::spent_on;

/// Where every sequence of a database stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequences {
    /// By object id: the last value given out, or none yet.
    values: BTreeMap<i64, Option<i64>>,
}

const VALUES: &str = "SELECT oid::int8 AS id, pg_sequence_last_value(oid) AS value \
                      FROM pg_class WHERE relkind = 'S' AND relpersistence <> 't'";

impl Sequences {
    /// Reads where they stand.
    ///
    /// # Errors
    /// The server is down, or the transaction has failed.
    pub async fn read(connection: &mut PgConnection) -> Result<Self, ReplayError> {
        let refused = ReplayError::server("read the sequences");
        let rows = spent_on("sequences_ms", sqlx::query(VALUES).fetch_all(connection))
            .await
            .map_err(refused)?;
        let values = rows.iter().map(|row| (row.get("id"), row.get("value"))).collect();
        Ok(Self { values })
    }

    /// Notes where a sequence stands.
    pub(super) fn insert(&mut self, id: i64, value: Option<i64>) {
        self.values.insert(id, value);
    }

    /// Puts back every sequence that stood elsewhere and is still there.
    ///
    /// # Errors
    /// As [`Sequences::read`].
    pub async fn restore(&self, connection: &mut PgConnection) -> Result<(), ReplayError> {
        let now = Self::read(connection).await?;
        self.restore_from(&now, connection).await
    }

    /// The same, where it is known how they stand now.
    ///
    /// # Errors
    /// As [`Sequences::read`].
    pub async fn restore_from(
        &self,
        now: &Self,
        connection: &mut PgConnection,
    ) -> Result<(), ReplayError> {
        let moved = now
            .values
            .iter()
            .filter(|(id, value)| self.values.get(*id).is_some_and(|before| before != *value));
        let calls: Vec<String> = moved.map(|(id, _)| set(*id, self.values[id])).collect();
        if calls.is_empty() {
            return Ok(());
        }
        let refused = ReplayError::server("put back the sequences");
        let text = AssertSqlSafe(calls.join("; "));
        sqlx::raw_sql(text).execute(connection).await.map(drop).map_err(refused)
    }
}

fn set(id: i64, value: Option<i64>) -> String {
    match value {
        Some(value) => format!("SELECT setval({id}::regclass, {value}, true)"),
        None => format!(
            "SELECT setval({id}::regclass, (SELECT seqstart FROM pg_sequence \
             WHERE seqrelid = {id}), false)"
        ),
    }
}
