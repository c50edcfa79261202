//! Why a catalog could not be read.

/// Why a catalog could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The server refused a query or went away.
    #[error("cannot read {what} from PostgreSQL's catalog: {source}")]
    Query {
        /// What was to be read.
        what: &'static str,
        /// What the server said.
        source: sqlx::Error,
    },
    /// The server is older than what is supported.
    #[error("PostgreSQL {major} is too old for reading its catalog: 14 is the oldest that works")]
    TooOld {
        /// Its major version.
        major: i32,
    },
}

impl CatalogError {
    pub(super) fn reading(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Query { what, source }
    }
}
