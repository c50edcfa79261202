//! Proxies to start with, from a file in Toxiproxy's own format.

use std::path::{Path, PathBuf};

use crate::collection::{PopulateError, Proxies};
use crate::model::NewProxy;

/// Why the proxies of a file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("{path} is not a JSON array of proxies: {source}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A proxy of it cannot be made.
    #[error("{path}: {source}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PopulateError,
    },
}

/// Makes the proxies that a file names: a JSON array as `POST /populate` takes it. Returns how
/// many.
///
/// # Errors
/// When the file cannot be read or a proxy cannot be made.
pub async fn load_config(proxies: &Proxies, path: &Path) -> Result<usize, ConfigError> {
    let owned = || path.to_owned();
    let text =
        std::fs::read(path).map_err(|source| ConfigError::Unreadable { path: owned(), source })?;
    let list: Vec<NewProxy> = serde_json::from_slice(&text)
        .map_err(|source| ConfigError::Malformed { path: owned(), source })?;
    let made = proxies.populate(list).await;
    Ok(made.map_err(|source| ConfigError::Refused { path: owned(), source })?.len())
}
