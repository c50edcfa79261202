//! A migration changes the table in which its tool keeps what it has run.

use super::self_recorded::is_own_record;
use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage, Migration, Script, Tracking};
use crate::migrations::sql::{Statement, behind, name_at};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "tracking.touched",
    severity: Severity::Warning,
    summary: "A migration changes the table in which the tool keeps what it has run.",
    reason: "The tool trusts this table and nothing else. What a migration writes there decides \
             what runs next, differently on databases with different pasts, and no tool expects it \
             to change under its hands.",
    advice: "leave the table to the tool; if history must be rewritten, use the tool's own command",
    bad: Example {
        convention: Convention::SortedUp,
        files: &[
            ("001_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            (
                "002_squash.up.sql",
                "DELETE FROM schema_migrations WHERE version = '001_people.up.sql';\n",
            ),
        ],
        refused: None,
    },
    good: Example {
        convention: Convention::SortedUp,
        files: &[
            ("001_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("002_count.up.sql", "SELECT count(*) FROM schema_migrations;\n"),
        ],
        refused: None,
    },
    check,
};

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    touches(lineage)
        .into_iter()
        .filter(|touch| !is_own_record(touch))
        .map(|touch| {
            let evidence = format!("does {} on {}", touch.verb.to_uppercase(), touch.table);
            rule.of_statement((touch.migration, touch.script), touch.statement, evidence)
        })
        .collect()
}

/// A statement that changes the tool's table.
pub(super) struct Touch<'a> {
    pub(super) migration: &'a Migration,
    pub(super) script: &'a Script,
    pub(super) statement: &'a Statement,
    /// The words before the table's name.
    pub(super) verb: &'static str,
    pub(super) table: String,
}

/// All statements of a lineage that change its tool's table.
pub(super) fn touches(lineage: &Lineage) -> Vec<Touch<'_>> {
    let Some(tracking) = lineage.tracking() else { return Vec::new() };
    let mut found = Vec::new();
    for (migration, script) in lineage.scripts() {
        for statement in &script.statements {
            if let Some(verb) = verb(statement, &tracking) {
                let table = tracking.table().to_owned();
                found.push(Touch { migration, script, statement, verb, table });
            }
        }
    }
    found
}

fn verb(statement: &Statement, tracking: &Tracking) -> Option<&'static str> {
    const VERBS: [&str; 8] = [
        "insert into",
        "update",
        "delete from",
        "truncate",
        "truncate table",
        "alter table",
        "drop table",
        "lock table",
    ];
    if !statement.text.to_lowercase().contains(tracking.plain_name()) {
        return None;
    }
    let tokens = statement.tokens_with_body();
    let names_it = |at: usize| {
        name_at(&tokens, at).is_some_and(|(name, _)| name.name == tracking.plain_name())
    };
    let by_verb = VERBS.into_iter().find(|verb| {
        let words: Vec<&str> = verb.split(' ').collect();
        behind(&tokens, &words).into_iter().any(names_it)
    });
    let trigger = statement.begins(&["create"])
        && !behind(&tokens, &["trigger"]).is_empty()
        && behind(&tokens, &["on"]).into_iter().any(names_it);
    by_verb.or_else(|| trigger.then_some("create trigger"))
}
