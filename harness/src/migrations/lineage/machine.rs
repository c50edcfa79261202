//! What a migration may not do unasked: start programs and read or write files where it is
//! replayed.
//!
//! Migrations are replayed as a superuser, since many make extensions and event triggers that
//! nobody else may make, and a superuser of PostgreSQL is the server's account on its machine. Only
//! what is written can be seen here: this keeps accidents away, and no attacker.

use std::borrow::Cow;

use super::{Lineage, LineageError};
use crate::migrations::sql::{Token, TokenKind, tokens};

/// Functions that read, write or list files of the server's machine.
const FUNCTIONS: [&str; 9] = [
    "lo_export",
    "lo_import",
    "pg_file_rename",
    "pg_file_unlink",
    "pg_file_write",
    "pg_ls_dir",
    "pg_read_binary_file",
    "pg_read_file",
    "pg_stat_file",
];
/// Languages whose functions do what they like.
const LANGUAGES: [&str; 7] =
    ["c", "internal", "plperlu", "plpython2u", "plpython3u", "plpythonu", "pltclu"];
/// Extensions that bring such functions, or tables made of files and programs.
const EXTENSIONS: [&str; 6] =
    ["adminpack", "file_fdw", "plperlu", "plpython3u", "plpythonu", "pltclu"];
/// How the settings end with which a server is told to start a program or to load code.
const SETTINGS: [&str; 3] = ["_command", "_libraries", "_library"];
/// Words without which none of this can be said.
const SIGNS: [&str; 9] =
    ["copy", "extension", "language", "lo_", "load", "pg_file", "pg_ls", "pg_read", "system"];
/// How deep text is searched that stands in text: a statement in a body, and one that it builds.
const DEPTH: usize = 3;

/// Refuses a lineage with a migration that reaches the machine, unless `lineage.toml` lets it.
///
/// # Errors
/// The first such place.
pub fn refuse_reaching(lineage: &Lineage) -> Result<(), LineageError> {
    if lineage.settings.reaches_machine {
        return Ok(());
    }
    for (_, script) in lineage.scripts() {
        for statement in &script.statements {
            if let Some((what, offset)) = reaches(&statement.text, DEPTH) {
                let line = statement.line + statement.text[..offset].matches('\n').count();
                return Err(LineageError::ReachesMachine { file: script.file.clone(), line, what });
            }
        }
    }
    Ok(())
}

/// What in a text reaches the machine, and where in it.
fn reaches(text: &str, depth: usize) -> Option<(String, usize)> {
    let folded = text.to_lowercase();
    if depth == 0 || !SIGNS.iter().any(|sign| folded.contains(sign)) {
        return None;
    }
    let all: Vec<Token<'_>> = tokens(text).filter(|token| !token.is_blank()).collect();
    (0..all.len()).find_map(|at| {
        let what = match all[at].kind {
            TokenKind::Word | TokenKind::QuotedName => said(&all, at),
            TokenKind::String | TokenKind::DollarString => {
                reaches(&content(&all[at]), depth - 1).map(|(what, _)| what)
            }
            _ => None,
        };
        Some((what?, all[at].offset))
    })
}

