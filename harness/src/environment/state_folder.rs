//! The folder for the files of what the harness starts.

use std::path::Path;

use tempfile::TempDir;

use super::EnvironmentError;
use super::janitor::{Janitor, Leftover, Watch};

/// The folder for the parts' own files, removed in the end, whatever the end is.
#[derive(Debug)]
pub struct StateFolder {
    folder: TempDir,
    _watch: Watch,
}

impl StateFolder {
    /// Makes an empty one.
    ///
    /// # Errors
    /// When it cannot be made, or nobody would remove it if the harness is killed.
    pub fn new() -> Result<Self, EnvironmentError> {
        let root = std::env::temp_dir();
        let folder = tempfile::Builder::new()
            .prefix("redflag-harness-state-")
            .tempdir_in(&root)
            .map_err(|source| EnvironmentError::Folder { path: root, source })?;
        let leftover = Leftover::Folder(folder.path().to_owned());
        Ok(Self { folder, _watch: Janitor::global().watch(&leftover)? })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}
