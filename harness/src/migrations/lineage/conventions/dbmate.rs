//! dbmate: one annotated file a migration, ordered by name and known by the digits that begin it.
//! Each direction is sent at once, in a transaction with the record, unless its mark says
//! `transaction:false`.

use super::annotated::malformed;
use super::{Context, Reading};
use crate::migrations::lineage::{LineageError, Migration, Script, Step, Wrapping};

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    for file in context.folder.top() {
        let digits = file.find(|c: char| !c.is_ascii_digit()).unwrap_or(file.len());
        let Some(stem) = file.strip_suffix(".sql").filter(|_| digits > 0) else {
            reading.ignore(file, "its name is not NUMBER_name.sql");
            continue;
        };
        let (up, down) = sections(file, &context.text(file)?)?;
        reading.migrations.push(Migration {
            version: stem[..digits].to_owned(),
            name: stem[digits..].trim_start_matches(['_', '-']).to_owned(),
            up: Step::Script(up),
            down,
            repeatable: false,
            stamp: None,
        });
    }
    reading.refuse_duplicates("dbmate", |migration| migration.version.clone())?;
    Ok(reading)
}

fn sections(file: &str, text: &str) -> Result<(Script, Option<Script>), LineageError> {
    let Some(up) = find(text, "up") else {
        return Err(malformed(file, 1, "dbmate refuses a file without `-- migrate:up`"));
    };
    let down = find(text, "down").unwrap_or(text.len());
    if down < up {
        return Err(malformed(
            file,
            line_of(text, down),
            "`migrate:up` must come before `migrate:down`",
        ));
    }
    let before = text[..up].lines().position(|line| !is_comment(line));
    if let Some(line) = before {
        return Err(malformed(file, line + 1, "dbmate refuses SQL before `-- migrate:up`"));
    }
    let script = |from: usize, to: usize| {
        let part = &text[from..to];
        let alone = part.lines().next().is_some_and(|mark| mark.contains("transaction:false"));
        let wrapping = if alone { Wrapping::Together } else { Wrapping::Transaction };
        Script::new(file, part.to_owned(), line_of(text, from), wrapping)
    };
    let has_down = down < text.len();
    let down_script = if has_down { Some(script(down, text.len())?) } else { None };
    Ok((script(up, down)?, down_script))
}

fn is_comment(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with("--")
}

/// Where the line with the mark of a direction begins.
fn find(text: &str, direction: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let said = line.strip_prefix("--").map(str::trim_start);
        let said = said.and_then(|said| said.strip_prefix("migrate:")?.strip_prefix(direction));
        if said.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace)) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text[..offset].matches('\n').count()
}
