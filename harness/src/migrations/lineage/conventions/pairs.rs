//! Pairs of files, `N_name.up.sql` and `N_name.down.sql`, ordered by number, as several tools have
//! them. Files in another language, as some projects' runners take them, are code.

use super::names::{Direction, code_stem, pair, value};
use super::{Context, Reading};
use crate::migrations::lineage::{LineageError, Migration, Step, Wrapping};

/// Reads pairs of this tool, which sends a file of that name in that way.
pub(super) fn read(
    context: &Context<'_>,
    tool: &'static str,
    wrapping: impl Fn(&str) -> Wrapping,
) -> Result<Reading, LineageError> {
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
                    None => Step::Script(context.script(file, wrapping(file))?),
                },
                down: None,
                repeatable: false,
                stamp: None,
            });
        }
    }
    reading.migrations.sort_by_key(|migration| value(&migration.version));
    reading.refuse_duplicates(tool, |migration| value(&migration.version))?;
    downs(context, &mut reading, tool, wrapping)?;
    Ok(reading)
}

/// A down is joined to its up by the number alone, so the names may differ.
fn downs(
    context: &Context<'_>,
    reading: &mut Reading,
    tool: &'static str,
    wrapping: impl Fn(&str) -> Wrapping,
) -> Result<(), LineageError> {
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
                    tool,
                });
            }
            Some(_) if code_stem(file).is_some() => {}
            Some(up) => up.down = Some(context.script(file, wrapping(file))?),
        }
    }
    Ok(())
}
