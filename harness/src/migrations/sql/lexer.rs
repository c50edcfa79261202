//! Cuts SQL into tokens as PostgreSQL's own scanner does, with `standard_conforming_strings` on.
//!
//! Nothing is lost: the tokens' texts, put together, are the text. Nothing is refused either: what
//! never ends (a string, a comment) is a token up to the end of the text, for PostgreSQL to refuse.

/// One token, with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// As the text has it.
    pub text: &'a str,
    /// Where in the text it begins, in bytes.
    pub offset: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Blanks and line ends.
    Space,
    /// `-- …` without its line end, or `/* … */`, which nests.
    Comment,
    /// A keyword or a plain name.
    Word,
    /// `"…"`.
    QuotedName,
    /// `'…'` or `E'…'`. What stands before the quote in `B'…'`, `U&'…'` is a token of its own.
    String,
    /// `$tag$ … $tag$`.
    DollarString,
    /// `12`, `1.5`, `1e9`, `0xff`.
    Number,
    /// `;`.
    Semicolon,
    /// `(` or `[`.
    Open,
    /// `)` or `]`.
    Close,
    /// `\` and the rest of the line: no SQL, but a command of psql.
    Backslash,
    /// Any other character.
    Symbol,
}

impl Token<'_> {
    /// Whether it is blank or a comment.
    pub fn is_blank(&self) -> bool {
        matches!(self.kind, TokenKind::Space | TokenKind::Comment)
    }

    /// Whether it is this keyword, in any case.
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }
}

/// The tokens of a text.
pub fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, offset: 0 }
}

/// The tokens of a text, one after the other.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Tokens<'a> {
    /// Where the next token begins, in bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Goes on at another place, which must be a character's beginning.
    pub fn jump(&mut self, offset: usize) {
        self.offset = offset;
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = &self.text[self.offset..];
        let first = rest.chars().next()?;
        let (kind, length) = recognise(rest, first);
        let token = Token { kind, text: &rest[..length], offset: self.offset };
        self.offset += length;
        Some(token)
    }
}

fn recognise(rest: &str, first: char) -> (TokenKind, usize) {
    match first {
        _ if is_space(first) => (TokenKind::Space, length_while(rest, is_space)),
        '-' if rest.starts_with("--") => {
            (TokenKind::Comment, length_while(rest, |c| c != '\n' && c != '\r'))
        }
        '/' if rest.starts_with("/*") => (TokenKind::Comment, block_comment(rest)),
        'e' | 'E' if rest[1..].starts_with('\'') => {
            (TokenKind::String, 1 + escape_string(&rest[1..]))
        }
        _ if begins_word(first) => (TokenKind::Word, length_while(rest, continues_word)),
        '\'' => (TokenKind::String, quoted(rest, '\'')),
        '"' => (TokenKind::QuotedName, quoted(rest, '"')),
        '$' => dollar(rest),
        _ if first.is_ascii_digit() => (TokenKind::Number, number(rest)),
        ';' => (TokenKind::Semicolon, 1),
        '(' | '[' => (TokenKind::Open, 1),
        ')' | ']' => (TokenKind::Close, 1),
        '\\' => (TokenKind::Backslash, length_while(rest, |c| c != '\n' && c != '\r')),
        _ => (TokenKind::Symbol, first.len_utf8()),
    }
}

/// What PostgreSQL's scanner calls white space; a byte order mark is none to it, but is to files.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' | '\u{feff}')
}

fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (!c.is_ascii() && c != '\u{feff}')
}

fn continues_word(c: char) -> bool {
    begins_word(c) || c.is_ascii_digit() || c == '$'
}

fn length_while(text: &str, holds: impl Fn(char) -> bool) -> usize {
    text.find(|c| !holds(c)).unwrap_or(text.len())
}

fn block_comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => {
                depth += 1;
                at += 2;
            }
            Some(b"*/") => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of what a quote opens; the quote doubled stands for itself.
fn quoted(rest: &str, quote: char) -> usize {
    let mut at = 1;
    loop {
        match rest[at..].find(quote) {
            None => return rest.len(),
            Some(found) => at += found + 1,
        }
        if !rest[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
}

/// As [`quoted`], and a backslash takes the next character with it.
fn escape_string(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(_)) | (b'\'', Some(b'\'')) => at += 2,
            (b'\'', _) => return at + 1,
            _ => at += 1,
        }
    }
    // A backslash before the text's last character may have led beyond its first byte.
    rest.len()
}

