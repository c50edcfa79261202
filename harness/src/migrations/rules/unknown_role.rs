//! A migration gives something to a role that nothing makes.

use std::collections::BTreeSet;

use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage};
use crate::migrations::sql::{Statement, Token, TokenKind, behind, name_at, split};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "roles.unknown",
    severity: Severity::Error,
    summary: "A migration gives something to a role that nothing makes.",
    reason: "Roles belong to the server and not to the database. Where the role does not exist the \
             statement is refused, and the migration with it; that it runs on the author's machine \
             says nothing about any other.",
    advice: "name a role that exists, or make it in a migration or in the prelude of lineage.toml",
    bad: Example {
        convention: Convention::GolangMigrate,
        files: &[(
            "1_people.up.sql",
            "CREATE TABLE people (id bigint PRIMARY KEY);\n\
             GRANT SELECT ON people TO nobody_made_me;\n",
        )],
        refused: Some("42704"),
    },
    good: Example {
        convention: Convention::GolangMigrate,
        files: &[(
            "1_people.up.sql",
            "CREATE TABLE people (id bigint PRIMARY KEY);\n\
             GRANT SELECT ON people TO CURRENT_USER;\n",
        )],
        refused: None,
    },
    check,
};

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    let known = known(lineage);
    let unknown = |statement: &Statement| {
        let named = roles_named(statement).into_iter();
        named.filter(|role| !exists(role, &known)).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for (migration, script) in lineage.scripts() {
        for statement in &script.statements {
            for role in unknown(statement) {
                let evidence = format!("nothing makes the role {role}");
                found.push(rule.of_statement((migration, script), statement, evidence));
            }
        }
    }
    for (file, statement) in passed_over(lineage) {
        for role in unknown(&statement) {
            let evidence =
                format!("nothing makes the role {role}; hidden as long as the file is never run");
            found.push(MigrationFinding {
                line: Some(statement.line),
                statement: Some(statement.text.clone()),
                ..rule.of_file(&file, evidence)
            });
        }
    }
    found
}

/// The statements of the files that the tool passes over.
fn passed_over(lineage: &Lineage) -> Vec<(String, Statement)> {
    let statements = |file: &String| {
        let text = std::fs::read_to_string(lineage.path.join(file)).ok()?;
        Some(split(&text, 1).ok()?.into_iter().map(|statement| (file.clone(), statement)).collect())
    };
    let files = lineage.ignored.iter().map(|ignored| &ignored.file);
    files
        .filter(|file| file.ends_with(".sql"))
        .filter_map(statements)
        .flat_map(|all: Vec<_>| all)
        .collect()
}

/// The roles that the lineage or its prelude make.
fn known(lineage: &Lineage) -> BTreeSet<String> {
    let prelude = split(&lineage.settings.prelude, 1).unwrap_or_default();
    let scripts = lineage.scripts().flat_map(|(_, script)| &script.statements);
    let mut known = BTreeSet::new();
    for statement in prelude.iter().chain(scripts) {
        let tokens = statement.tokens_with_body();
        for words in [["create", "role"], ["create", "user"], ["create", "group"], ["rename", "to"]]
        {
            let made = behind(&tokens, &words).into_iter().filter_map(|at| name_at(&tokens, at));
            known.extend(made.map(|(name, _)| name.name));
        }
        known.extend(computed(&tokens));
    }
    known
}

/// What may be a role's name where a body puts together the text that makes it: every word of its
/// strings.
fn computed(tokens: &[Token<'_>]) -> Vec<String> {
    let strings: Vec<_> = tokens
        .iter()
        .filter(|token| token.kind == TokenKind::String)
        .map(|token| token.text.to_lowercase())
        .collect();
    let makes = |text: &String| {
        ["create role", "create user", "create group"].iter().any(|words| text.contains(words))
    };
    if !strings.iter().any(makes) {
        return Vec::new();
    }
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let words = strings.iter().flat_map(|text| text.split(|letter| !is_part(letter)));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn exists(role: &str, known: &BTreeSet<String>) -> bool {
    const ALWAYS: [&str; 5] =
        ["public", "current_user", "current_role", "session_user", "postgres"];
    ALWAYS.contains(&role) || role.starts_with("pg_") || known.contains(role)
}

/// The roles to which a statement gives something. What a `DO` does may depend on whether they exist.
fn roles_named(statement: &Statement) -> Vec<String> {
    let tokens: Vec<_> = statement.tokens().collect();
    let begins = |word: &str| tokens.first().is_some_and(|token| token.is_word(word));
    let lists = if begins("grant") {
        behind(&tokens, &["to"])
    } else if begins("revoke") {
        behind(&tokens, &["from"])
    } else if statement.begins(&["alter", "default", "privileges"]) {
        let given =
            [["for", "role"], ["for", "user"]].iter().flat_map(|words| behind(&tokens, words));
        given.chain(behind(&tokens, &["to"])).collect()
    } else if begins("alter") {
        behind(&tokens, &["owner", "to"])
    } else if statement.begins(&["create", "policy"]) {
        behind(&tokens, &["to"])
    } else {
        Vec::new()
    };
    lists.into_iter().flat_map(|at| list_at(&tokens, at)).collect()
}

fn list_at(tokens: &[Token<'_>], at: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = at;
    loop {
        if tokens.get(at).is_some_and(|token| token.is_word("group")) {
            at += 1;
        }
        let Some((name, next)) = name_at(tokens, at) else { return names };
        names.push(name.name);
        if tokens.get(next).is_none_or(|token| token.text != ",") {
            return names;
        }
        at = next + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_be_made_by_a_text_that_is_put_together() {
        let roles = |text: &str| {
            let statements = split(text, 1).unwrap();
            computed(&statements[0].tokens_with_body())
        };
        let made = roles(
            "DO $$ BEGIN FOR r IN SELECT unnest(ARRAY['reader', 'writer']) LOOP \
             EXECUTE 'CREATE USER ' || r; END LOOP; END $$",
        );
        assert!(["reader", "writer"].iter().all(|role| made.iter().any(|word| word == role)));
        assert!(roles("DO $$ BEGIN PERFORM 'reader'; END $$").is_empty());
    }

    #[test]
    fn roles_are_found_where_they_are_named() {
        let cases: [(&str, &[&str]); 9] = [
            ("GRANT a, b ON t TO x, GROUP y WITH GRANT OPTION", &["x", "y"]),
            ("GRANT USAGE ON SCHEMA s TO \"X\"", &["X"]),
            ("REVOKE ALL ON t FROM PUBLIC, x CASCADE", &["public", "x"]),
            ("ALTER TABLE t OWNER TO x", &["x"]),
            ("ALTER DEFAULT PRIVILEGES FOR ROLE x GRANT SELECT ON TABLES TO y", &["x", "y"]),
            ("ALTER TABLE t RENAME TO x", &[]),
            ("CREATE POLICY p ON t TO x USING (true)", &["x"]),
            ("SELECT 'GRANT a TO x'", &[]),
            ("DO $$ BEGIN GRANT a TO x; END $$", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(roles_named(&split(text, 1).unwrap()[0]), expected, "{text}");
        }
    }
}
