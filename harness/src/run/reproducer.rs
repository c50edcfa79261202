//! A failure as a file: what has to be run again to see it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Plan, RunError};
use crate::faults::Schedule;
use crate::seed::Seed;

/// The version of the file that this harness writes and reads.
const VERSION: u32 = 1;
/// Its name, in the folder of the failing run.
const FILE: &str = "chaos.json";

/// What has to be run again to see a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reproducer {
    /// The version of this file's form.
    pub version: u32,
    /// The system file, as it was named; none is the one of this repository.
    pub system: Option<PathBuf>,
    /// How the parts ran.
    pub backend: String,
    /// Defects that the system was told to have.
    pub defects: Vec<String>,
    /// Where every random choice of the run came from.
    pub seed: Seed,
    /// What was found, by the findings' ids.
    pub findings: Vec<String>,
    /// What the run does, with the smallest schedule that was seen to fail.
    pub plan: Plan,
    /// The schedule that failed first.
    pub original: Schedule,
    /// How many runs the search for the smallest one took.
    pub runs: usize,
    /// How often the smallest one failed when it was tried again.
    pub failed: usize,
    /// How often it was tried again.
    pub confirmations: usize,
}

/// A folder that does not hold what has to be run again.
#[derive(Debug, thiserror::Error)]
pub enum ReproducerError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}; name a folder that `chaos` has left")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no such file.
    #[error("{path} does not describe a failure: {source}")]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The file is of another harness's form.
    #[error("{path} has version {found}; this harness reads version {VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

impl Reproducer {
    /// The version of the form that is written.
    pub const VERSION: u32 = VERSION;

    /// Writes it into the folder of a run.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn write(&self, folder: &Path) -> Result<(), RunError> {
        let path = folder.join(FILE);
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        std::fs::write(&path, text).map_err(|source| RunError::Write { path, source })
    }

    /// Reads it from the folder of a run.
    ///
    /// # Errors
    /// When there is none, or none of this harness's form.
    pub fn read(folder: &Path) -> Result<Self, ReproducerError> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(ReproducerError::Read { path, source }),
        };
        match serde_json::from_str::<Self>(&text) {
            Ok(read) if read.version == VERSION => Ok(read),
            Ok(read) => Err(ReproducerError::Version { path, found: read.version }),
            Err(source) => Err(ReproducerError::Form { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Fault, ScheduledFault};
    use crate::workload::Pace;

    fn reproducer() -> Reproducer {
        let fault = Fault::Kill { part: "agent-1".into() };
        let schedule = Schedule::new(vec![ScheduledFault { at: 500, lasts: 100, fault }]);
        Reproducer {
            version: VERSION,
            system: Some("mine.toml".into()),
            backend: "embedded".into(),
            defects: Vec::new(),
            seed: Seed(7),
            findings: vec!["delivery.lost".into()],
            plan: Plan {
                name: "chaos".into(),
                pace: Pace { rate: 80, lasts: 13_000 },
                schedule: schedule.clone(),
                drain_bound: 30_000,
            },
            original: schedule,
            runs: 12,
            failed: 5,
            confirmations: 5,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        reproducer().write(folder.path()).unwrap();
        assert_eq!(Reproducer::read(folder.path()).unwrap(), reproducer());
    }

    #[test]
    fn a_folder_without_one_and_one_of_another_form_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Reproducer::read(folder.path()).unwrap_err().to_string();
        assert!(missing.contains("name a folder that `chaos` has left"), "{missing}");
        Reproducer { version: 9, ..reproducer() }.write(folder.path()).unwrap();
        let newer = Reproducer::read(folder.path()).unwrap_err().to_string();
        assert!(newer.contains("has version 9"), "{newer}");
        std::fs::write(folder.path().join(FILE), "{}").unwrap();
        let other = Reproducer::read(folder.path()).unwrap_err().to_string();
        assert!(other.contains("does not describe a failure"), "{other}");
    }
}
