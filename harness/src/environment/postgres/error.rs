use std::io;
use std::path::{Path, PathBuf};

use super::binaries::BinariesError;
use crate::environment::janitor::JanitorError;
use crate::environment::ports::PortError;

/// Why PostgreSQL is not there or not usable.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The server's programs are not there.
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    /// Nowhere enough room for a data directory.
    #[error(
        "too little room for PostgreSQL's files: {needed_mib} MiB are needed, and {}; \
         make room, or point TMPDIR to a folder that has it",
        found.join(", ")
    )]
    NoRoom {
        /// In MiB.
        needed_mib: u64,
        /// What was found in each place.
        found: Vec<String>,
    },
    /// The system refused something with a file or folder.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was to be done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path of the server's Unix socket is longer than the system allows.
    #[error(
        "the path of PostgreSQL's socket is too long ({length} bytes, at most 107): {path}; \
         point TMPDIR to a shorter folder"
    )]
    SocketPath {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
    /// A program could not be started at all.
    #[error("cannot start {program}: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// `initdb` or a program like it failed.
    #[error("{program} failed ({status}): {output}")]
    Program {
        /// The program.
        program: String,
        /// Its exit status.
        status: String,
        /// The end of its output.
        output: String,
    },
    /// The server ended, or was not ready in time, instead of accepting connections.
    #[error("PostgreSQL did not start ({reason}); the end of its log {log_path}:\n{log_end}")]
    Start {
        /// What was seen of the process.
        reason: String,
        /// The server's log file.
        log_path: PathBuf,
        /// Its last lines.
        log_end: String,
    },
    /// No port for the server.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Nobody would clean up after this process.
    #[error(transparent)]
    Janitor(#[from] JanitorError),
    /// The server refused a statement or a connection.
    #[error("PostgreSQL refused to {action}: {source}")]
    Database {
        /// What was to be done.
        action: String,
        /// What the server said.
        source: sqlx::Error,
    },
    /// The thread that works for this ended early.
    #[error("the work on PostgreSQL was ended before it was done: {0}")]
    Interrupted(String),
}

impl PostgresError {
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    pub(super) fn database(action: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        let action = action.into();
        move |source| Self::Database { action, source }
    }
}
