//! Which tables' rows a piece of work changed: counters say where to look, digests what differs.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::ReplayError;
use super::timings::spent_on;

/// How often the rows of each table were touched in this transaction, and where the table lies.
/// Counters never go back within a transaction, not even for what is rolled back.
#[derive(Clone, Debug, Default)]
pub struct Touches {
    tables: BTreeMap<i64, (String, i64)>,
}

const TOUCHES: &str = "
    SELECT c.oid::int8 AS id, format('%I.%I', n.nspname, c.relname) AS name,
           pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid)
             + pg_stat_get_xact_tuples_deleted(c.oid) + c.relfilenode::int8 AS touches
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't'
      AND c.oid >= 16384 AND n.nspname <> 'information_schema'";

impl Touches {
    /// Reads the counters.
    ///
    /// # Errors
    /// The server is down, or the transaction has failed.
    pub async fn read(connection: &mut PgConnection) -> Result<Self, ReplayError> {
        let refused = ReplayError::server("read which tables were touched");
        let rows = spent_on("touches_ms", sqlx::query(TOUCHES).fetch_all(connection))
            .await
            .map_err(refused)?;
        let table = |row: &sqlx::postgres::PgRow| {
            (row.get("id"), (row.get::<String, _>("name"), row.get::<i64, _>("touches")))
        };
        Ok(Self { tables: rows.iter().map(table).collect() })
    }

    /// Notes how often a table of this quoted name was touched.
    pub(super) fn insert(&mut self, id: i64, name: String, touches: i64) {
        self.tables.insert(id, (name, touches));
    }

    /// The tables, by their quoted names, that were touched between an earlier reading and this.
    pub fn since(&self, earlier: &Self) -> Vec<String> {
        self.touched(earlier).map(|(_, name)| name.to_owned()).collect()
    }

    /// The same by their object ids.
    pub fn ids_since(&self, earlier: &Self) -> BTreeSet<u32> {
        self.touched(earlier).filter_map(|(id, _)| u32::try_from(id).ok()).collect()
    }

    fn touched(&self, earlier: &Self) -> impl Iterator<Item = (i64, &str)> {
        self.tables.iter().filter_map(|(id, (name, touches))| {
            let (_, before) = earlier.tables.get(id)?;
            (before != touches).then_some((*id, name.as_str()))
        })
    }
}

/// A digest of all rows of each table, by its quoted name. Order does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests(BTreeMap<String, String>);

impl Digests {
    /// Digests the rows of these tables.
    ///
    /// # Errors
    /// The server is down, or there is no such table.
    pub async fn read(
        connection: &mut PgConnection,
        tables: &[String],
    ) -> Result<Self, ReplayError> {
        let digest = |table: &String| {
            format!(
                "SELECT count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) \
                 FROM {table} t"
            )
        };
        let queries: Vec<String> = tables.iter().map(digest).collect();
        if queries.is_empty() {
            return Ok(Self::default());
        }
        let text = AssertSqlSafe(queries.join("; "));
        let refused = ReplayError::server("digest a table");
        let rows = spent_on("touches_ms", sqlx::raw_sql(text).fetch_all(connection));
        let rows = rows.await.map_err(refused)?;
        let digests = rows.iter().map(|row| row.get(0));
        let digests = tables.iter().cloned().zip(digests).collect();
        Ok(Self(digests))
    }

    /// Digests every table outside the system's schemas.
    ///
    /// # Errors
    /// The server is down.
    pub async fn of_all(connection: &mut PgConnection) -> Result<Self, ReplayError> {
        let touches = Touches::read(connection).await?;
        let tables: Vec<String> = touches.tables.into_values().map(|(name, _)| name).collect();
        Self::read(connection, &tables).await
    }

    /// The tables whose rows differ from another reading of the same tables.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let differs = |(table, digest): &(&String, &String)| other.0.get(*table) != Some(digest);
        self.0.iter().filter(differs).map(|(table, _)| table.clone()).collect()
    }
}
