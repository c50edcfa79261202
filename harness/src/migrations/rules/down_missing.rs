//! A migration has no way back, where others of its lineage have one.

use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage, Migration, Step};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "down.missing",
    severity: Severity::Warning,
    summary: "A migration has no way back, where others of its lineage have one.",
    reason: "A release that has to be taken back is taken back down to the first migration without \
             a way back, and there it stands still, half-way, in the worst hour. A lineage in which \
             no migration has one has decided for itself, and is not found fault with.",
    advice: "write the down, or let it refuse with the reason why there is none",
    bad: Example {
        convention: Convention::GolangMigrate,
        files: &[
            ("1_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("1_people.down.sql", "DROP TABLE people;\n"),
            ("2_notes.up.sql", "CREATE TABLE notes (id bigint PRIMARY KEY);\n"),
        ],
        refused: None,
    },
    good: Example {
        convention: Convention::GolangMigrate,
        files: &[
            ("1_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("1_people.down.sql", "DROP TABLE people;\n"),
            ("2_notes.up.sql", "CREATE TABLE notes (id bigint PRIMARY KEY);\n"),
            ("2_notes.down.sql", "DROP TABLE notes;\n"),
        ],
        refused: None,
    },
    check,
};

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    let with = lineage.migrations.iter().filter(|migration| migration.down.is_some()).count();
    if with == 0 || lineage.convention == Convention::Flyway {
        return Vec::new();
    }
    let total = lineage.migrations.len();
    // Whether code has a way back only the code knows.
    let is_code = |migration: &Migration| matches!(migration.up, Step::Code { .. });
    let without = lineage.migrations.iter().filter(|one| one.down.is_none());
    let missing = without.filter(|one| !one.repeatable && !is_code(one));
    missing
        .map(|migration| {
            rule.of_migration(migration, format!("has no down; {with} of {total} migrations have"))
        })
        .collect()
}
