//! The folder of one run: its history, its plan, the logs of every part, its reports.

use std::path::{Path, PathBuf};

/// Where the files of one run lie.
#[derive(Clone, Debug)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Makes a folder for a run, below `parent`, with a name that no other has.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(parent: &Path, plan: &str, seed: u64) -> std::io::Result<Self> {
        std::fs::create_dir_all(parent)?;
        let stamp = chrono::Utc::now().format("%Y%m%d-%H%M%S");
        let mut number = 1;
        loop {
            let suffix = if number == 1 { String::new() } else { format!("-{number}") };
            let root = std::path::absolute(parent.join(format!("{plan}-{stamp}-{seed}{suffix}")))?;
            match std::fs::create_dir(&root) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                made => {
                    made?;
                    let folder = Self { root };
                    std::fs::create_dir(folder.logs())?;
                    return Ok(folder);
                }
            }
        }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the parts' logs.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The history.
    pub fn history(&self) -> PathBuf {
        self.root.join("history.jsonl")
    }

    /// The log of one part.
    pub fn log_of(&self, part: &str) -> PathBuf {
        self.logs().join(format!("{part}.log"))
    }

    /// What the harness itself logs, its embedded proxy included.
    pub fn own_log(&self) -> PathBuf {
        self.logs().join("harness.log")
    }

    /// The plan, schedule included.
    pub fn plan(&self) -> PathBuf {
        self.root.join("plan.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_of_one_second_have_folders_of_their_own() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path().join("made");
        let one = RunFolder::create(&parent, "quick", 7).unwrap();
        let two = RunFolder::create(&parent, "quick", 7).unwrap();
        assert_ne!(one.root(), two.root());
        assert!(one.logs().is_dir() && two.logs().is_dir());
    }
}
