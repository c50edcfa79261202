//! sql-migrate: one annotated file a migration, known by its whole name, those with a number first
//! and ordered by it. Each statement is sent by itself, in one transaction with the record, unless
//! the mark of its direction says `notransaction`.

use super::annotated::{Cutting, Section, Sections, malformed, read_by_either};
use super::{Context, Reading};
use crate::migrations::lineage::{LineageError, Migration, Script, Step, Wrapping};

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    read_by_either("sql-migrate", context, read_with)
}

fn read_with(context: &Context<'_>, cutting: Cutting) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    for file in context.folder.top() {
        let Some(stem) = file.strip_suffix(".sql") else {
            reading.ignore(file, "its name does not end in .sql");
            continue;
        };
        let Sections { up, down, torn } = sections(file, &context.text(file)?, cutting)?;
        reading.torn.extend(torn.map(|line| (file.to_owned(), line)));
        let digits = stem.find(|c: char| !c.is_ascii_digit()).unwrap_or(stem.len());
        let (version, name) = match digits {
            0 => (stem, ""),
            digits => (&stem[..digits], stem[digits..].trim_start_matches(['_', '-'])),
        };
        reading.migrations.push(Migration {
            version: version.to_owned(),
            name: name.to_owned(),
            up: Step::Script(up),
            down,
            repeatable: false,
            stamp: None,
        });
    }
    reading.migrations.sort_by(|one, other| order(one).cmp(&order(other)));
    Ok(reading)
}

/// Those without a number come after all others.
fn order(migration: &Migration) -> (bool, u64, &str) {
    let number = migration.version.parse().ok();
    (number.is_none(), number.unwrap_or_default(), migration.file())
}

fn sections(file: &str, text: &str, cutting: Cutting) -> Result<Sections, LineageError> {
    let (mut up, mut down) = (Section::new(cutting), Section::new(cutting));
    let mut wrapping = [Wrapping::Transaction; 2];
    let mut goes_down = None;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let section = if goes_down == Some(true) { &mut down } else { &mut up };
        let mut words = mark(line);
        match (words.next(), goes_down) {
            (Some(direction @ ("Up" | "Down")), _) => {
                if let Some(open) = section.unfinished() {
                    return Err(malformed(file, open, UNFINISHED));
                }
                let is_down = direction == "Down";
                goes_down = Some(is_down);
                if words.any(|option| option == "notransaction") {
                    wrapping[usize::from(is_down)] = Wrapping::EachStatement;
                }
            }
            (Some("StatementBegin"), Some(_)) => section.begin_block(),
            (Some("StatementEnd"), Some(_)) => section.end_block(),
            (_, Some(_)) => section.line(line, number),
            (_, None) => {}
        }
    }
    if goes_down.is_none() {
        return Err(malformed(file, 1, "sql-migrate refuses a file without `-- +migrate Up`"));
    }
    if up.is_in_block() || down.is_in_block() {
        return Err(malformed(file, text.lines().count(), "`+migrate StatementEnd` is missing"));
    }
    if let Some(open) = up.unfinished().or(down.unfinished()) {
        return Err(malformed(file, open, UNFINISHED));
    }
    let has_down = text.lines().any(|line| mark(line).next() == Some("Down"));
    let script = |section: Section, wrapping| {
        let (text, statements) = section.into_parts();
        Script { file: file.to_owned(), text, statements, wrapping }
    };
    let torn = up.torn();
    let (up, down) = (script(up, wrapping[0]), has_down.then(|| script(down, wrapping[1])));
    Ok(Sections { up, down, torn })
}

const UNFINISHED: &str =
    "sql-migrate refuses a statement without a semicolon at the end of its line";

/// The words of a mark of sql-migrate's; none for another line.
fn mark(line: &str) -> std::str::SplitWhitespace<'_> {
    line.strip_prefix("-- +migrate ").unwrap_or_default().split_whitespace()
}
