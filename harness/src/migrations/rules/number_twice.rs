//! Two migrations share a number.

use super::numbers::numbered;
use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "numbering.twice",
    severity: Severity::Warning,
    summary: "Two migrations share a number.",
    reason: "Which of them runs first is decided by the rest of their names, and no longer by the \
             one who numbered them. Most tools refuse such a folder; a number in a ticket or a log \
             no longer says which migration is meant.",
    advice: "give the later one a number of its own; where databases know it by its name already, \
             put a letter behind the number, so that its place stays",
    bad: Example {
        convention: Convention::SortedUp,
        files: &[
            ("001_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("001_notes.up.sql", "CREATE TABLE notes (id bigint PRIMARY KEY);\n"),
        ],
        refused: None,
    },
    good: Example {
        convention: Convention::SortedUp,
        files: &[
            ("001_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("002_notes.up.sql", "CREATE TABLE notes (id bigint PRIMARY KEY);\n"),
        ],
        refused: None,
    },
    check,
};

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    let mut files = numbered(lineage);
    files.sort_by(|one, other| (one.value, &one.letters).cmp(&(other.value, &other.letters)));
    let groups =
        files.chunk_by(|one, other| one.value == other.value && one.letters == other.letters);
    groups
        .filter(|group| group.len() > 1)
        .map(|group| {
            let names: Vec<_> = group.iter().map(|one| one.file.as_str()).collect();
            let evidence = format!("{} share number {}", names.join(" and "), group[0].value);
            rule.of_file(&group[group.len() - 1].file, evidence)
        })
        .collect()
}
