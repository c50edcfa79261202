//! Every `.sql` file, sorted byte by byte, run as `psql -f` would: a statement at a time, with no
//! transaction that the file does not open itself.

use super::names::leading_version;
use super::{Context, Reading};
use crate::migrations::lineage::{LineageError, Migration, Step, Wrapping};

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    for file in context.folder.top() {
        let Some(stem) = file.strip_suffix(".sql") else {
            reading.ignore(file, "its name does not end in .sql");
            continue;
        };
        let (version, name) = leading_version(stem);
        reading.migrations.push(Migration {
            version: version.to_owned(),
            name: name.to_owned(),
            up: Step::Script(context.script(file, Wrapping::EachStatement)?),
            down: None,
            repeatable: false,
        });
    }
    Ok(reading)
}
