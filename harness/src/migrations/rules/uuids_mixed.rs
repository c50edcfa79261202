//! A lineage makes UUIDs in two ways.

use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage, Migration, Script, Step};
use crate::migrations::sql::Statement;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "uuids.mixed",
    severity: Severity::Info,
    summary: "A lineage makes UUIDs in two ways.",
    reason: "uuid_generate_v4 needs the extension uuid-ossp, whose installation wants a right that \
             the migrating role may lack; gen_random_uuid is built in since PostgreSQL 13 and makes \
             the same. With both, the extension is needed and nobody knows which tables need it.",
    advice: "use gen_random_uuid everywhere, and let a migration change the older defaults",
    bad: Example {
        convention: Convention::GolangMigrate,
        files: &[
            (
                "1_people.up.sql",
                "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\";\n\
                 CREATE TABLE people (id uuid PRIMARY KEY DEFAULT uuid_generate_v4());\n",
            ),
            (
                "2_notes.up.sql",
                "CREATE TABLE notes (id uuid PRIMARY KEY DEFAULT gen_random_uuid());\n",
            ),
        ],
        refused: None,
    },
    good: Example {
        convention: Convention::GolangMigrate,
        files: &[
            (
                "1_people.up.sql",
                "CREATE TABLE people (id uuid PRIMARY KEY DEFAULT gen_random_uuid());\n",
            ),
            (
                "2_notes.up.sql",
                "CREATE TABLE notes (id uuid PRIMARY KEY DEFAULT gen_random_uuid());\n",
            ),
        ],
        refused: None,
    },
    check,
};

type Use<'a> = (&'a Migration, &'a Script, &'a Statement);

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    let extension = uses(lineage, "uuid_generate_v4");
    let built_in = uses(lineage, "gen_random_uuid");
    let (Some(first), false) = (extension.first(), built_in.is_empty()) else {
        return Vec::new();
    };
    let (migration, script, statement) = *first;
    let evidence = format!(
        "{} statements use uuid_generate_v4, this one first, and {} use gen_random_uuid",
        extension.len(),
        built_in.len()
    );
    vec![rule.of_statement((migration, script), statement, evidence)]
}

/// The statements on the way up that call a function.
fn uses<'a>(lineage: &'a Lineage, function: &str) -> Vec<Use<'a>> {
    let mut found = Vec::new();
    for migration in &lineage.migrations {
        let Step::Script(script) = &migration.up else { continue };
        let calls =
            |statement: &&Statement| statement.tokens().any(|token| token.is_word(function));
        found.extend(script.statements.iter().filter(calls).map(|one| (migration, script, one)));
    }
    found
}
