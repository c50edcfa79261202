//! Where sequences stand and how often rows were touched, at one moment and in one question.

use sqlx::{PgConnection, Row};

use super::timings::spent_on;
use super::touched::Touches;
use super::{ReplayError, Sequences};

/// Tables by their names, and sequences, which are given none.
const STANDING: &str = "
    SELECT c.oid::int8 AS id,
           CASE c.relkind WHEN 'r' THEN format('%I.%I', n.nspname, c.relname) END AS name,
           CASE c.relkind WHEN 'S' THEN pg_sequence_last_value(c.oid)
             ELSE pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid)
               + pg_stat_get_xact_tuples_deleted(c.oid) + c.relfilenode::int8 END AS value
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't' AND (c.relkind = 'S'
      OR c.relkind = 'r' AND c.oid >= 16384 AND n.nspname <> 'information_schema')";

/// What a trial changes and no rollback puts back.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Where every sequence stands.
    pub sequences: Sequences,
    /// How often the rows of each table were touched.
    pub touches: Touches,
}

impl Standing {
    /// Reads both.
    ///
    /// # Errors
    /// The server is down, or the transaction has failed.
    pub async fn read(connection: &mut PgConnection) -> Result<Self, ReplayError> {
        let refused = ReplayError::server("read which tables and sequences were touched");
        spent_on("touches_ms", Self::ask(connection)).await.map_err(refused)
    }

    async fn ask(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let mut standing = Self::default();
        for row in sqlx::query(STANDING).fetch_all(connection).await? {
            let id = row.try_get("id")?;
            match row.try_get("name")? {
                Some(name) => standing.touches.insert(id, name, row.try_get("value")?),
                None => standing.sequences.insert(id, row.try_get("value")?),
            }
        }
        Ok(standing)
    }
}
