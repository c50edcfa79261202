//! drizzle: the files that `meta/_journal.json` names, in its order. All that are pending run in one
//! transaction with their records. What stands between two marks is sent by itself, so the last
//! statement there needs no semicolon.

use serde::Deserialize;

use super::annotated::malformed;
use super::names::leading_version;
use super::{Context, Reading};
use crate::migrations::lineage::{LineageError, Migration, Script, Step, Wrapping};
use crate::migrations::sql::Statement;

/// Where the order is written down.
pub(in crate::migrations::lineage) const JOURNAL: &str = "meta/_journal.json";

const MARK: &str = "--> statement-breakpoint";

#[derive(Debug, Deserialize)]
struct Journal {
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    /// The file's name without its ending.
    tag: String,
    /// In milliseconds since 1970.
    when: i64,
}

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    let text = context.folder.text(JOURNAL)?;
    let journal: Journal = serde_json::from_str(&text)
        .map_err(|error| malformed(JOURNAL, error.line(), error.to_string()))?;
    for Entry { tag, when } in &journal.entries {
        let file = format!("{tag}.sql");
        if !context.folder.has(&file) {
            let line = text.lines().position(|line| line.contains(tag)).map_or(1, |line| line + 1);
            let message = format!("there is no {file}, and drizzle refuses to migrate without it");
            return Err(malformed(JOURNAL, line, message));
        }
        let (version, name) = leading_version(tag);
        reading.migrations.push(Migration {
            version: version.to_owned(),
            name: name.to_owned(),
            up: Step::Script(script(&file, context.text(&file)?)?),
            down: None,
            repeatable: false,
            stamp: Some(*when),
        });
    }
    for file in context.folder.top() {
        if !reading.migrations.iter().any(|migration| migration.file() == file) {
            reading.ignore(file, format!("{JOURNAL} does not name it"));
        }
    }
    Ok(reading)
}

fn script(file: &str, text: String) -> Result<Script, LineageError> {
    let mut script = Script::new(file, String::new(), 1, Wrapping::Transaction)?;
    let (mut offset, mut line) = (0, 1);
    for piece in text.split(MARK) {
        let part = Script::new(file, piece.to_owned(), line, Wrapping::Transaction)?;
        let moved = |one: Statement| Statement { offset: offset + one.offset, ..one };
        script.statements.extend(part.statements.into_iter().map(moved));
        offset += piece.len() + MARK.len();
        line += piece.matches('\n').count();
    }
    Ok(Script { text, ..script })
}
