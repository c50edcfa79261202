//! The ledger's file: a row for each defect, and how each kind of detector is run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It cannot be read.
    #[error("cannot read the ledger {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no ledger.
    #[error("{path} is not a ledger: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// Two rows have one id.
    #[error("the ledger has two rows {0}")]
    Twice(String),
    /// A row names no detector and is not pending, or does both.
    #[error("row {0} needs either a detector or `pending = true`")]
    Undecided(String),
    /// A row names a kind of detector that the ledger does not describe.
    #[error(
        "row {row} is found by {detector:?}, and there is no [detectors.{kind}]; there are: {known}"
    )]
    UnknownKind {
        /// The row.
        row: String,
        /// What it names.
        detector: String,
        /// Its first word.
        kind: String,
        /// The kinds that are described.
        known: String,
    },
    /// A kind of detector has nothing to run.
    #[error("[detectors.{0}] needs a command of at least one word")]
    NoCommand(String),
    /// A row was asked for that is not there.
    #[error("the ledger has no row {0:?}")]
    UnknownRow(String),
}

/// Defects, and what finds them.
#[derive(Clone, Debug, Deserialize)]
pub struct Ledger {
    /// In the order of the file.
    pub rows: Vec<Row>,
    /// The kinds of detectors, by the word that a row's `detector` begins with.
    #[serde(default)]
    pub detectors: BTreeMap<String, Detector>,
    /// Where the file lies: commands run there.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// One defect. What else the file says of it is the project's own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// The id, which is also that of the switch that plants it.
    pub id: String,
    /// What is wrong, in a few words.
    pub title: String,
    /// Which part of the project's checks it belongs to.
    pub layer: String,
    /// What finds it: a kind of detector and a name, with a space between.
    pub detector: Option<String>,
    /// The words by which its finding is known; those of the kind when absent.
    pub evidence: Option<String>,
    /// Nothing finds it yet.
    #[serde(default)]
    pub pending: bool,
    /// Rows that are never planted together with it.
    #[serde(default)]
    pub excludes: BTreeSet<String>,
}

/// How one kind of detector is run. Texts may ask for `{name}` (the detector's), `{rows}` (the ids
/// that are looked for, with commas between), `{defects}` (the same where they are planted, nothing
/// where not), `{harness}` (this program) and `{folder}` (one for the files of this run alone).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detector {
    /// What makes it ready, once for all of them.
    pub prepare: Option<Vec<String>>,
    /// The command. It finds nothing when it ends with 0.
    pub command: Vec<String>,
    /// What is added to it to look at the sound system.
    #[serde(default)]
    pub sound: Vec<String>,
    /// What is added to it to look at the system with the defect.
    #[serde(default)]
    pub planted: Vec<String>,
    /// Environment variables that it gets beside those of this process.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The code that it ends with when it has found something.
    #[serde(default = "one")]
    pub finds: i32,
    /// The words by which a row's finding is known in what it prints; may ask for `{id}` and `{name}`.
    pub evidence: String,
    /// A file in `{folder}` that holds what it found, beside what it prints.
    pub report: Option<PathBuf>,
    /// How the names begin of those that want the machine for themselves; an empty text is all.
    #[serde(default)]
    pub alone: Vec<String>,
    /// After how many seconds it is taken to hang.
    #[serde(default = "ten_minutes")]
    pub deadline_seconds: u64,
}

fn one() -> i32 {
    1
}

fn ten_minutes() -> u64 {
    600
}

impl Ledger {
    /// Reads a ledger.
    ///
    /// # Errors
    /// When it cannot be read, is no ledger, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| LedgerError::Read { path: path.to_owned(), source })?;
        let mut ledger: Self = toml::from_str(&text).map_err(|source| LedgerError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        ledger.folder = folder.unwrap_or(Path::new(".")).to_owned();
        ledger.check()?;
        Ok(ledger)
    }

    fn check(&self) -> Result<(), LedgerError> {
        for (kind, detector) in &self.detectors {
            if detector.command.is_empty() || detector.prepare.as_ref().is_some_and(Vec::is_empty) {
                return Err(LedgerError::NoCommand(kind.clone()));
            }
        }
        let mut seen = BTreeSet::new();
        for row in &self.rows {
            if !seen.insert(&row.id) {
                return Err(LedgerError::Twice(row.id.clone()));
            }
            let Some((kind, _)) = row.detector_words() else {
                if row.pending && row.detector.is_none() {
                    continue;
                }
                return Err(LedgerError::Undecided(row.id.clone()));
            };
            if row.pending {
                return Err(LedgerError::Undecided(row.id.clone()));
            }
            if !self.detectors.contains_key(kind) {
                let known: Vec<&str> = self.detectors.keys().map(String::as_str).collect();
                return Err(LedgerError::UnknownKind {
                    row: row.id.clone(),
                    detector: row.detector.clone().unwrap_or_default(),
                    kind: kind.to_owned(),
                    known: known.join(", "),
                });
            }
        }
        Ok(())
    }

    /// The same with these rows only, or with all of them when none is named.
    ///
    /// # Errors
    /// When one is named that is not there.
    pub fn only(mut self, ids: &[String]) -> Result<Self, LedgerError> {
        let known = |id: &&String| self.rows.iter().any(|row| row.id == **id);
        if let Some(unknown) = ids.iter().find(|id| !known(id)) {
            return Err(LedgerError::UnknownRow(unknown.clone()));
        }
        if !ids.is_empty() {
            self.rows.retain(|row| ids.contains(&row.id));
        }
        Ok(self)
    }
}

impl Row {
    /// The kind of its detector, and the detector's name.
    pub fn detector_words(&self) -> Option<(&str, &str)> {
        let detector = self.detector.as_deref()?;
        Some(detector.split_once(' ').unwrap_or((detector, "")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<Ledger, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.toml");
        let kinds = "[detectors.check]\ncommand = [\"true\"]\nevidence = \"{id}\"\n";
        std::fs::write(&path, format!("rows = [{rows}]\n{kinds}")).unwrap();
        Ledger::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_read_in_their_order_and_chosen_by_id() {
        let rows = r#"{ id = "B", title = "b", layer = "X", detector = "check b", severity = "low" },
            { id = "A", title = "a", layer = "X", pending = true }"#;
        let ids = |ledger: &Ledger| -> Vec<String> {
            ledger.rows.iter().map(|row| row.id.clone()).collect()
        };
        let ledger = read(rows).unwrap();
        assert_eq!(ids(&ledger), ["B", "A"]);
        assert_eq!(ledger.rows[0].detector_words(), Some(("check", "b")));
        assert_eq!(ids(&ledger.clone().only(&["A".to_owned()]).unwrap()), ["A"]);
        let unknown = ledger.only(&["C".to_owned()]).unwrap_err();
        assert_eq!(unknown.to_string(), "the ledger has no row \"C\"");
    }

    #[test]
    fn a_ledger_that_contradicts_itself_is_refused() {
        for (rows, complaint) in [
            (r#"{ id = "A", title = "a", layer = "X" }"#, "either a detector or"),
            (
                r#"{ id = "A", title = "a", layer = "X", detector = "check a", pending = true }"#,
                "either a detector or",
            ),
            (
                r#"{ id = "A", title = "a", layer = "X", detector = "oracle a" }"#,
                "there is no [detectors.oracle]; there are: check",
            ),
            (
                r#"{ id = "A", title = "a", layer = "X", pending = true }, { id = "A", title = "a", layer = "X", pending = true }"#,
                "two rows A",
            ),
            (r#"{ id = "A" }"#, "is not a ledger"),
        ] {
            let error = read(rows).unwrap_err();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
