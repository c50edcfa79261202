//! sqlx: `N_name.sql`, or `N_name.up.sql` with `N_name.down.sql`, ordered by number, each in a
//! transaction with its record, unless the file begins with `-- no-transaction`.

use super::names::{numbered, value};
use super::{Context, Reading};
use crate::migrations::lineage::{LineageError, Migration, Script, Step, Wrapping};

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    let mut downs = Vec::new();
    for file in context.folder.top() {
        let Some((number, rest)) = name(file)? else {
            reading.ignore(file, "its name is not NUMBER_name.sql");
            continue;
        };
        if rest.ends_with(".down.sql") {
            downs.push((value(number), file));
            continue;
        }
        reading.migrations.push(Migration {
            version: number.to_owned(),
            name: rest.trim_end_matches(".sql").trim_end_matches(".up").to_owned(),
            up: Step::Script(script(context, file)?),
            down: None,
            repeatable: false,
            stamp: None,
        });
    }
    reading.migrations.sort_by_key(|migration| value(&migration.version));
    reading.refuse_duplicates("sqlx", |migration| value(&migration.version))?;
    for (number, file) in downs {
        let mut ups = reading.migrations.iter_mut();
        match ups.find(|migration| value(&migration.version) == number) {
            Some(up) => up.down = Some(script(context, file)?),
            None => reading.ignore(file, "there is no up file of its number"),
        }
    }
    Ok(reading)
}

/// The number and the rest of a name. sqlx passes over what has no underscore or other ending, and
/// refuses what has both and no number.
fn name(file: &str) -> Result<Option<(&str, &str)>, LineageError> {
    match file.split_once('_') {
        Some((_, rest)) if rest.ends_with(".sql") => {
            numbered(file).map(Some).ok_or_else(|| LineageError::Malformed {
                file: file.to_owned(),
                line: 1,
                message: "sqlx refuses a folder with a .sql file whose name does not begin with a \
                          number; rename it or move it away"
                    .to_owned(),
            })
        }
        _ => Ok(None),
    }
}

fn script(context: &Context<'_>, file: &str) -> Result<Script, LineageError> {
    let text = context.text(file)?;
    let alone = text.starts_with("-- no-transaction");
    let wrapping = if alone { Wrapping::Together } else { Wrapping::Transaction };
    Script::new(file, text, 1, wrapping)
}
