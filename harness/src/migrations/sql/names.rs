//! Names of tables and other objects in a statement's tokens.

use super::lexer::{Token, TokenKind, tokens};
use super::statement::Statement;

/// A name as PostgreSQL understands it: in lower case unless it was quoted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The schema, where it was said.
    pub schema: Option<String>,
    /// The name itself.
    pub name: String,
}

/// The name that begins at that token, and the place of the token behind it. `IF EXISTS`,
/// `IF NOT EXISTS` and `ONLY` before it are passed over.
pub fn name_at(tokens: &[Token<'_>], at: usize) -> Option<(Name, usize)> {
    let mut at = at;
    while ["if", "not", "exists", "only"]
        .iter()
        .any(|word| tokens.get(at).is_some_and(|token| token.is_word(word)))
    {
        at += 1;
    }
    let mut parts = vec![part(tokens.get(at)?)?];
    at += 1;
    while tokens.get(at).is_some_and(|token| token.text == ".") {
        parts.push(part(tokens.get(at + 1)?)?);
        at += 2;
    }
    let name = parts.pop()?;
    Some((Name { schema: parts.pop(), name }, at))
}

fn part(token: &Token<'_>) -> Option<String> {
    match token.kind {
        TokenKind::Word => Some(token.text.to_lowercase()),
        TokenKind::QuotedName => {
            let inner = token.text.strip_prefix('"')?.strip_suffix('"')?;
            Some(inner.replace("\"\"", "\""))
        }
        _ => None,
    }
}

/// Where these keywords stand one behind the other; the place of the token behind the last.
pub fn behind(tokens: &[Token<'_>], words: &[&str]) -> Vec<usize> {
    tokens
        .windows(words.len())
        .enumerate()
        .filter(|(_, window)| window.iter().zip(words).all(|(token, word)| token.is_word(word)))
        .map(|(at, _)| at + words.len())
        .collect()
}

impl Statement {
    /// The statement's tokens, and, for a `DO`, those of its body in their place.
    pub fn tokens_with_body(&self) -> Vec<Token<'_>> {
        let own: Vec<_> = self.tokens().collect();
        if !own.first().is_some_and(|token| token.is_word("do")) {
            return own;
        }
        own.into_iter().flat_map(|token| body(token).unwrap_or_else(|| vec![token])).collect()
    }
}

fn body<'a>(token: Token<'a>) -> Option<Vec<Token<'a>>> {
    if token.kind != TokenKind::DollarString {
        return None;
    }
    let opened = token.text[1..].find('$')? + 2;
    let inner = token.text.get(opened..token.text.len().checked_sub(opened)?)?;
    let moved = |inner: Token<'a>| Token { offset: token.offset + opened + inner.offset, ..inner };
    Some(tokens(inner).filter(|token| !token.is_blank()).map(moved).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::sql::split;

    fn name(schema: Option<&str>, name: &str) -> Name {
        Name { schema: schema.map(str::to_owned), name: name.to_owned() }
    }

    #[test]
    fn names_are_folded_as_postgresql_folds_them() {
        let cases = [
            ("People", name(None, "people")),
            ("\"People\"", name(None, "People")),
            ("App.\"a\"\"b\"", name(Some("app"), "a\"b")),
            ("db.app.t", name(Some("app"), "t")),
            ("IF NOT EXISTS t", name(None, "t")),
        ];
        for (text, expected) in cases {
            let all: Vec<_> = tokens(text).filter(|token| !token.is_blank()).collect();
            assert_eq!(name_at(&all, 0).unwrap(), (expected, all.len()), "{text}");
        }
        let none: Vec<_> = tokens("'x'").collect();
        assert_eq!(name_at(&none, 0), None);
    }

    #[test]
    fn a_do_shows_what_is_in_its_body() {
        let statement =
            split("DO $x$ BEGIN INSERT INTO t VALUES (1); END $x$", 1).unwrap().remove(0);
        let all = statement.tokens_with_body();
        let place = behind(&all, &["insert", "into"])[0];
        assert_eq!(name_at(&all, place).unwrap().0, name(None, "t"));
        assert!(statement.text[all[place].offset..].starts_with("t VALUES"));
    }
}
