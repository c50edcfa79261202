//! refinery: `V1__name.sql` and `U1__name.sql` (which may come late), ordered by number, also in
//! folders below. Each is sent at once, in a transaction with the record, unless it says
//! `-- +refinery NO TRANSACTION`: then a statement at a time. Rust files are code.

use super::names::{value, versioned_name};
use super::{Context, Reading};
use crate::migrations::lineage::{LineageError, Migration, Script, Step, Wrapping};

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    for file in context.folder.all() {
        let code = file.strip_suffix(".rs").map(|stem| format!("{stem}.sql"));
        let Some((version, name)) = name(code.as_deref().unwrap_or(file)) else {
            reading.ignore(file, "its name is not V1__name.sql or U1__name.sql");
            continue;
        };
        let up = match &code {
            Some(_) => Step::Code { file: file.to_owned() },
            None => Step::Script(script(context, file)?),
        };
        let (version, name) = (version.to_owned(), name.to_owned());
        reading.migrations.push(Migration {
            version,
            name,
            up,
            down: None,
            repeatable: false,
            stamp: None,
        });
    }
    reading.migrations.sort_by_key(|migration| value(&migration.version));
    reading.refuse_duplicates("refinery", |migration| value(&migration.version))?;
    Ok(reading)
}

fn script(context: &Context<'_>, file: &str) -> Result<Script, LineageError> {
    let mut script = context.script(file, Wrapping::Transaction)?;
    if script.text.lines().any(|line| line.trim() == "-- +refinery NO TRANSACTION") {
        script.wrapping = Wrapping::EachStatement;
    }
    Ok(script)
}

fn name(file: &str) -> Option<(&str, &str)> {
    let (prefix, version, name) = versioned_name(file)?;
    let plain = !version.contains('_')
        && !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    (plain && "VU".contains(prefix)).then_some((version, name))
}
