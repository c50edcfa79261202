//! Some rows, by where they lie.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use sqlx::{AssertSqlSafe, PgConnection};

use super::{SeedingError, TableName};

/// Some rows, by where they lie since the last look of a [`super::Population`]; with every row goes
/// what depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSet {
    /// Tables or partitions; places as PostgreSQL writes a `ctid`.
    pub(super) tables: BTreeMap<TableName, BTreeSet<Box<str>>>,
}

impl RowSet {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tables.values().map(BTreeSet::len).sum()
    }

    /// Begins a transaction in which they are deleted, with no trigger fired and no foreign key
    /// asked; the setting that it needs is put back.
    ///
    /// # Errors
    /// PostgreSQL is gone, or the session's role is no superuser.
    pub async fn begin_without(&self, connection: &mut PgConnection) -> Result<(), SeedingError> {
        let mut sql = "BEGIN".to_owned();
        if !self.is_empty() {
            sql.push_str("; SET LOCAL session_replication_role = replica;");
        }
        for (table, places) in &self.tables {
            let places: Vec<String> = places.iter().map(|place| format!("\"{place}\"")).collect();
            let _ = write!(
                sql,
                " DELETE FROM ONLY {} WHERE ctid = ANY ('{{{}}}'::tid[]);",
                table.quoted(),
                places.join(",")
            );
        }
        if !self.is_empty() {
            sql.push_str(" SET LOCAL session_replication_role = origin");
        }
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(connection)
            .await
            .map_err(SeedingError::database("leave out rows"))?;
        Ok(())
    }
}
