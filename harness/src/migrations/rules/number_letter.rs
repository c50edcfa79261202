//! A letter stands behind a migration's number.

use super::numbers::numbered;
use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "numbering.letter",
    severity: Severity::Info,
    summary: "A letter stands behind a migration's number.",
    reason: "It was put between two that existed, so some databases ran it late. Tools that order \
             by number pass over such a file or refuse it, so the lineage is bound to one that \
             orders by name.",
    advice: "number new migrations behind all others",
    bad: Example {
        convention: Convention::SortedUp,
        files: &[
            ("001_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("001a_notes.up.sql", "CREATE TABLE notes (id bigint PRIMARY KEY);\n"),
            ("002_tags.up.sql", "CREATE TABLE tags (id bigint PRIMARY KEY);\n"),
        ],
        refused: None,
    },
    good: Example {
        convention: Convention::SortedUp,
        files: &[
            ("001_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("002_tags.up.sql", "CREATE TABLE tags (id bigint PRIMARY KEY);\n"),
            ("003_notes.up.sql", "CREATE TABLE notes (id bigint PRIMARY KEY);\n"),
        ],
        refused: None,
    },
    check,
};

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    numbered(lineage)
        .into_iter()
        .filter(|one| !one.letters.is_empty())
        .map(|one| {
            let evidence = format!("number {} has the letter {} behind it", one.value, one.letters);
            rule.of_file(&one.file, evidence)
        })
        .collect()
}
