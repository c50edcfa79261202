//! A file looks like a migration, and the tool never runs it.

use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "files.never-run",
    severity: Severity::Error,
    summary: "A file looks like a migration, and the tool never runs it.",
    reason: "Whoever wrote the file believes that it ran. What it makes is in no database but those \
             where somebody ran it by hand, and the code that needs it fails everywhere else.",
    advice: "name it as the tool demands, or move it out of the folder",
    bad: Example {
        convention: Convention::GolangMigrate,
        files: &[
            ("1_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("2_notes.sql", "CREATE TABLE notes (id bigint PRIMARY KEY);\n"),
        ],
        refused: None,
    },
    good: Example {
        convention: Convention::GolangMigrate,
        files: &[
            ("1_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("2_notes.up.sql", "CREATE TABLE notes (id bigint PRIMARY KEY);\n"),
        ],
        refused: None,
    },
    check,
};

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    lineage
        .ignored
        .iter()
        .map(|ignored| {
            let evidence = format!("is never run: {}", ignored.reason);
            let mut finding = rule.of_file(&ignored.file, evidence);
            // A copy, a schema, or a way down to nowhere loses nothing.
            let name = ignored.file.rsplit('/').next().unwrap_or_default();
            let is_numbered = name.chars().take(2).any(|c| c.is_ascii_digit());
            let harmless = !is_numbered || !name.ends_with(".sql") || name.ends_with("down.sql");
            finding.severity = if harmless { Severity::Info } else { rule.severity };
            finding
        })
        .collect()
}
