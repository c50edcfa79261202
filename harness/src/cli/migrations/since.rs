//! `--since VERSION|GIT-REF`: which migrations are new, for projects with a long past.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Lineage, Migration};

/// The files of the migrations that are judged.
#[derive(Debug)]
pub struct Judged(BTreeSet<String>);

/// Why nobody can tell what is new.
#[derive(Debug, thiserror::Error)]
#[error(
    "--since {since}: neither a version of the lineage nor something that git knows in {folder}: \
     {reason}"
)]
pub struct SinceError {
    since: String,
    folder: String,
    reason: String,
}

impl Judged {
    /// What came after a version, or what differs from a commit.
    ///
    /// # Errors
    /// It is neither.
    pub fn since(lineage: &Lineage, since: &str) -> Result<Self, SinceError> {
        if let Some(position) = lineage.position(since) {
            let later = lineage.migrations[position + 1..].iter().flat_map(files);
            return Ok(Self(later.collect()));
        }
        let wrong = |reason| SinceError {
            since: since.to_owned(),
            folder: lineage.path.display().to_string(),
            reason,
        };
        if since.starts_with('-') {
            return Err(wrong("a name that begins with a dash is no commit's".into()));
        }
        let changed = ["diff", "--name-only", "--relative", since, "--"];
        let new = ["ls-files", "--others", "--exclude-standard"];
        let mut touched = git(&lineage.path, &changed).map_err(wrong)?;
        touched.extend(git(&lineage.path, &new).map_err(wrong)?);
        let new =
            |migration: &&Migration| files(migration).iter().any(|file| touched.contains(file));
        let judged = lineage.migrations.iter().filter(new).flat_map(files).chain(touched.clone());
        Ok(Self(judged.collect()))
    }

    /// Their names, those of downs among them.
    pub fn files(&self) -> &BTreeSet<String> {
        &self.0
    }

    /// Whether a finding is about one of them, or about none.
    pub fn concerns(&self, finding: &MigrationFinding) -> bool {
        finding.file.as_ref().is_none_or(|file| self.0.contains(file))
    }
}

fn files(migration: &Migration) -> Vec<String> {
    let down = migration.down.as_ref().map(|down| down.file.clone());
    [Some(migration.file().to_owned()), down].into_iter().flatten().collect()
}

/// The lines that git prints in a folder.
fn git(folder: &Path, arguments: &[&str]) -> Result<BTreeSet<String>, String> {
    let output = Command::new("git")
        .args(["-c", "core.quotePath=off"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::migrations::lineage::{ReadOptions, read};

    fn finding(file: Option<&str>) -> MigrationFinding {
        MigrationFinding {
            id: "twice.refused".into(),
            severity: Severity::Info,
            version: None,
            file: file.map(str::to_owned),
            line: None,
            statement: None,
            evidence: String::new(),
            advice: String::new(),
        }
    }

    fn run_git(folder: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let output =
            Command::new("git").args(identity).args(arguments).current_dir(folder).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn what_is_new_is_judged() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| std::fs::write(folder.path().join(name), "SELECT 1;").unwrap();
        write("1_a.up.sql");
        write("2_b.up.sql");
        run_git(folder.path(), &["init", "-q"]);
        run_git(folder.path(), &["add", "."]);
        run_git(folder.path(), &["commit", "-qm", "old"]);
        write("3_c.up.sql");
        write("2_b.down.sql");
        let lineage = read(folder.path(), &ReadOptions::default()).unwrap();
        let judged = |since: &str| {
            let judged = Judged::since(&lineage, since).unwrap();
            ["1_a.up.sql", "2_b.up.sql", "3_c.up.sql"]
                .map(|file| judged.concerns(&finding(Some(file))))
        };
        assert_eq!(judged("1"), [false, true, true]);
        assert_eq!(judged("2"), [false, false, true]);
        assert_eq!(judged("HEAD"), [false, true, true]);
        assert!(Judged::since(&lineage, "3").unwrap().concerns(&finding(None)));
        let message = Judged::since(&lineage, "no-such").unwrap_err().to_string();
        assert!(message.contains("no-such"), "{message}");
        Judged::since(&lineage, "--output=x").unwrap_err();
    }
}
