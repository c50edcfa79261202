//! A migration ends the transaction that its tool opened.

use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage, Wrapping};
use crate::migrations::sql::StatementKind;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "transaction.ended",
    severity: Severity::Warning,
    summary: "A migration ends the transaction that its tool opened.",
    reason: "COMMIT in the file ends the tool's transaction. What follows, the tool's record above \
             all, is no longer one with the rest: when it fails, the migration stays done and \
             counts as not done.",
    advice: "take BEGIN and COMMIT out, or use the tool's mark that forbids the transaction",
    bad: Example {
        convention: Convention::SortedUp,
        files: &[(
            "001_people.up.sql",
            "BEGIN;\nCREATE TABLE people (id bigint PRIMARY KEY);\nCOMMIT;\n",
        )],
        refused: None,
    },
    good: Example {
        convention: Convention::SortedUp,
        files: &[("001_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n")],
        refused: None,
    },
    check,
};

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    let mut found = Vec::new();
    for (migration, script) in lineage.scripts() {
        let ends = |kind| matches!(kind, StatementKind::Commit | StatementKind::Rollback);
        let first = script.statements.iter().find(|statement| ends(statement.kind));
        if let (Wrapping::Transaction, Some(statement)) = (script.wrapping, first) {
            let evidence = "ends the transaction in which the tool runs this file";
            found.push(rule.of_statement((migration, script), statement, evidence));
        }
    }
    found
}
