//! What a statement means to the transaction around it, told from its words.
//!
//! The list of what PostgreSQL refuses in a transaction block follows its own calls of
//! `PreventInTransactionBlock`.

use super::lexer::{Token, TokenKind};
use super::statement::{Statement, StatementKind};

/// The kind of a statement with these tokens, blanks and comments left out.
pub fn kind(tokens: &[Token<'_>]) -> StatementKind {
    let words = Words(tokens);
    let is = |expected: &[&str]| words.begin(expected);
    if is(&["commit", "prepared"]) || is(&["rollback", "prepared"]) {
        StatementKind::NoTransaction
    } else if is(&["begin"]) || is(&["start", "transaction"]) {
        StatementKind::Begin
    } else if is(&["commit"]) || is(&["end"]) || is(&["prepare", "transaction"]) {
        StatementKind::Commit
    } else if is(&["savepoint"]) || is(&["release"]) {
        StatementKind::Savepoint
    } else if is(&["rollback"]) || is(&["abort"]) {
        let to_savepoint = words.have("to");
        if to_savepoint { StatementKind::Savepoint } else { StatementKind::Rollback }
    } else if words.refuse_a_transaction() {
        StatementKind::NoTransaction
    } else {
        StatementKind::Ordinary
    }
}

/// Whether the statement takes its data from what follows it.
pub(super) fn is_copy_from_stdin(tokens: &[Token<'_>]) -> bool {
    let from_stdin = |pair: &[Token<'_>]| pair[0].is_word("from") && pair[1].is_word("stdin");
    Words(tokens).begin(&["copy"]) && tokens.windows(2).any(from_stdin)
}

struct Words<'a, 'b>(&'a [Token<'b>]);

impl Words<'_, '_> {
    fn begin(&self, expected: &[&str]) -> bool {
        self.0.len() >= expected.len()
            && self.0.iter().zip(expected).all(|(token, word)| token.is_word(word))
    }

    fn have(&self, word: &str) -> bool {
        self.0.iter().any(|token| token.is_word(word))
    }

    fn refuse_a_transaction(&self) -> bool {
        const ALWAYS: [&[&str]; 8] = [
            &["vacuum"],
            &["create", "database"],
            &["drop", "database"],
            &["create", "tablespace"],
            &["drop", "tablespace"],
            &["alter", "system"],
            &["discard", "all"],
            &["drop", "subscription"],
        ];
        ALWAYS.iter().any(|words| self.begin(words))
            || self.is_concurrent()
            || self.rebuilds_everything()
            || self.reaches_a_publisher()
            || (self.begin(&["alter", "database"]) && self.have_pair("set", "tablespace"))
    }

    /// `REFRESH MATERIALIZED VIEW CONCURRENTLY` is none of these: it runs in a transaction.
    fn is_concurrent(&self) -> bool {
        const WITH: [&[&str]; 5] = [
            &["create", "index"],
            &["create", "unique", "index"],
            &["drop", "index"],
            &["reindex"],
            &["alter", "table"],
        ];
        let begins = WITH.iter().any(|words| self.begin(words));
        // In ALTER TABLE the word counts only at the end of DETACH PARTITION.
        let detaches = !self.begin(&["alter"]) || self.have_pair("detach", "partition");
        begins && detaches && self.have("concurrently")
    }

    fn rebuilds_everything(&self) -> bool {
        let whole = ["database", "system", "schema"];
        let reindex = self.begin(&["reindex"])
            && self
                .after_options(1)
                .is_some_and(|token| whole.iter().any(|word| token.is_word(word)));
        let cluster = self.begin(&["cluster"])
            && self
                .after_options(1)
                .is_none_or(|token| token.is_word("verbose") && self.0.len() == 2);
        reindex || cluster
    }

    fn reaches_a_publisher(&self) -> bool {
        let said_false = |option: &str| {
            self.0.windows(3).any(|part| {
                part[0].is_word(option)
                    && (part[2].is_word("false")
                        || part[2].is_word("off")
                        || part[2].text == "'false'")
            })
        };
        (self.begin(&["create", "subscription"])
            && !said_false("connect")
            && !said_false("create_slot"))
            || (self.begin(&["alter", "subscription"]) && self.have("refresh"))
    }

    fn have_pair(&self, first: &str, second: &str) -> bool {
        self.0.windows(2).any(|pair| pair[0].is_word(first) && pair[1].is_word(second))
    }

    /// The token at that place, or behind the parentheses that begin there.
    fn after_options(&self, at: usize) -> Option<&Token<'_>> {
        let rest = self.0.get(at..)?;
        if rest.first().is_none_or(|token| token.kind != TokenKind::Open) {
            return rest.first();
        }
        let close = rest.iter().position(|token| token.kind == TokenKind::Close)?;
        rest.get(close + 1)
    }
}

impl Statement {
    /// Whether it works `CONCURRENTLY`, in several transactions of its own with waits between.
    pub fn is_concurrent(&self) -> bool {
        let tokens: Vec<_> = self.tokens().collect();
        Words(&tokens).is_concurrent()
    }

    /// Whether it adds a value to an enum. A transaction that did so cannot use the value, before
    /// PostgreSQL 12 it cannot even add it.
    pub fn adds_enum_value(&self) -> bool {
        let tokens: Vec<_> = self.tokens().collect();
        let words = Words(&tokens);
        words.begin(&["alter", "type"]) && words.have_pair("add", "value")
    }

    /// Whether it may end the transaction from within: a `CALL`, or a `DO` whose body says so.
    pub fn may_commit_inside(&self) -> bool {
        if self.begins(&["call"]) {
            return true;
        }
        let ends = |body: &str| {
            super::lexer::tokens(body)
                .any(|token| token.is_word("commit") || token.is_word("rollback"))
        };
        self.begins(&["do"])
            && self
                .tokens()
                .filter(|token| matches!(token.kind, TokenKind::DollarString | TokenKind::String))
                .any(|token| {
                    ends(
                        token
                            .text
                            .trim_start_matches(|c| c != '\'' && c != '$')
                            .trim_matches(['\'', '$']),
                    )
                })
    }
}

#[cfg(test)]
mod tests {
    use super::StatementKind::{self, *};
    use crate::migrations::sql::split;

    #[test]
    fn every_kind_is_told_from_its_words() {
        let cases: [(StatementKind, &[&str]); 6] = [
            (
                Ordinary,
                &[
                    "CREATE TABLE t (a int)",
                    "CREATE INDEX i ON t (a)",
                    "CREATE TABLE concurrently_x (a int)",
                    "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
                    "ALTER TABLE t ADD COLUMN concurrently int",
                    "ALTER TYPE e ADD VALUE 'x'",
                    "REINDEX TABLE t",
                    "REINDEX (VERBOSE) INDEX i",
                    "CLUSTER t USING i",
                    "CLUSTER VERBOSE t",
                    "ALTER DATABASE d SET search_path = a",
                    "DISCARD PLANS",
                    "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false)",
                    "SET TRANSACTION READ ONLY",
                    "PREPARE p AS SELECT 1",
                ],
            ),
            (Begin, &["BEGIN", "begin work", "START TRANSACTION READ WRITE", "/* x */ BEGIN"]),
            (Commit, &["COMMIT", "END", "commit and chain", "PREPARE TRANSACTION 'x'"]),
            (Rollback, &["ROLLBACK", "ABORT", "rollback work"]),
            (Savepoint, &["SAVEPOINT a", "RELEASE a", "ROLLBACK TO a", "rollback to savepoint a"]),
            (
                NoTransaction,
                &[
                    "CREATE INDEX CONCURRENTLY i ON t (a)",
                    "create unique index concurrently if not exists i ON t (a)",
                    "DROP INDEX CONCURRENTLY i",
                    "REINDEX INDEX CONCURRENTLY i",
                    "REINDEX (CONCURRENTLY) TABLE t",
                    "REINDEX DATABASE d",
                    "REINDEX (VERBOSE) SCHEMA s",
                    "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
                    "VACUUM",
                    "VACUUM FULL t",
                    "CLUSTER",
                    "CLUSTER VERBOSE",
                    "CREATE DATABASE d",
                    "DROP DATABASE IF EXISTS d",
                    "ALTER DATABASE d SET TABLESPACE s",
                    "CREATE TABLESPACE s LOCATION '/x'",
                    "DROP TABLESPACE s",
                    "ALTER SYSTEM SET work_mem = '1MB'",
                    "DISCARD ALL",
                    "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
                    "ALTER SUBSCRIPTION s REFRESH PUBLICATION",
                    "DROP SUBSCRIPTION s",
                    "COMMIT PREPARED 'x'",
                    "ROLLBACK PREPARED 'x'",
                ],
            ),
        ];
        for (kind, texts) in cases {
            for text in texts {
                let statements = split(text, 1).unwrap();
                assert_eq!(statements.len(), 1, "{text}");
                assert_eq!(statements[0].kind, kind, "{text}");
            }
        }
    }

    #[test]
    fn enum_values_and_hidden_commits_are_seen() {
        let one = |text: &str| split(text, 1).unwrap().remove(0);
        assert!(one("ALTER TYPE s.e ADD VALUE IF NOT EXISTS 'x' BEFORE 'y'").adds_enum_value());
        assert!(!one("ALTER TYPE e ADD ATTRIBUTE value int").adds_enum_value());
        assert!(one("CALL p()").may_commit_inside());
        assert!(one("DO $$ BEGIN COMMIT; END $$").may_commit_inside());
        assert!(one("DO LANGUAGE plpgsql 'BEGIN ROLLBACK; END'").may_commit_inside());
        assert!(!one("DO $$ BEGIN RAISE 'no -- COMMIT'; END $$").may_commit_inside());
        assert!(!one("SELECT 'COMMIT'").may_commit_inside());
    }
}
