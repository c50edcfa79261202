//! The clock of a part, which can be set wrong while the part runs.
//!
//! libfaketime (0.9.10 as Debian has it) is loaded before the program's own libraries and reads from
//! a file how far the clock is ahead, anew whenever the program asks for the time. The monotonic
//! clock, by which programs wait, goes on as it is.

use std::path::{Path, PathBuf};

use super::EnvironmentError;

/// The library, where Debian and its kin put it: in a folder of the machine's architecture.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
const LIBRARIES: &str = "/usr/lib";

/// The clock of one part.
#[derive(Debug)]
pub(super) struct Clock {
    file: PathBuf,
}

impl Clock {
    /// A clock that is right, with this file for its setting.
    pub fn new(file: PathBuf) -> Result<Self, EnvironmentError> {
        let clock = Self { file };
        clock.set(0)?;
        Ok(clock)
    }

    /// What a program must find in its environment to have this clock.
    pub fn variables(&self) -> Result<[(String, String); 4], EnvironmentError> {
        let library = library(Path::new(LIBRARIES)).ok_or_else(|| {
            let why =
                "`clock_faults` needs libfaketime, which is not here: apt-get install libfaketime";
            EnvironmentError::Unsupported(why.to_owned())
        })?;
        let variables = [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        Ok(variables.map(|(name, value)| (name.to_owned(), value)))
    }

    /// Sets it so far ahead, in seconds. No program ever reads half of a setting.
    pub fn set(&self, ahead: i64) -> Result<(), EnvironmentError> {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{ahead:+}\n"))
            .and_then(|()| std::fs::rename(&new, &self.file))
            .map_err(|source| EnvironmentError::File { path: self.file.clone(), source })
    }
}

fn library(libraries: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(libraries).ok()?;
    folders.filter_map(|folder| Some(folder.ok()?.path().join(LIBRARY))).find(|path| path.exists())
}
