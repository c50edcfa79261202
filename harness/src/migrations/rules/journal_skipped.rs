//! A journal gives a migration a time that is not after those before it.

use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "journal.skipped",
    severity: Severity::Error,
    summary: "A journal gives a migration a time that is not after those before it.",
    reason: "drizzle runs what its journal dates after the last migration that a database has. A \
             migration that a merge has put behind a later one runs on new databases only; on \
             those that are there already it is passed over without a word, for ever.",
    advice: "give it a `when` in meta/_journal.json that is greater than all before it",
    bad: Example {
        convention: Convention::Drizzle,
        files: &[
            ("meta/_journal.json", JOURNAL_OF_A_MERGE),
            ("0000_people.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("0001_notes.sql", "ALTER TABLE people ADD COLUMN note text;\n"),
        ],
        refused: None,
    },
    good: Example {
        convention: Convention::Drizzle,
        files: &[
            ("meta/_journal.json", JOURNAL_IN_ORDER),
            ("0000_people.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("0001_notes.sql", "ALTER TABLE people ADD COLUMN note text;\n"),
        ],
        refused: None,
    },
    check,
};

const JOURNAL_OF_A_MERGE: &str = r#"{"dialect": "postgresql", "entries": [
  {"idx": 0, "when": 1700000002000, "tag": "0000_people"},
  {"idx": 1, "when": 1700000001000, "tag": "0001_notes"}
]}
"#;
const JOURNAL_IN_ORDER: &str = r#"{"dialect": "postgresql", "entries": [
  {"idx": 0, "when": 1700000001000, "tag": "0000_people"},
  {"idx": 1, "when": 1700000002000, "tag": "0001_notes"}
]}
"#;

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    let mut latest: Option<(i64, &str)> = None;
    let mut found = Vec::new();
    for migration in &lineage.migrations {
        let Some(stamp) = migration.stamp else { continue };
        match latest {
            Some((time, file)) if stamp <= time => {
                let evidence = format!(
                    "is dated {stamp} and comes after {file}, which is dated {time}: a database \
                     that has that one never gets this one"
                );
                found.push(rule.of_file(migration.file(), evidence));
            }
            _ => latest = Some((stamp, migration.file())),
        }
    }
    found
}
