//! What makes a folder no lineage.

use std::path::PathBuf;

/// A folder that cannot be read as a lineage.
#[derive(Debug, thiserror::Error)]
pub enum LineageError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no migration in it.
    #[error("{path} has no migration{}: {hint}", of(.convention.as_ref()))]
    Empty {
        /// The folder.
        path: PathBuf,
        /// Whose migrations were asked for.
        convention: Option<String>,
        /// What is there instead, and what to do.
        hint: String,
    },
    /// Several tools' migrations are in it.
    #[error(
        "{path} mixes migrations of several tools: {}; separate them, or name one with --convention",
        .claims.join(", ")
    )]
    Mixed {
        /// The folder.
        path: PathBuf,
        /// Whose they seem to be, with a file of each.
        claims: Vec<String>,
    },
    /// A file is not UTF-8.
    #[error("{file} is not valid UTF-8 from byte {offset} on{hint}; save it as UTF-8")]
    Encoding {
        /// The file.
        file: String,
        /// The first byte that is wrong, from 0.
        offset: usize,
        /// What it may be instead.
        hint: &'static str,
    },
    /// A file holds a command of psql.
    #[error(
        "{file}, line {line}: `{command}` is a command of psql, which a server does not understand; \
         write it in SQL, or let psql run the file before"
    )]
    MetaCommand {
        /// The file.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// The command.
        command: String,
    },
    /// A migration starts programs or reads files, and nobody said that it may.
    #[error(
        "{file}, line {line}: {what} reaches this machine, since migrations are replayed as a \
         superuser; take it out, or write `reaches-machine = true` into lineage.toml in or beside \
         the folder if it may"
    )]
    ReachesMachine {
        /// The file.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// The words that do.
        what: String,
    },
    /// Two files have one version, which the tool refuses.
    #[error("{} and {} both have version {version}, which {tool} refuses; rename one", .files.0, .files.1)]
    Duplicate {
        /// The version.
        version: String,
        /// The files.
        files: (String, String),
        /// The tool.
        tool: &'static str,
    },
    /// A file is not what the tool demands.
    #[error("{file}, line {line}: {message}")]
    Malformed {
        /// The file.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// What is wrong, and what to do.
        message: String,
    },
    /// Files include each other without end.
    #[error("{} include each other without end; break the circle", .files.join(", then "))]
    Cycle {
        /// The files, each including the next; the last is the first again.
        files: Vec<String>,
    },
    /// `lineage.toml` is not what it must be.
    #[error("{path}: {message}")]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong, and on which line.
        message: String,
    },
    /// A stub is for a version that needs none.
    #[error("--stub {version}: {message}")]
    Stub {
        /// The version.
        version: String,
        /// What is wrong.
        message: String,
    },
}

fn of(convention: Option<&String>) -> String {
    convention.map(|convention| format!(" of {convention}")).unwrap_or_default()
}
