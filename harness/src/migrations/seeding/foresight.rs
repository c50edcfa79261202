//! What later versions demand of a column, seen in the fresh pass.

use sqlx::PgConnection;

use super::SeedingError;

/// What each version of a lineage demands of its tables, noted after each migration of the fresh
/// pass. A [`super::Seeder`] that has it generates rows that later versions take, beside some that
/// they do not.
#[derive(Clone, Debug, Default)]
pub struct Foresight {}

impl Foresight {
    /// Nothing noted yet: every row is generated as its own version permits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes what this version demands. Call it after each migration, in order.
    ///
    /// # Errors
    /// PostgreSQL is gone.
    pub async fn note(
        &mut self,
        _connection: &mut PgConnection,
        _version: &str,
    ) -> Result<(), SeedingError> {
        Ok(())
    }
}
