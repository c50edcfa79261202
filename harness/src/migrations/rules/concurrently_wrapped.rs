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
    const THE_TOOLS: &str = "the tool opens a transaction around this file";
    let mut open = (script.wrapping == Wrapping::Transaction).then_some(THE_TOOLS);
    let mut found = Vec::new();
    for statement in &script.statements {
        match statement.kind {
            StatementKind::Begin => open = Some("stands behind the file's own BEGIN"),
            // The tool's own transaction ends with it, too.
            StatementKind::Commit | StatementKind::Rollback => open = None,
            StatementKind::NoTransaction => {
                let at_once = script.wrapping == Wrapping::Together && script.statements.len() > 1;
                let at_once = at_once.then_some("the tool sends this file's statements at once");
                found.extend(open.or(at_once).map(|why| (statement, why)));
            }
            StatementKind::Ordinary | StatementKind::Savepoint => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::sql::split;

    #[track_caller]
    fn check(wrapping: Wrapping, text: &str, expected: &[&str]) {
        let script = Script {
            file: String::new(),
            text: text.to_owned(),
            statements: split(text, 1).unwrap(),
            wrapping,
        };
        let found: Vec<&str> = refused(&script).into_iter().map(|(_, why)| why).collect();
        assert!(found.len() == expected.len(), "{text}: {found:?}");
        for (why, part) in found.iter().zip(expected) {
            assert!(why.contains(part), "{text}: {why}");
        }
    }

    #[test]
    fn what_stands_in_a_transaction_is_found_whoever_opened_it() {
        use Wrapping::{EachStatement, Together, Transaction};
        check(Transaction, "VACUUM; COMMIT; VACUUM;", &["tool opens"]);
        check(Transaction, "COMMIT; BEGIN; VACUUM;", &["own BEGIN"]);
        check(EachStatement, "VACUUM; BEGIN; VACUUM; COMMIT; VACUUM;", &["own BEGIN"]);
        check(Together, "VACUUM;", &[]);
        check(Together, "COMMIT; VACUUM;", &["at once"]);
    }
}
