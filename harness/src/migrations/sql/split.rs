//! Cuts a text into statements, where psql would.

use super::classify::{is_copy_from_stdin, kind};
use super::lexer::{Token, TokenKind, Tokens, tokens};
use super::statement::Statement;

/// A line that psql obeys and no server understands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{command}` is a command of psql and no SQL")]
pub struct MetaCommand {
    /// The line in the file, from 1.
    pub line: usize,
    /// The command with its arguments, beginning with the backslash.
    pub command: String,
}

/// The statements of a text whose first line is the given one of its file. Semicolons within
/// parentheses and within the body of an SQL-standard function (`BEGIN ATOMIC`) end nothing. Empty
/// statements are left out.
///
/// # Errors
/// The text has a command of psql outside strings and comments.
pub fn split(text: &str, first_line: usize) -> Result<Vec<Statement>, MetaCommand> {
    let mut splitter = Splitter { text, tokens: tokens(text), line: first_line, counted: 0 };
    let mut statements = Vec::new();
    while let Some(statement) = splitter.statement()? {
        statements.push(statement);
    }
    Ok(statements)
}

struct Splitter<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
    /// The line of the byte up to which line ends were counted.
    line: usize,
    counted: usize,
}

impl<'a> Splitter<'a> {
    /// The next statement that has anything in it.
    fn statement(&mut self) -> Result<Option<Statement>, MetaCommand> {
        let mut own: Vec<Token<'a>> = Vec::new();
        let mut nesting = Nesting::default();
        while let Some(token) = self.tokens.next() {
            match token.kind {
                TokenKind::Space | TokenKind::Comment => {}
                TokenKind::Backslash => {
                    let line = self.line_at(token.offset);
                    return Err(MetaCommand { line, command: token.text.trim_end().to_owned() });
                }
                TokenKind::Semicolon if nesting.is_outermost() => {
                    if own.is_empty() {
                        continue;
                    }
                    break;
                }
                _ => {
                    nesting.pass(&token, own.len());
                    own.push(token);
                }
            }
        }
        Ok(self.assemble(&own))
    }

    fn assemble(&mut self, own: &[Token<'a>]) -> Option<Statement> {
        let (first, last) = (own.first()?, own.last()?);
        let line = self.line_at(first.offset);
        let copy_data = if is_copy_from_stdin(own) { self.copy_data() } else { None };
        Some(Statement {
            text: self.text[first.offset..last.offset + last.text.len()].to_owned(),
            offset: first.offset,
            line,
            kind: kind(own),
            copy_data,
        })
    }

    /// The lines below the statement, up to a line `\.`. Nothing but a comment may stand beside it.
    fn copy_data(&mut self) -> Option<String> {
        let here = self.tokens.offset();
        let start = self.text[here..].find('\n').map_or(self.text.len(), |end| here + end + 1);
        if !tokens(&self.text[here..start]).all(|token| token.is_blank()) {
            return None;
        }
        let mut at = start;
        for line in self.text[start..].split_inclusive('\n') {
            if line.trim_end() == "\\." {
                self.tokens.jump(at + line.len());
                return Some(self.text[start..at].to_owned());
            }
            at += line.len();
        }
        self.tokens.jump(at);
        Some(self.text[start..at].to_owned())
    }

    fn line_at(&mut self, offset: usize) -> usize {
        self.line += self.text[self.counted..offset].matches('\n').count();
        self.counted = offset;
        self.line
    }
}

/// How deep within parentheses and bodies a token stands, by psql's own rule: in a `CREATE FUNCTION`
/// or `PROCEDURE`, `BEGIN` opens a body, in which `CASE` opens and `END` closes.
#[derive(Default)]
struct Nesting {
    parentheses: usize,
    bodies: usize,
    creates_routine: bool,
    replaces: bool,
}

impl Nesting {
    fn is_outermost(&self) -> bool {
        self.parentheses == 0 && self.bodies == 0
    }

    /// Takes notice of the statement's token of that number.
    fn pass(&mut self, token: &Token<'_>, number: usize) {
        match token.kind {
            TokenKind::Open => self.parentheses += 1,
            TokenKind::Close => self.parentheses = self.parentheses.saturating_sub(1),
            TokenKind::Word => self.pass_word(token, number),
            _ => {}
        }
    }

