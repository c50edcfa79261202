//! The clock of a part, which can be set wrong while the part runs.
//!
//! libfaketime (0.9.10 as Debian has it) is loaded before the program's own libraries and reads from
//! a file how far the clock is ahead, anew whenever the program asks for the time. The monotonic
//! clock, by which programs wait, goes on as it is.
//!
//! A program that is killed leaves the memory and the semaphore by which libfaketime lets it agree
//! with its children. They are named for its process, so what is left can be told and removed.

use std::path::{Path, PathBuf};

use super::EnvironmentError;
use super::janitor::start_time;

/// The library, where Debian and its kin put it: in a folder of the machine's architecture.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
const LIBRARIES: &str = "/usr/lib";

/// Where shared memory and semaphores have their names, and how libfaketime's begin.
const SHARED: &str = "/dev/shm";
const NAMES: [&str; 2] = ["faketime_shm_", "sem.faketime_sem_"];

/// The clock of one part.
#[derive(Debug)]
pub(super) struct Clock {
    file: PathBuf,
}

impl Clock {
    /// A clock that is right, with this file for its setting.
    pub fn new(file: PathBuf) -> Result<Self, EnvironmentError> {
        // What a harness has left that was killed itself.
        remove_what_is_left(Path::new(SHARED));
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

impl Drop for Clock {
    fn drop(&mut self) {
        remove_what_is_left(Path::new(SHARED));
    }
}

/// Removes what libfaketime shares in the name of processes that are gone.
fn remove_what_is_left(shared: &Path) {
    for entry in std::fs::read_dir(shared).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = NAMES.iter().find_map(|start| name.to_str()?.strip_prefix(start));
        let process = process.and_then(|process| process.parse().ok());
        if process.is_some_and(|process| start_time(process).is_none()) {
            // Somebody else's stays theirs.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn library(libraries: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(libraries).ok()?;
    folders.filter_map(|folder| Some(folder.ok()?.path().join(LIBRARY))).find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_dead_have_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut dead = std::process::Command::new("true").spawn().unwrap();
        dead.wait().unwrap();
        let (dead, own) = (dead.id(), std::process::id());
        let kept = [format!("faketime_shm_{own}"), "faketime_shm_x".into(), dead.to_string()];
        let gone = [format!("faketime_shm_{dead}"), format!("sem.faketime_sem_{dead}")];
        for name in kept.iter().chain(&gone) {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        remove_what_is_left(folder.path());
        let is_there = |name: &String| folder.path().join(name).exists();
        assert!(kept.iter().all(is_there));
        assert!(!gone.iter().any(is_there));
    }
}
