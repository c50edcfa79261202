//! Why a certification, or one case of it, cannot be carried through.

use std::path::PathBuf;

use crate::environment::postgres::PostgresError;
use crate::environment::{EnvironmentError, PortError, ProcessError};
use crate::migrations::catalog::CatalogError;
use crate::migrations::lineage::LineageError;
use crate::system::TemplateError;

/// Why a certification, or one case of it, cannot be carried through.
#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
    /// The migrations cannot be read.
    #[error("in the folder of the migrations: {0}")]
    Lineage(#[from] LineageError),
    /// The file names a version that no migration has.
    #[error("{key} names {version:?}, which is no migration's version; the last one is {last:?}")]
    UnknownVersion {
        /// The key in the file.
        key: &'static str,
        /// What it names.
        version: String,
        /// A version that there is.
        last: String,
    },
    /// No case has that name.
    #[error("no case is called {name:?}; cases are named as in the table, groups are: {known}")]
    UnknownCase {
        /// What was asked for.
        name: String,
        /// Every group of cases.
        known: String,
    },
    /// A text of the file asks for something unknown.
    #[error("in the certify file: {0}")]
    Template(#[from] TemplateError),
    /// A file cannot be copied or written.
    #[error("cannot write {path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// PostgreSQL refuses the harness itself.
    #[error("cannot {action}: {source}")]
    Database {
        /// What was tried.
        action: String,
        /// What PostgreSQL said.
        source: sqlx::Error,
    },
    /// A program that the harness runs fails.
    #[error("`{program}` failed: {message}")]
    Program {
        /// The program.
        program: String,
        /// Its words.
        message: String,
    },
    /// The server's program is nowhere.
    #[error("the server's program {program} is nowhere; {key} in the certify file names it")]
    NoProgram {
        /// The program, as it is looked for.
        program: String,
        /// The key in the file.
        key: &'static str,
    },
    /// There is nothing to compare with.
    #[error(
        "the server does not come up undisturbed with {migrations} of its migrations: {why}; \
         see the case empty-database"
    )]
    NoReference {
        /// How many migrations its folder had.
        migrations: usize,
        /// What it did instead.
        why: String,
    },
    /// The case needs what the server does not offer.
    #[error("{0}")]
    CannotTell(String),
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// PostgreSQL does not start.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// A local process.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The environment.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
}

impl CertifyError {
    /// For `map_err` on what the file system refuses.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// For `map_err` on what PostgreSQL refuses.
    pub(super) fn database(action: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        let action = action.into();
        move |source| Self::Database { action, source }
    }
}
