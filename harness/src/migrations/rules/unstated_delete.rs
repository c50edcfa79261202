//! A foreign key does not say what happens when the row that it leads to is deleted.

use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage};
use crate::migrations::sql::{Name, Statement, Token, TokenKind, behind, name_at};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "foreign-keys.unstated-delete",
    severity: Severity::Info,
    summary: "A foreign key does not say what happens when the row that it leads to is deleted.",
    reason: "The default refuses the delete. That may be right, but nobody can tell whether it was \
             meant; the first to ask is an administrator whose delete is refused.",
    advice: "write ON DELETE, if only NO ACTION or RESTRICT",
    bad: Example {
        convention: Convention::GolangMigrate,
        files: &[(
            "1_people.up.sql",
            "CREATE TABLE people (id bigint PRIMARY KEY);\n\
             CREATE TABLE notes (id bigint PRIMARY KEY, person bigint REFERENCES people (id));\n",
        )],
        refused: None,
    },
    good: Example {
        convention: Convention::GolangMigrate,
        files: &[(
            "1_people.up.sql",
            "CREATE TABLE people (id bigint PRIMARY KEY);\n\
             CREATE TABLE notes (\n    id bigint PRIMARY KEY,\n    \
             person bigint REFERENCES people (id) ON DELETE RESTRICT\n);\n",
        )],
        refused: None,
    },
    check,
};

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    let mut found = Vec::new();
    for (migration, script) in lineage.scripts() {
        if migration.down.as_ref().is_some_and(|down| std::ptr::eq(down, script)) {
            continue;
        }
        for statement in &script.statements {
            for (target, offset) in unstated(statement) {
                let evidence = format!("leads to {} and states no ON DELETE", target.name);
                let mut finding = rule.of_statement((migration, script), statement, evidence);
                let line = statement.text[..offset].matches('\n').count();
                finding.line = Some(statement.line + line);
                found.push(finding);
            }
        }
    }
    found
}

/// The tables to which a statement's foreign keys lead without a word about deletes, and where in
/// the statement each key says so.
fn unstated(statement: &Statement) -> Vec<(Name, usize)> {
    let makes = statement.begins(&["create"]) || statement.begins(&["alter", "table"]);
    let tokens: Vec<_> = statement.tokens().collect();
    let keys = if makes { behind(&tokens, &["references"]) } else { Vec::new() };
    let unstated = |at: usize| {
        let (target, next) = name_at(&tokens, at)?;
        (!states_delete(&tokens[next..])).then(|| (target, tokens[at].offset))
    };
    keys.into_iter().filter_map(unstated).collect()
}

/// Whether the rest of a constraint, up to the comma or parenthesis that ends it, says `ON DELETE`.
fn states_delete(tokens: &[Token<'_>]) -> bool {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close if depth == 0 => return false,
            TokenKind::Close => depth -= 1,
            TokenKind::Symbol if token.text == "," && depth == 0 => return false,
            TokenKind::Word
                if depth == 0
                    && token.is_word("on")
                    && tokens.get(at + 1).is_some_and(|next| next.is_word("delete")) =>
            {
                return true;
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::sql::split;

    #[test]
    fn only_keys_without_a_word_about_deletes_are_found() {
        let cases = [
            (
                "CREATE TABLE t (a int REFERENCES s, b int REFERENCES r ON DELETE CASCADE)",
                vec!["s"],
            ),
            ("CREATE TABLE t (a int REFERENCES s (id, x) MATCH FULL ON UPDATE CASCADE)", vec!["s"]),
            (
                "CREATE TABLE t (a int REFERENCES p.s (id) ON UPDATE CASCADE ON DELETE SET NULL)",
                vec![],
            ),
            ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES s (id)", vec!["s"]),
            ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES s (id) ON DELETE NO ACTION", vec![]),
            ("GRANT REFERENCES ON t TO PUBLIC", vec![]),
        ];
        for (text, expected) in cases {
            let statement = &split(text, 1).unwrap()[0];
            let found: Vec<_> =
                unstated(statement).into_iter().map(|(name, _)| name.name).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
