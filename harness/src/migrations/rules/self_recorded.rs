//! A migration writes its own record.

use super::tracking_touched::{Touch, touches};
use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage, Migration};
use crate::migrations::sql::TokenKind;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "tracking.self-recorded",
    severity: Severity::Error,
    summary: "A migration writes its own record into the tool's table.",
    reason: "The tool writes the same record when the migration has run. The second insert meets a \
             duplicate key, and everything that the migration did is rolled back with it: it can \
             never be applied.",
    advice: "take the insert out; the tool alone writes to its table",
    bad: Example {
        convention: Convention::SortedUp,
        files: &[(
            "001_people.up.sql",
            "CREATE TABLE people (id bigint PRIMARY KEY);\n\
             INSERT INTO schema_migrations (version) VALUES ('001_people.up.sql');\n",
        )],
        refused: Some("23505"),
    },
    good: Example {
        convention: Convention::SortedUp,
        files: &[("001_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n")],
        refused: None,
    },
    check,
};

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    touches(lineage)
        .into_iter()
        .filter(is_own_record)
        .map(|touch| {
            let evidence = format!(
                "inserts its own record into {}, as the tool does when it has run",
                touch.table
            );
            rule.of_statement((touch.migration, touch.script), touch.statement, evidence)
        })
        .collect()
}

/// Whether it inserts what the tool records of this very migration.
pub(super) fn is_own_record(touch: &Touch<'_>) -> bool {
    let constants = touch.statement.tokens_with_body();
    touch.verb == "insert into"
        && constants
            .iter()
            .filter(|token| matches!(token.kind, TokenKind::String | TokenKind::Number))
            .any(|token| names(touch.migration, token.text.trim_matches('\'')))
}

fn names(migration: &Migration, constant: &str) -> bool {
    let bare = |version: &str| version.trim_start_matches('0').to_owned();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    constant == migration.file()
        || constant == migration.version
        || (is_number(constant)
            && is_number(&migration.version)
            && bare(constant) == bare(&migration.version))
}
