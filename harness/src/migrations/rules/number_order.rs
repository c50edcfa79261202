//! Names that are sorted as text run in another order than their numbers say.

use super::numbers::numbered;
use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "numbering.order",
    severity: Severity::Warning,
    summary: "Names that are sorted as text run in another order than their numbers say.",
    reason: "As text, 10 comes before 9. A database that was migrated step by step ran them in the \
             order of their numbers, a new one runs them in the order of their names, and one of \
             the two is not what anybody meant.",
    advice: "write all numbers with the same number of digits",
    bad: Example {
        convention: Convention::SortedUp,
        files: &[
            ("10_notes.up.sql", "ALTER TABLE people ADD COLUMN note text;\n"),
            ("9_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
        ],
        refused: Some("42P01"),
    },
    good: Example {
        convention: Convention::SortedUp,
        files: &[
            ("09_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("10_notes.up.sql", "ALTER TABLE people ADD COLUMN note text;\n"),
        ],
        refused: None,
    },
    check,
};

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    if lineage.convention != Convention::SortedUp {
        return Vec::new();
    }
    let own = numbered(lineage)
        .into_iter()
        .filter(|one| lineage.migrations.iter().any(|migration| migration.file() == one.file));
    let files: Vec<_> = own.collect();
    files
        .windows(2)
        .filter(|pair| pair[1].value < pair[0].value)
        .map(|pair| {
            let evidence = format!("runs after {}, whose number is greater", pair[0].file);
            rule.of_file(&pair[1].file, evidence)
        })
        .collect()
}
