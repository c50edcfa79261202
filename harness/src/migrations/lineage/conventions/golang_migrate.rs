//! golang-migrate: `N_name.up.sql` and `N_name.down.sql`, ordered by number, each file sent at once
//! with no transaction around it. Files in another language, as some projects' runners take them,
//! are code.

use super::names::{Direction, code_stem, pair, value};
use super::{Context, Reading};
use crate::migrations::lineage::{LineageError, Migration, Step, Wrapping};

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    for file in context.folder.top() {
        let Some(name) = pair(file) else {
            reading.ignore(file, "its name is not NUMBER_name.up.sql or NUMBER_name.down.sql");
            continue;
        };
        if name.direction == Direction::Up {
            reading.migrations.push(Migration {
                version: name.number.to_owned(),
                name: name.name.to_owned(),
                up: match code_stem(file) {
                    Some(_) => Step::Code { file: file.to_owned() },
                    None => Step::Script(context.script(file, Wrapping::Together)?),
                },
                down: None,
                repeatable: false,
            });
        }
    }
    reading.migrations.sort_by_key(|migration| value(&migration.version));
    reading.refuse_duplicates("golang-migrate", |migration| value(&migration.version))?;
    downs(context, &mut reading)?;
    Ok(reading)
}

/// golang-migrate joins a down to its up by the number alone, so the names may differ.
fn downs(context: &Context<'_>, reading: &mut Reading) -> Result<(), LineageError> {
    for file in context.folder.top() {
        let Some(name) = pair(file).filter(|name| name.direction == Direction::Down) else {
            continue;
        };
        let number = value(name.number);
        let up =
            reading.migrations.iter_mut().find(|migration| value(&migration.version) == number);
        match up {
            None => reading.ignore(file, "there is no up file of its number"),
            Some(Migration { down: Some(other), version, .. }) => {
                return Err(LineageError::Duplicate {
                    version: version.clone(),
                    files: (other.file.clone(), file.to_owned()),
                    tool: "golang-migrate",
                });
            }
            Some(_) if code_stem(file).is_some() => {}
            Some(up) => up.down = Some(context.script(file, Wrapping::Together)?),
        }
    }
    Ok(())
}