fn dollar(rest: &str) -> (TokenKind, usize) {
    let tag = length_while(&rest[1..], |c| continues_word(c) && c != '$') + 1;
    let names = rest[1..].starts_with(|c: char| begins_word(c) || c == '$');
    if !names || !rest[tag..].starts_with('$') {
        let digits = length_while(&rest[1..], |c| c.is_ascii_digit());
        return (TokenKind::Symbol, 1 + digits);
    }
    let delimiter = &rest[..=tag];
    let end = rest[delimiter.len()..].find(delimiter);
    let length = end.map_or(rest.len(), |end| end + 2 * delimiter.len());
    (TokenKind::DollarString, length)
}

fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = length_while(rest, |c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    // `1..10` in a loop is two numbers, `1e-9` is one.
    if let Some(range) = rest[..at].find("..") {
        at = range;
    }
    let exponent = at > 0 && matches!(bytes[at - 1], b'e' | b'E') && !rest.starts_with("0x");
    if exponent && matches!(bytes.get(at), Some(b'+' | b'-')) {
        at += 1 + length_while(&rest[at + 1..], |c| c.is_ascii_digit());
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use TokenKind::{
        Backslash, Close, Comment, DollarString, Number, Open, QuotedName, Semicolon, String,
        Symbol, Word,
    };

    fn check(text: &str, expected: &[(TokenKind, &str)]) {
        let all: Vec<Token<'_>> = tokens(text).collect();
        let joined: std::string::String = all.iter().map(|token| token.text).collect();
        assert_eq!(joined, text, "the tokens lose something");
        let seen: Vec<_> = all
            .iter()
            .filter(|token| token.kind != TokenKind::Space)
            .map(|token| (token.kind, token.text))
            .collect();
        assert_eq!(seen, expected, "{text}");
    }

    #[test]
    fn each_kind_of_token_is_known() {
        check("a$b $1", &[(Word, "a$b"), (Symbol, "$1")]);
        check("-- x;\n/* a /* b */ ; */", &[(Comment, "-- x;"), (Comment, "/* a /* b */ ; */")]);
        check(
            "'it''s' E'it\\'s;' e'' ''",
            &[(String, "'it''s'"), (String, "E'it\\'s;'"), (String, "e''"), (String, "''")],
        );
        check("'\\' ;", &[(String, "'\\'"), (Semicolon, ";")]);
        check("\"a\"\";b\"", &[(QuotedName, "\"a\"\";b\"")]);
        check(
            "U&'\\0041' B'1'",
            &[(Word, "U"), (Symbol, "&"), (String, "'\\0041'"), (Word, "B"), (String, "'1'")],
        );
        check(
            "$$ ; $a$ $$ $a$ $$ $a$",
            &[(DollarString, "$$ ; $a$ $$"), (DollarString, "$a$ $$ $a$")],
        );
        check("$ä$;$ä$", &[(DollarString, "$ä$;$ä$")]);
        check(
            "f(x[1])",
            &[
                (Word, "f"),
                (Open, "("),
                (Word, "x"),
                (Open, "["),
                (Number, "1"),
                (Close, "]"),
                (Close, ")"),
            ],
        );
        check(
            "1..10 1e-9 .5",
            &[
                (Number, "1"),
                (Symbol, "."),
                (Symbol, "."),
                (Number, "10"),
                (Number, "1e-9"),
                (Symbol, "."),
                (Number, "5"),
            ],
        );
        check("größe\\i x.sql", &[(Word, "größe"), (Backslash, "\\i x.sql")]);
    }

    #[test]
    fn what_never_ends_goes_up_to_the_end() {
        check("'a;", &[(String, "'a;")]);
        check("E'a\\", &[(String, "E'a\\")]);
        check("E'a\\ä", &[(String, "E'a\\ä")]);
        check("\"a;", &[(QuotedName, "\"a;")]);
        check("/* a /* b */;", &[(Comment, "/* a /* b */;")]);
        check("$x$ a $y$", &[(DollarString, "$x$ a $y$")]);
    }
}
