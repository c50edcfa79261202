//! `--since VERSION|GIT-REF`: which migrations are new, for projects with a long past; and what was
//! done to those that are not, which databases have run as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Lineage, Migration};

/// The migrations that are judged.
#[derive(Debug)]
pub struct Judged {
    files: BTreeSet<String>,
    /// How many they are.
    pub migrations: usize,
    /// What was done to the others.
    pub past: Vec<MigrationFinding>,
}

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
            let later = &lineage.migrations[position + 1..];
            return Ok(Self {
                files: later.iter().flat_map(files).collect(),
                migrations: later.len(),
                past: Vec::new(),
            });
        }
        let wrong = |reason| SinceError {
            since: since.to_owned(),
            folder: lineage.path.display().to_string(),
            reason,
        };
        if since.starts_with('-') {
            return Err(wrong("a name that begins with a dash is no commit's".into()));
        }
        let changed = ["diff", "--name-status", "--no-renames", "--relative", since, "--"];
        let new = ["ls-files", "--others", "--exclude-standard"];
        let mut touched: BTreeMap<String, Touch> = BTreeMap::new();
        for line in git(&lineage.path, &changed).map_err(wrong)? {
            let Some((status, file)) = line.split_once('\t') else { continue };
            touched.insert(file.to_owned(), Touch::of(status));
        }
        for file in git(&lineage.path, &new).map_err(wrong)? {
            touched.insert(file, Touch::Added);
        }
        let new =
            |migration: &&Migration| files(migration).iter().any(|file| touched.contains_key(file));
        let judged: Vec<&Migration> = lineage.migrations.iter().filter(new).collect();
        let past = past(lineage, since, &touched);
        Ok(Self {
            migrations: judged.len(),
            files: judged.into_iter().flat_map(files).chain(touched.into_keys()).collect(),
            past,
        })
    }

    /// Their names, those of downs among them.
    pub fn files(&self) -> &BTreeSet<String> {
        &self.files
    }

    /// Whether a finding is about one of them, or about none.
    pub fn concerns(&self, finding: &MigrationFinding) -> bool {
        finding.file.as_ref().is_none_or(|file| self.files.contains(file))
    }
}

/// What was done to a file since a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    Added,
    Changed,
    Removed,
}

impl Touch {
    /// By git's letter.
    fn of(status: &str) -> Self {
        match status {
            "A" => Self::Added,
            "D" => Self::Removed,
            _ => Self::Changed,
        }
    }
}

/// What databases that stand at the commit will never learn: migrations that they have run were
/// changed or removed, or others put before them.
fn past(
    lineage: &Lineage,
    since: &str,
    touched: &BTreeMap<String, Touch>,
) -> Vec<MigrationFinding> {
    let finding = |id: &str, severity, file: &str, evidence, advice: &str| MigrationFinding {
        id: id.to_owned(),
        severity,
        version: None,
        file: Some(file.to_owned()),
        line: None,
        statement: None,
        evidence,
        advice: advice.to_owned(),
    };
    let is_up = |file: &str| lineage.migrations.iter().any(|migration| migration.file() == file);
    let is_down = |file: &str| file.ends_with("down.sql");
    let mut found = Vec::new();
    for (file, touch) in touched {
        match touch {
            Touch::Changed if is_up(file) => found.push(finding(
                "since.changed",
                Severity::Error,
                file,
                format!(
                    "is not as it was at {since}: databases that have run it do not run it again"
                ),
                "leave it as it was, and write what is new as a migration of its own",
            )),
            Touch::Removed if file.ends_with(".sql") && !is_down(file) => found.push(finding(
                "since.removed",
                Severity::Error,
                file,
                format!(
                    "was there at {since} and is gone: databases that have run it keep what it made"
                ),
                "put it back, and write what takes it back as a migration of its own",
            )),
            _ => {}
        }
    }
    let is_new = |migration: &&Migration| touched.get(migration.file()) == Some(&Touch::Added);
    let last = lineage.migrations.iter().rposition(|migration| !is_new(&migration));
    let before = &lineage.migrations[..last.unwrap_or(0)];
    found.extend(before.iter().filter(is_new).map(|migration| {
        let latest = &lineage.migrations[last.unwrap_or(0)].version;
        finding(
            "since.late",
            Severity::Warning,
            migration.file(),
            format!("is new, and numbered before {latest}, which was there at {since}"),
            "number it after all others: a tool that stands behind it leaves it out, refuses it, or \
             runs it in another order than here",
        )
    }));
    found
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
    fn what_databases_have_run_must_stay_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        for name in ["1_a", "2_b", "5_c"] {
            write(&format!("{name}.up.sql"), "SELECT 1;");
            write(&format!("{name}.down.sql"), "SELECT 1;");
        }
        run_git(folder.path(), &["init", "-q"]);
        run_git(folder.path(), &["add", "."]);
        run_git(folder.path(), &["commit", "-qm", "old"]);
        let past = |since: &str| {
            let lineage = read(folder.path(), &ReadOptions::default()).unwrap();
            let judged = Judged::since(&lineage, since).unwrap();
            let told = |finding: MigrationFinding| (finding.id, finding.file.unwrap());
            judged.past.into_iter().map(told).collect::<Vec<_>>()
        };
        // What comes after all others, and a down that is mended, are as they should be.
        write("6_d.up.sql", "SELECT 1;");
        write("5_c.down.sql", "SELECT 2;");
        assert_eq!(past("HEAD"), []);
        write("2_b.up.sql", "SELECT 2;");
        write("3_late.up.sql", "SELECT 1;");
        std::fs::remove_file(folder.path().join("1_a.up.sql")).unwrap();
        std::fs::remove_file(folder.path().join("1_a.down.sql")).unwrap();
        let told = |id: &str, file: &str| (id.to_owned(), file.to_owned());
        let expected = [
            told("since.removed", "1_a.up.sql"),
            told("since.changed", "2_b.up.sql"),
            told("since.late", "3_late.up.sql"),
        ];
        assert_eq!(past("HEAD"), expected);
        // A version tells nothing of how its migrations were.
        assert_eq!(past("5"), []);
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
