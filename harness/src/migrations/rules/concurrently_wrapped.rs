//! A statement that PostgreSQL refuses in a transaction stands where its tool opens one.

use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage, Script, Wrapping};
use crate::migrations::sql::{Statement, StatementKind};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "transaction.refused",
    severity: Severity::Error,
    summary: "A statement that PostgreSQL refuses in a transaction stands where there is one.",
    reason: "CREATE INDEX CONCURRENTLY, VACUUM and their like open transactions of their own. The \
             tool wraps each migration in one, or sends several statements at once, which is the \
             same to PostgreSQL: the migration always fails.",
    advice: "put it alone into a migration, with the tool's mark that forbids the transaction",
    bad: Example {
        convention: Convention::GolangMigrate,
        files: &[(
            "1_people.up.sql",
            "CREATE TABLE people (id bigint PRIMARY KEY, name text);\n\
             CREATE INDEX CONCURRENTLY people_name ON people (name);\n",
        )],
        refused: Some("25001"),
    },
    good: Example {
        convention: Convention::GolangMigrate,
        files: &[
            ("1_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY, name text);\n"),
            ("2_index.up.sql", "CREATE INDEX CONCURRENTLY people_name ON people (name);\n"),
        ],
        refused: None,
    },
    check,
};

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    let mut found = Vec::new();
    for (migration, script) in lineage.scripts() {
        for (statement, why) in refused(script) {
            found.push(rule.of_statement((migration, script), statement, why));
        }
    }
    found
}

fn refused(script: &Script) -> Vec<(&Statement, &'static str)> {
    let mut own_transaction = false;
    let mut found = Vec::new();
    for statement in &script.statements {
        match statement.kind {
            StatementKind::Begin => own_transaction = true,
            StatementKind::Commit | StatementKind::Rollback => own_transaction = false,
            StatementKind::NoTransaction => {
                let why = match script.wrapping {
                    _ if own_transaction => "stands behind the file's own BEGIN",
                    Wrapping::Transaction => "the tool opens a transaction around this file",
                    Wrapping::Together if script.statements.len() > 1 => {
                        "the tool sends this file's statements at once"
                    }
                    _ => continue,
                };
                found.push((statement, why));
            }
            StatementKind::Ordinary | StatementKind::Savepoint => {}
        }
    }
    found
}
