//! The names that end in `.up.sql`, sorted byte by byte; each runs whole in one transaction, with
//! its record, which is the whole name. Code in another language (`.up.go`) is a step, too. Where a
//! folder serves several databases, as `.mysql.up.sql` shows, PostgreSQL's own file goes before the
//! general one, and others' are no concern.

use super::names::{code_stem, leading_version};
use super::{Context, Reading};
use crate::migrations::lineage::{LineageError, Migration, Script, Step, Wrapping};

/// How files name PostgreSQL, and how they name others.
const OURS: [&str; 2] = ["postgres", "postgresql"];
const OTHERS: [&str; 7] =
    ["mysql", "mariadb", "sqlite", "sqlite3", "cockroach", "cockroachdb", "mssql"];

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    for file in context.folder.top().filter(|file| concerns_us(context, file)) {
        let code = code_stem(file).and_then(|stem| stem.strip_suffix(".up"));
        let Some(stem) = file.strip_suffix(".up.sql").or(code) else {
            skip(context, &mut reading, file);
            continue;
        };
        let down = format!("{stem}.down.sql");
        let down = if context.folder.has(&down) { Some(script(context, &down)?) } else { None };
        let (version, name) = leading_version(stem);
        reading.migrations.push(Migration {
            version: version.to_owned(),
            name: name.to_owned(),
            up: match code {
                Some(_) => Step::Code { file: file.to_owned() },
                None => Step::Script(script(context, file)?),
            },
            down,
            repeatable: false,
            stamp: None,
        });
    }
    Ok(reading)
}

/// Some tools forbid the transaction by `.autocommit.` in a name, and send the file at once; others
/// by `.no-transaction.`, and send its statements one by one.
fn script(context: &Context<'_>, file: &str) -> Result<Script, LineageError> {
    let wrapping = match file {
        file if file.contains(".autocommit.") => Wrapping::Together,
        file if file.contains(".no-transaction.") => Wrapping::EachStatement,
        _ => Wrapping::Transaction,
    };
    context.script(file, wrapping)
}

fn concerns_us(context: &Context<'_>, file: &str) -> bool {
    let mut parts = file.split('.').skip(1);
    if parts.any(|part| OTHERS.contains(&part)) {
        return false;
    }
    let own = |name: &str| {
        let (stem, direction) = file.split_once('.').unwrap_or((file, ""));
        let direction = direction.trim_start_matches("autocommit.");
        let with = |mark: &str| context.folder.has(&format!("{stem}.{name}{mark}.{direction}"));
        with("") || with(".autocommit")
    };
    file.split('.').any(|part| OURS.contains(&part)) || !OURS.into_iter().any(own)
}

fn skip(context: &Context<'_>, reading: &mut Reading, file: &str) {
    match file.strip_suffix(".down.sql") {
        Some(stem) if context.folder.has(&format!("{stem}.up.sql")) => {}
        Some(stem) if context.folder.has(&format!("{stem}.up.go")) => {}
        Some(_) => reading.ignore(file, "there is no up file of its name"),
        None => reading.ignore(file, "its name does not end in .up.sql"),
    }
}
