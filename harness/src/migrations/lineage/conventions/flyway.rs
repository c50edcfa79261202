//! Flyway: `V1.2__name.sql` ordered by version part by part, then `R__name.sql` ordered by name, also
//! in folders below; `U1.2__name.sql` goes back. Where no name has the V, none needs it: a project
//! can tell Flyway so. Each statement is sent by itself, in one transaction
//! with the record, unless the file's `.conf` or a statement in it forbids one. Java, Kotlin, Groovy
//! and Scala files are code.

use super::names::{code_stem, unprefixed_name, versioned_name};
use super::{Context, Reading};
use crate::migrations::lineage::variables::{Variables, fill, refuse_unfilled};
use crate::migrations::lineage::{LineageError, Migration, Script, Step, Wrapping};
use crate::migrations::sql::StatementKind;

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    let mut undos = Vec::new();
    let is_prefixed = context
        .folder
        .all()
        .any(|file| versioned_name(file).is_some_and(|(prefix, ..)| prefix == 'V'));
    for file in context.folder.all() {
        let code = code_stem(file);
        let as_sql = code.map(|stem| format!("{stem}.sql"));
        let own = as_sql.as_deref().unwrap_or(file);
        let bare = unprefixed_name(own).filter(|_| !is_prefixed);
        let bare = bare.map(|(version, name)| ('V', version, name));
        let Some((prefix, version, name)) = versioned_name(own).or(bare) else {
            if !file.ends_with(".sql.conf") {
                reading.ignore(file, "its name is not V1__name.sql or R__name.sql");
            }
            continue;
        };
        match prefix {
            'U' => undos.push((parts(version), file)),
            'B' => reading.ignore(
                file,
                "it stands for older V files on new databases only, and those are all here",
            ),
            _ => {
                let up = match &code {
                    Some(_) => Step::Code { file: file.to_owned() },
                    None => Step::Script(script(context, file)?),
                };
                reading.migrations.push(Migration {
                    version: if prefix == 'R' {
                        format!("R__{name}")
                    } else {
                        version.replace('_', ".")
                    },
                    name: name.to_owned(),
                    up,
                    down: None,
                    repeatable: prefix == 'R',
                    stamp: None,
                });
            }
        }
    }
    reading.migrations.sort_by(|one, other| order(one).cmp(&order(other)));
    reading.refuse_duplicates("Flyway", |migration| parts(&migration.version))?;
    for (version, file) in undos {
        let mut ups = reading.migrations.iter_mut().filter(|migration| !migration.repeatable);
        match ups.find(|migration| parts(&migration.version) == version) {
            Some(up) => up.down = Some(script(context, file)?),
            None => reading.ignore(file, "there is no V file of its version"),
        }
    }
    Ok(reading)
}

/// Repeatable ones come last, by name.
fn order(migration: &Migration) -> (bool, Vec<u64>, &str) {
    if migration.repeatable {
        (true, Vec::new(), &migration.name)
    } else {
        (false, parts(&migration.version), "")
    }
}

/// The numbers of a version; zeros at its end do not count: 1.0 is 1.
fn parts(version: &str) -> Vec<u64> {
    let mut parts: Vec<u64> =
        version.split(['.', '_']).map(|part| part.parse().unwrap_or_default()).collect();
    while parts.len() > 1 && parts.last() == Some(&0) {
        parts.pop();
    }
    parts
}

fn script(context: &Context<'_>, file: &str) -> Result<Script, LineageError> {
    let settings = settings(context, file)?;
    let says = |key: &str, value: &str| {
        settings.iter().any(|(other, said)| other == key && said.eq_ignore_ascii_case(value))
    };
    let mut text = context.text(file)?.trim_start_matches('\u{feff}').to_owned();
    if !says("placeholderReplacement", "false") {
        text = fill(text, &own_variables(file));
        refuse_unfilled(file, &text)?;
    }
    let mut script = Script::new(file, text, 1, Wrapping::Transaction)?;
    let forbidden = script.statements.iter().any(|one| one.kind == StatementKind::NoTransaction);
    let told = says("executeInTransaction", "true");
    if says("executeInTransaction", "false") || (forbidden && !told) {
        script.wrapping = Wrapping::EachStatement;
    }
    Ok(script)
}

/// What Flyway fills in by itself, as far as it does not depend on the server.
fn own_variables(file: &str) -> Variables {
    let name = file.rsplit('/').next().unwrap_or(file);
    [
        ("flyway:defaultSchema", "public"),
        ("flyway:table", "flyway_schema_history"),
        ("flyway:user", "postgres"),
        ("flyway:filename", name),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The lines `key=value` of the file's `.conf`.
fn settings(context: &Context<'_>, file: &str) -> Result<Vec<(String, String)>, LineageError> {
    let file = format!("{file}.conf");
    if !context.folder.has(&file) {
        return Ok(Vec::new());
    }
    let text = context.folder.text(&file)?;
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    Ok(lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_part_by_part() {
        let mut versions = ["10", "2.10", "2.9.1", "2_9", "1.0", "56.1"];
        versions.sort_by_key(|version| parts(version));
        assert_eq!(versions, ["1.0", "2_9", "2.9.1", "2.10", "10", "56.1"]);
        assert_eq!(parts("1.0.0"), parts("1"));
        assert_eq!(parts("0"), [0]);
    }
}
