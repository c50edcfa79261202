/// Why rows could not be generated, watched or left out at all. A single table that takes no row
/// is no error, see [`super::SeedingOutcome`].
#[derive(Debug, thiserror::Error)]
pub enum SeedingError {
    /// PostgreSQL refused one of our own statements, or is gone.
    #[error("cannot {action}: {source}")]
    Database {
        /// What was to be done.
        action: &'static str,
        /// What PostgreSQL said.
        source: sqlx::Error,
    },
    /// PostgreSQL answered with something that we do not understand.
    #[error("cannot read PostgreSQL's answer when {action}: {source}")]
    Answer {
        /// What was being done.
        action: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl SeedingError {
    pub(super) fn database(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { action, source }
    }

    pub(super) fn answer(action: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Answer { action, source }
    }
}