/// What the words from this place on say.
fn said(all: &[Token<'_>], at: usize) -> Option<String> {
    let name = content(&all[at]).to_lowercase();
    let calls = all.get(at + 1).is_some_and(|next| next.text == "(");
    if calls && FUNCTIONS.contains(&name.as_str()) {
        return Some(format!("{name}()"));
    }
    let begins = at == 0
        || all[at - 1].kind == TokenKind::Semicolon
        || ["begin", "else", "loop", "then"].iter().any(|word| all[at - 1].is_word(word));
    if !begins {
        return None;
    }
    let end = all[at..].iter().position(|token| token.kind == TokenKind::Semicolon);
    let statement = &all[at..end.map_or(all.len(), |end| at + end)];
    let next = |place: usize| statement.get(place).map(|token| content(token).to_lowercase());
    match name.as_str() {
        "copy" => copied(statement),
        "load" if statement.get(1)?.kind == TokenKind::String => Some("LOAD".to_owned()),
        "alter" if statement.get(1)?.is_word("system") => {
            let setting = next(3)?;
            let tells = SETTINGS.iter().any(|ending| setting.ends_with(ending));
            tells.then(|| format!("ALTER SYSTEM SET {setting}"))
        }
        "create" => {
            let words = statement.windows(2);
            let mut pairs = words.map(|pair| (&pair[0], content(&pair[1]).to_lowercase()));
            let makes_extension = statement.get(1)?.is_word("extension");
            // CREATE, at most two words more, and what is made.
            let makes_code = statement.iter().take(4).any(|token| {
                ["function", "language", "procedure"].iter().any(|word| token.is_word(word))
            });
            pairs.find_map(|(before, name)| {
                let language =
                    makes_code && before.is_word("language") && LANGUAGES.contains(&name.as_str());
                let extension = makes_extension
                    && (before.is_word("extension") || before.is_word("exists"))
                    && EXTENSIONS.contains(&name.as_str());
                match (language, extension) {
                    (true, _) => Some(format!("LANGUAGE {name}")),
                    (_, true) => Some(format!("CREATE EXTENSION {name}")),
                    _ => None,
                }
            })
        }
        _ => None,
    }
}

/// Whether a `COPY` goes to or comes from a program or a file.
fn copied(statement: &[Token<'_>]) -> Option<String> {
    let mut depth = 0_usize;
    statement.windows(2).find_map(|pair| {
        match pair[0].kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        let way = ["from", "to"].into_iter().find(|word| pair[0].is_word(word))?.to_uppercase();
        match pair[1].kind {
            _ if depth > 0 => None,
            TokenKind::String => Some(format!("COPY … {way} a file")),
            _ => pair[1].is_word("program").then(|| format!("COPY … {way} PROGRAM")),
        }
    })
}

/// A token's text without its quotes.
fn content<'a>(token: &Token<'a>) -> Cow<'a, str> {
    let text = token.text;
    let between = |quote: char| {
        let inner = text.trim_start_matches(['e', 'E']).strip_prefix(quote).unwrap_or(text);
        inner.strip_suffix(quote).unwrap_or(inner)
    };
    match token.kind {
        TokenKind::String => Cow::Owned(between('\'').replace("''", "'")),
        TokenKind::QuotedName => Cow::Borrowed(between('"')),
        TokenKind::DollarString => {
            let tag = text[1..].find('$').map_or(0, |tag| tag + 2);
            Cow::Borrowed(text.get(tag..text.len().saturating_sub(tag)).unwrap_or(text))
        }
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::migrations::lineage::{ReadOptions, read};

    #[test]
    fn what_reaches_the_machine_is_seen_wherever_it_is_written() {
        let cases = [
            ("COPY (SELECT 1) TO PROGRAM 'id'", "COPY … TO PROGRAM"),
            ("COPY t (a, b) FROM '/etc/passwd' CSV", "COPY … FROM a file"),
            ("SELECT pg_catalog.pg_read_file('x')", "pg_read_file()"),
            ("SELECT \"lo_import\" ('x')", "lo_import()"),
            ("DO $x$ BEGIN COPY t TO E'/tmp/x'; END $x$", "COPY … TO a file"),
            ("DO $$ BEGIN EXECUTE 'COPY t FROM PROGRAM ''id'''; END $$", "COPY … FROM PROGRAM"),
            ("CREATE FUNCTION f() RETURNS int AS 'libc', 'system' LANGUAGE C", "LANGUAGE c"),
            (
                "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE 'plpython3u' AS ''",
                "LANGUAGE plpython3u",
            ),
            ("CREATE EXTENSION IF NOT EXISTS \"file_fdw\"", "CREATE EXTENSION file_fdw"),
            ("LOAD 'x'", "LOAD"),
            ("ALTER SYSTEM SET archive_command = 'x'", "ALTER SYSTEM SET archive_command"),
        ];
        for (text, expected) in cases {
            let found = reaches(text, DEPTH).map(|(what, _)| what);
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_it_passes() {
        for text in [
            "COPY t FROM STDIN",
            "COPY (SELECT substring(a from 'x') FROM t) TO STDOUT",
            "SELECT substring(copy FROM 'x') FROM t",
            "ALTER SYSTEM SET work_mem = '1MB'",
            "CREATE TABLE t (language c, load text, pg_read_file text)",
            "CREATE EXTENSION IF NOT EXISTS postgres_fdw",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
            "COMMENT ON TABLE t IS 'a copy from the extension of 1999'",
        ] {
            assert_eq!(reaches(text, DEPTH), None, "{text}");
        }
    }

    #[test]
    fn it_is_refused_with_its_place_unless_the_settings_let_it() {
        let folder = tempfile::tempdir().unwrap();
        let sql = "CREATE TABLE t (a int);\n\nCOPY t\n  FROM '/x';";
        fs::write(folder.path().join("1_a.up.sql"), sql).unwrap();
        let lineage = || read(folder.path(), &ReadOptions::default()).unwrap();
        let refused = refuse_reaching(&lineage()).unwrap_err().to_string();
        assert!(refused.starts_with("1_a.up.sql, line 3: COPY … FROM a file "), "{refused}");
        fs::write(folder.path().join("lineage.toml"), "reaches-machine = true").unwrap();
        refuse_reaching(&lineage()).unwrap();
    }
}
