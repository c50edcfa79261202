//! One statement of a script.

use super::classify::kind;
use super::lexer::{Token, TokenKind, tokens};
use super::split::split;

/// One statement, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The text, without the semicolon that ends it, and without comments before it.
    pub text: String,
    /// Where it begins in the script's text, in bytes.
    pub offset: usize,
    /// The line in the file on which the text begins, from 1.
    pub line: usize,
    /// What it means to the transaction around it.
    pub kind: StatementKind,
    /// What follows a `COPY … FROM STDIN`, up to its `\.`.
    pub copy_data: Option<String>,
}

/// What a statement means to the transaction around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// Runs in a transaction, and leaves it open.
    Ordinary,
    /// `BEGIN`, `START TRANSACTION`.
    Begin,
    /// `COMMIT`, `END`.
    Commit,
    /// `ROLLBACK`, `ABORT`, without `TO`.
    Rollback,
    /// `SAVEPOINT`, `RELEASE`, `ROLLBACK TO`.
    Savepoint,
    /// PostgreSQL refuses it in a transaction block: `CREATE INDEX CONCURRENTLY`, `VACUUM`, …
    NoTransaction,
}

impl Statement {
    /// What a tool sends at once although it may be several statements; it lies at that offset and
    /// line. It is one, of the kind of its first, unless it controls transactions within: then each
    /// of its statements is one. Empty when there is nothing to send.
    pub fn of_block(text: &str, offset: usize, line: usize) -> Vec<Self> {
        let parts = split(text, line).unwrap_or_default();
        if parts.len() > 1 && parts.iter().any(|part| part.kind != StatementKind::Ordinary) {
            let moved = |part: Self| Self { offset: offset + part.offset, ..part };
            return parts.into_iter().map(moved).collect();
        }
        Self::of_text(text, offset, line).into_iter().collect()
    }

    fn of_text(text: &str, offset: usize, line: usize) -> Option<Self> {
        let mut own: Vec<_> = tokens(text).filter(|token| !token.is_blank()).collect();
        if own.last()?.kind == TokenKind::Semicolon {
            own.pop();
        }
        let (first, last) = (own.first()?, own.last()?);
        Some(Self {
            text: text[first.offset..last.offset + last.text.len()].to_owned(),
            offset: offset + first.offset,
            line: line + text[..first.offset].matches('\n').count(),
            kind: kind(&own),
            copy_data: None,
        })
    }

    /// Its tokens, without blanks and comments.
    pub fn tokens(&self) -> impl Iterator<Item = Token<'_>> {
        tokens(&self.text).filter(|token| !token.is_blank())
    }

    /// Whether it begins with these keywords.
    pub fn begins(&self, words: &[&str]) -> bool {
        let mut own = self.tokens();
        words.iter().all(|word| own.next().is_some_and(|token| token.is_word(word)))
    }
}
