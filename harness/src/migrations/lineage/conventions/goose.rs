//! goose: one annotated file a migration, ordered by the number before the first underscore. Each
//! statement is sent by itself, all of them in one transaction with the record, unless the file
//! says `-- +goose NO TRANSACTION`. Go files between them are code.

use super::annotated::{Cutting, Section, Sections, malformed, read_by_either};
use super::names::{numbered, value};
use super::{Context, Reading};
use crate::migrations::lineage::variables::fill_shell;
use crate::migrations::lineage::{LineageError, Migration, Script, Step, Wrapping};

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    read_by_either("goose", context, read_with)
}

fn read_with(context: &Context<'_>, cutting: Cutting) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    for file in context.folder.top() {
        let Some((stem, code)) = stem(file) else {
            reading.ignore(file, "its name does not end in .sql or .go");
            continue;
        };
        let Some((number, name)) = numbered(stem) else {
            reading.ignore(file, "its name does not begin with a number and an underscore");
            continue;
        };
        if value(number) == 0 {
            return Err(malformed(file, 1, "goose refuses version 0; begin with 1"));
        }
        let (up, down) = if code {
            (Step::Code { file: file.to_owned() }, None)
        } else {
            let text = context.text(file)?;
            let Sections { up, down, torn } = sections(file, &text, context, cutting)?;
            reading.torn.extend(torn.map(|line| (file.to_owned(), line)));
            (Step::Script(up), down)
        };
        let (version, name) = (number.to_owned(), name.to_owned());
        reading.migrations.push(Migration {
            version,
            name,
            up,
            down,
            repeatable: false,
            stamp: None,
        });
    }
    reading.migrations.sort_by_key(|migration| value(&migration.version));
    reading.refuse_duplicates("goose", |migration| value(&migration.version))?;
    Ok(reading)
}

/// The name without its ending, and whether it is code.
fn stem(file: &str) -> Option<(&str, bool)> {
    let sql = file.strip_suffix(".sql").map(|stem| (stem, false));
    sql.or_else(|| {
        file.strip_suffix(".go").filter(|stem| !stem.ends_with("_test")).map(|stem| (stem, true))
    })
}

fn sections(
    file: &str,
    text: &str,
    context: &Context<'_>,
    cutting: Cutting,
) -> Result<Sections, LineageError> {
    let (mut up, mut down): (Option<Section>, Option<Section>) = (None, None);
    let (mut wrapping, mut substitutes) = (Wrapping::Transaction, false);
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let wrong = |message: &str| malformed(file, number, message);
        let current = down.as_mut().or(up.as_mut());
        match (mark(line).as_deref(), current) {
            (Some("UP"), None) => up = Some(Section::new(cutting)),
            (Some("UP"), Some(_)) => return Err(wrong("goose refuses a second `+goose Up`")),
            (Some("DOWN"), Some(section)) => {
                if let Some(open) = section.unfinished() {
                    return Err(malformed(file, open, UNFINISHED));
                }
                if down.is_some() {
                    return Err(wrong("goose refuses a second `+goose Down`"));
                }
                down = Some(Section::new(cutting));
            }
            (Some("STATEMENTBEGIN"), Some(section)) if !section.is_in_block() => {
                section.begin_block();
            }
            (Some("STATEMENTEND"), Some(section)) if section.is_in_block() => section.end_block(),
            (Some("NO TRANSACTION"), _) => wrapping = Wrapping::EachStatement,
            (Some("ENVSUBST ON"), _) => substitutes = true,
            (Some("ENVSUBST OFF"), _) => substitutes = false,
            (Some("DOWN" | "STATEMENTBEGIN" | "STATEMENTEND"), _) => {
                return Err(wrong("this mark is not expected here; see to the order of marks"));
            }
            (_, Some(section)) if substitutes => {
                section.line(&fill_shell(line, context.variables), number);
            }
            (_, Some(section)) => section.line(line, number),
            (_, None) if line.trim().is_empty() || line.trim_start().starts_with("--") => {}
            (_, None) => return Err(wrong("goose refuses SQL before `-- +goose Up`")),
        }
    }
    let Some(up) = up else {
        return Err(malformed(file, 1, "goose refuses a file without `-- +goose Up`"));
    };
    if down.as_ref().unwrap_or(&up).is_in_block() {
        return Err(malformed(file, text.lines().count(), "`+goose StatementEnd` is missing"));
    }
    if let (Some(open), None) = (up.unfinished(), &down) {
        return Err(malformed(file, open, UNFINISHED));
    }
    let script = |section: Section| {
        let (text, statements) = section.into_parts();
        Script { file: file.to_owned(), text, statements, wrapping }
    };
    let torn = up.torn();
    Ok(Sections { up: script(up), down: down.map(script), torn })
}

const UNFINISHED: &str = "goose refuses a statement without a semicolon at the end of its line";

/// What a mark of goose's says, in capitals: goose takes any case.
fn mark(line: &str) -> Option<String> {
    let said = line.strip_prefix("--")?.trim().strip_prefix("+goose ")?;
    Some(said.trim().to_uppercase())
}
