//! diesel: a folder a migration with `up.sql` and `down.sql`, known by what stands before the first
//! underscore without its dashes, and ordered by that. Each is sent at once, in a transaction with
//! the record, unless `metadata.toml` says `run_in_transaction = false`.

use super::annotated::malformed;
use super::{Context, Reading};
use crate::migrations::lineage::{Ignored, LineageError, Migration, Step, Wrapping};

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    for folder in context.folder.folders() {
        let up = format!("{folder}/up.sql");
        if !context.folder.has(&up) {
            let down = format!("{folder}/down.sql");
            if context.folder.has(&down) {
                let reason = "there is no up.sql beside it".to_owned();
                reading.ignored.push(Ignored { file: down, reason });
            }
            continue;
        }
        let wrapping = wrapping(context, &folder)?;
        let down = format!("{folder}/down.sql");
        let down =
            if context.folder.has(&down) { Some(context.script(&down, wrapping)?) } else { None };
        let (version, name) = folder.split_once('_').unwrap_or((&folder, ""));
        reading.migrations.push(Migration {
            version: version.replace('-', ""),
            name: name.to_owned(),
            up: Step::Script(context.script(&up, wrapping)?),
            down,
            repeatable: false,
            stamp: None,
        });
    }
    for file in context.folder.top() {
        reading.ignore(file, "diesel runs only up.sql and down.sql in a folder of their own");
    }
    reading.migrations.sort_by(|one, other| one.version.cmp(&other.version));
    reading.refuse_duplicates("diesel", |migration| migration.version.clone())?;
    Ok(reading)
}

fn wrapping(context: &Context<'_>, folder: &str) -> Result<Wrapping, LineageError> {
    let file = format!("{folder}/metadata.toml");
    if !context.folder.has(&file) {
        return Ok(Wrapping::Transaction);
    }
    let metadata: toml::Table = toml::from_str(&context.folder.text(&file)?)
        .map_err(|error| malformed(&file, 1, error.message()))?;
    let alone = metadata.get("run_in_transaction").and_then(toml::Value::as_bool) == Some(false);
    Ok(if alone { Wrapping::Together } else { Wrapping::Transaction })
}
