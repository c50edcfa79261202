//! The names that end in `.up.sql`, sorted byte by byte; each runs whole in one transaction, with
//! its record, which is the whole name.

use super::names::leading_version;
use super::{Context, Reading};
use crate::migrations::lineage::{LineageError, Migration, Step, Wrapping};

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    for file in context.folder.top() {
        let Some(stem) = file.strip_suffix(".up.sql") else {
            skip(context, &mut reading, file);
            continue;
        };
        let down = format!("{stem}.down.sql");
        let down = if context.folder.has(&down) {
            Some(context.script(&down, Wrapping::Transaction)?)
        } else {
            None
        };
        let (version, name) = leading_version(stem);
        reading.migrations.push(Migration {
            version: version.to_owned(),
            name: name.to_owned(),
            up: Step::Script(context.script(file, Wrapping::Transaction)?),
            down,
            repeatable: false,
        });
    }
    Ok(reading)
}

fn skip(context: &Context<'_>, reading: &mut Reading, file: &str) {
    match file.strip_suffix(".down.sql") {
        Some(stem) if context.folder.has(&format!("{stem}.up.sql")) => {}
        Some(_) => reading.ignore(file, "there is no up file of its name"),
        None => reading.ignore(file, "its name does not end in .up.sql"),
    }
}
