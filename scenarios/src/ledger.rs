//! The ledger of the system under test: what its audits found, and what finds it again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use libtest_mimic::Failed;
use serde::Deserialize;

/// Every row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// In the order of the file.
    pub rows: Vec<Row>,
    /// How each kind of detector is run, which is the harness's own to read.
    pub detectors: toml::Table,
}

/// One thing that an audit found wrong, missing or at risk.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its id, which is that of the switch that plants it.
    pub id: String,
    /// The document that it comes from, or `server`.
    pub source: String,
    /// The audit's severity.
    pub severity: Severity,
    /// The event audit's priority.
    pub priority: Option<Priority>,
    /// Which kind of detector it needs.
    pub layer: Layer,
    /// Rows that cannot be seen while this one is planted.
    #[serde(default)]
    pub excludes: BTreeSet<String>,
    /// What finds it: a kind of detector and its name.
    pub detector: Option<String>,
    /// The words by which its finding is known, if they are not those of the detector's kind.
    pub evidence: Option<String>,
    /// Nothing finds it yet.
    #[serde(default)]
    pub pending: bool,
    /// What is wrong, in a few words.
    pub title: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Hardly.
    Low,
    /// Somewhat.
    Medium,
    /// Much.
    High,
    /// Nothing is worse.
    Critical,
}

/// When the event audit wants it mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Priority {
    /// First.
    P0,
    /// Then.
    P1,
    /// At last.
    P2,
}

/// Which kind of detector a row needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Layer {
    /// Replay of migrations, and rules on them.
    #[serde(rename = "M")]
    Migrations,
    /// A server's own runner, seen from outside.
    #[serde(rename = "C")]
    Certify,
    /// The way of an event from where it happens to where it is read.
    #[serde(rename = "E")]
    Events,
    /// Faults while it runs.
    #[serde(rename = "X")]
    Chaos,
    /// Statements and rows as the fleet grows.
    #[serde(rename = "Q")]
    Queries,
    /// What somebody hostile can do.
    #[serde(rename = "S")]
    Security,
    /// A job of continuous integration.
    #[serde(rename = "J")]
    Job,
}

impl Row {
    /// The finding that the replay has of it, in the audited lineage or in one with its patch.
    pub fn finding(&self) -> Option<&str> {
        let detector = self.detector.as_deref()?;
        detector.strip_prefix("finding ").or_else(|| detector.strip_prefix("patch "))
    }
}

impl Ledger {
    /// Reads the ledger of the reference system.
    ///
    /// # Errors
    /// When it cannot be read or is not a ledger.
    pub fn read() -> Result<Self, Failed> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/ledger.toml");
        let text = std::fs::read_to_string(PathBuf::from(path))?;
        Ok(toml::from_str(&text)?)
    }

    /// The row of that id.
    pub fn row(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system_run::system_file;
    use harness::system::System;

    fn ledger() -> Ledger {
        Ledger::read().unwrap()
    }

    #[test]
    fn every_row_is_there_once() {
        let ledger = ledger();
        let ids: BTreeSet<&str> = ledger.rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids.len(), ledger.rows.len());
        let of_layer = |layer| ledger.rows.iter().filter(|row| row.layer == layer).count();
        use Layer::{Certify, Chaos, Events, Job, Migrations, Queries, Security};
        let layers = [Migrations, Certify, Events, Chaos, Queries, Security, Job].map(of_layer);
        assert_eq!(layers, [11, 4, 51, 18, 4, 16, 1]);
    }

    #[test]
    fn a_row_excludes_rows_that_exclude_it() {
        let ledger = ledger();
        for row in &ledger.rows {
            for other in &row.excludes {
                let other = ledger.row(other).unwrap_or_else(|| panic!("there is no {other}"));
                assert!(
                    other.excludes.contains(&row.id),
                    "{} does not exclude {}",
                    other.id,
                    row.id
                );
            }
        }
    }

    #[test]
    fn a_row_has_a_detector_or_is_pending() {
        for row in ledger().rows {
            assert_ne!(row.detector.is_some(), row.pending, "{}", row.id);
        }
    }

    #[test]
    fn a_detector_among_the_scenarios_exists() {
        let lists = [crate::ALL, crate::ANSWERS, crate::EMBEDDED];
        let names: BTreeSet<&str> = lists.into_iter().flatten().map(|one| one.name).collect();
        for row in ledger().rows {
            let detector = row.detector.unwrap_or_default();
            let Some(name) = detector.strip_prefix("scenario ") else { continue };
            assert!(names.contains(name), "{} is found by `{name}`, which is none", row.id);
        }
    }

    #[test]
    fn a_finding_of_the_replay_has_a_patch_that_plants_it() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations-under-test/patches");
        let patch = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.unwrap().file_name().to_string_lossy().replace(".patch", "")
        };
        let patches: BTreeSet<String> = std::fs::read_dir(folder).unwrap().map(patch).collect();
        let rows = ledger().rows.into_iter();
        let found = rows.filter(|row| row.finding().is_some());
        assert_eq!(patches, found.map(|row| row.id).collect());
    }

    #[test]
    fn the_system_file_lists_the_rows_that_have_a_switch() {
        let system = System::read(&system_file()).unwrap();
        let ledger = ledger();
        for id in system.defects.iter().filter(|id| *id != "audited") {
            assert!(ledger.row(id).is_some(), "{id} is no row");
        }
        let switched = |row: &&Row| !matches!(row.layer, Layer::Migrations | Layer::Job);
        for row in ledger.rows.iter().filter(switched).filter(|row| !row.pending) {
            assert!(system.defects.contains(&row.id), "{} is not in the system file", row.id);
        }
    }
}