    fn pass_word(&mut self, word: &Token<'_>, number: usize) {
        let routine = word.is_word("function") || word.is_word("procedure");
        match number {
            0 => self.creates_routine = word.is_word("create"),
            1 => {
                self.replaces = word.is_word("or");
                self.creates_routine &= routine || self.replaces;
            }
            2 => self.creates_routine &= !self.replaces || word.is_word("replace"),
            3 => self.creates_routine &= !self.replaces || routine,
            _ if !self.creates_routine || self.parentheses > 0 => {}
            _ if word.is_word("begin") => self.bodies += 1,
            _ if word.is_word("case") && self.bodies > 0 => self.bodies += 1,
            _ if word.is_word("end") => self.bodies = self.bodies.saturating_sub(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::seq::IndexedRandom;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn check(text: &str, expected: &[(usize, &str)]) {
        let statements = split(text, 1).unwrap();
        let seen: Vec<_> =
            statements.iter().map(|statement| (statement.line, statement.text.as_str())).collect();
        assert_eq!(seen, expected, "{text}");
    }

    #[test]
    fn statements_end_where_psql_ends_them() {
        check("", &[]);
        check(" ;; -- nothing\n", &[]);
        check("SELECT 1", &[(1, "SELECT 1")]);
        check("-- a\nSELECT 1; -- b\n\nSELECT\n2 /* c */;\n", &[(2, "SELECT 1"), (4, "SELECT\n2")]);
        check(
            "SELECT ';', E'\\';', \";\", $$;$$; SELECT 2",
            &[(1, "SELECT ';', E'\\';', \";\", $$;$$"), (1, "SELECT 2")],
        );
        check(
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3",
            &[(1, "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)"), (1, "SELECT 3")],
        );
        check(
            "BEGIN; SELECT CASE WHEN true THEN 1 END; END;",
            &[(1, "BEGIN"), (1, "SELECT CASE WHEN true THEN 1 END"), (1, "END")],
        );
    }

    #[test]
    fn bodies_of_standard_functions_are_one_statement() {
        for create in ["CREATE FUNCTION", "create or replace procedure"] {
            let function = format!(
                "{create} f() BEGIN ATOMIC\nSELECT CASE WHEN 1 = 1 THEN 2 END;\nSELECT 3;\nEND"
            );
            check(&format!("{function};\nSELECT 4;"), &[(1, &function), (5, "SELECT 4")]);
        }
        check(
            "CREATE FUNCTION f() RETURNS int AS 'x'; SELECT 1",
            &[(1, "CREATE FUNCTION f() RETURNS int AS 'x'"), (1, "SELECT 1")],
        );
    }

    #[test]
    fn data_of_a_copy_belongs_to_it() {
        let statements =
            split("COPY t (a) FROM STDIN;\n1;\n'\n\\.\nSELECT 1;\nCOPY t FROM '/f';", 7).unwrap();
        assert_eq!(statements[0].copy_data.as_deref(), Some("1;\n'\n"));
        assert_eq!((statements[1].text.as_str(), statements[1].line), ("SELECT 1", 11));
        assert_eq!(statements[2].copy_data, None);
        let unended = split("COPY t FROM stdin WITH (FORMAT csv);\n1\n2", 1).unwrap();
        assert_eq!(unended[0].copy_data.as_deref(), Some("1\n2"));
        assert_eq!(unended.len(), 1);
    }

    #[test]
    fn a_command_of_psql_is_no_sql() {
        let error = split("SELECT 1;\n\\connect other\nSELECT 2;", 1).unwrap_err();
        assert_eq!(error.to_string(), "line 2: `\\connect other` is a command of psql and no SQL");
        assert!(split("SELECT '\\i'; -- \\i\n", 1).is_ok());
    }

    /// What lies between two statements is blank, a comment or a semicolon, and no more.
    #[test]
    fn nothing_is_lost_between_statements() {
        const PIECES: [&str; 24] = [
            "SELECT 1",
            ";",
            "\n",
            " ",
            "-- c;\n",
            "/* ; */",
            "'a;'",
            "E'\\'",
            "'",
            "\"",
            "$$",
            "$a$",
            "(",
            ")",
            "CREATE FUNCTION f()",
            "BEGIN ATOMIC",
            "END",
            "CASE",
            "BEGIN",
            "COPY t FROM STDIN;",
            "\\.\n",
            "ä",
            "1.5e-3",
            "/*",
        ];
        let seed = 20_261_122;
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        for round in 0..4_000 {
            let count = random.random_range(0..20);
            let text: String = (0..count).map(|_| *PIECES.choose(&mut random).unwrap()).collect();
            let whole: String = tokens(&text).map(|token| token.text).collect();
            assert_eq!(whole, text, "seed {seed}, round {round}");
            let Ok(statements) = split(&text, 1) else { continue };
            let mut at = 0;
            for statement in &statements {
                let context = format!("seed {seed}, round {round}, {text:?}");
                let between = &text[at..statement.offset];
                assert!(is_nothing(between), "{context}: lost {between:?}");
                assert!(text[statement.offset..].starts_with(&statement.text), "{context}");
                assert_eq!(statement.line, 1 + text[..statement.offset].matches('\n').count());
                at = statement.offset + statement.text.len();
                if let Some(data) = &statement.copy_data {
                    at = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
                    assert!(text[at..].starts_with(data), "{context}");
                    at += data.len();
                    at += if text[at..].starts_with("\\.") { 2 } else { 0 };
                }
            }
            assert!(is_nothing(&text[at..]), "seed {seed}, round {round}: lost {:?}", &text[at..]);
        }
    }

    fn is_nothing(text: &str) -> bool {
        tokens(text).all(|token| token.is_blank() || token.kind == TokenKind::Semicolon)
    }
}
