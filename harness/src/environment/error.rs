//! Why an environment cannot be started or kept.

use std::path::PathBuf;

use super::containers::ContainersError;
use super::janitor::JanitorError;
use super::ports::PortError;
use super::postgres::PostgresError;
use super::process::ProcessError;
use super::proxy_client::ProxyError;
use crate::system::TemplateError;

/// Why an environment cannot be started or kept.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The system's programs cannot be built.
    #[error("cannot build the system's programs: {message}")]
    Build {
        /// The build's own words.
        message: String,
    },
    /// A folder cannot be made.
    #[error("cannot make the folder {path}: {source}; is the disk full or not writable?")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An address is taken.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// A part did not come up.
    #[error("`{part}` {what}; its log tells why")]
    NotReady {
        /// The part.
        part: String,
        /// What it did instead.
        what: String,
    },
    /// What the parts rely on, and no fault of a plan hits, is gone.
    #[error(
        "{service} at {address} takes no connections any more, and no fault of the plan did that; \
         its log tells why"
    )]
    Lost {
        /// What it is.
        service: String,
        /// Where it was reached.
        address: String,
    },
    /// A part cannot be made short of something.
    #[error("cannot limit the resources of `{part}`: {source}")]
    Limit {
        /// The part.
        part: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file that a part is to find in its folder cannot be written.
    #[error("cannot write {path}: {source}; is the disk full or not writable?")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A setup call failed.
    #[error("setup call {what} failed: {why}")]
    Setup {
        /// The call.
        what: String,
        /// Why.
        why: String,
    },
    /// The system file describes something that this backend cannot do.
    #[error("{0}")]
    Unsupported(String),
    /// A text of the system file asks for something unknown.
    #[error("in the system file: {0}")]
    Template(#[from] TemplateError),
    /// PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// A local process.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Containers.
    #[error(transparent)]
    Containers(#[from] ContainersError),
    /// The janitor.
    #[error(transparent)]
    Janitor(#[from] JanitorError),
}
