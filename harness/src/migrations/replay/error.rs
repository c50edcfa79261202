use std::io;

use super::drift::DriftError;
use super::starting_point::StartingPointError;
use crate::environment::postgres::PostgresError;
use crate::migrations::catalog::CatalogError;
use crate::migrations::lineage::LineageError;
use crate::migrations::seeding::SeedingError;

/// Why a replay could not be carried through. What a migration does wrong is no error, but an
/// entry of the outcome.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The replay's own PostgreSQL is missing or did not start.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// A file or folder of the replay's own could not be made.
    #[error("cannot make a temporary folder: {0}")]
    Folder(#[source] io::Error),
    /// The replay's own PostgreSQL refused what the replay itself asked of it.
    #[error("the replay's own PostgreSQL refused to {action}: {source}")]
    Server {
        /// What was to be done.
        action: &'static str,
        /// What it said.
        source: sqlx::Error,
    },
    /// The schema could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Rows could not be generated or watched at all.
    #[error(transparent)]
    Seeding(#[from] SeedingError),
    /// There is nothing to compare the head with.
    #[error(transparent)]
    Drift(Box<DriftError>),
    /// There is no starting from the dump.
    #[error(transparent)]
    StartingPoint(Box<StartingPointError>),
    /// A migration does what nobody said that it may.
    #[error(transparent)]
    Lineage(#[from] LineageError),
    /// The lineage's prelude is refused.
    #[error("the prelude in lineage.toml is refused: {0}")]
    Prelude(String),
    /// The tool's own tracking table could not be made.
    #[error("the tracking table cannot be made: {0}")]
    Tracking(String),
}

impl ReplayError {
    /// Whether what was handed in is to blame, and not the machine.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Drift(_) | Self::StartingPoint(_) | Self::Lineage(_) | Self::Prelude(_)
        )
    }

    pub(super) fn server(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Server { action, source }
    }
}
