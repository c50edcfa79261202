//! From a folder to a lineage.

use std::path::{Path, PathBuf};

use super::conventions::{Context, Reading};
use super::detect::{Detected, detect};
use super::folder::{Folder, text_of};
use super::variables::{Variables, templates, usual_value};
use super::{Convention, Lineage, LineageError, Script, Settings, Step, Wrapping, conventions};

/// How many folders a refusal names.
const MOST_NAMED: usize = 5;

/// What a reader may say beside the folder.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Whose migrations they are; otherwise it is found out.
    pub convention: Option<Convention>,
    /// SQL files that stand in for code, each with the version whose code it replaces.
    pub stubs: Vec<(String, PathBuf)>,
    /// What the migrations' template variables stand for, in addition to what `lineage.toml` says.
    pub variables: Variables,
}

/// Reads a folder of migrations, in the order in which their tool runs them.
///
/// # Errors
/// The folder cannot be read, holds no migrations or those of several tools, or a file in it is not
/// what its tool demands.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Lineage, LineageError> {
    let folder = Folder::list(path)?;
    let settings = Settings::find(path)?;
    let (folder, mut detected) = match (options.convention, settings.convention) {
        (Some(convention), _) => (folder, named(convention, "--convention")),
        (None, Some(convention)) => (folder, named(convention, "lineage.toml")),
        (None, None) => recognise(folder)?,
    };
    let mut variables = settings.variables.clone();
    variables.extend(options.variables.clone());
    fill_usual(&folder, &mut variables, &mut detected)?;
    let context = Context { folder: &folder, variables: &variables };
    let reading = conventions::read(detected.convention, &context)?;
    if reading.migrations.is_empty() {
        return Err(nothing(&folder, &detected, &reading));
    }
    let noted = reading.note.iter().map(|note| format!("; {note}"));
    let reason = noted.fold(detected.reason, |reason, note| reason + &note);
    let mut lineage = Lineage {
        path: folder.path().to_owned(),
        convention: detected.convention,
        reason,
        migrations: reading.migrations,
        ignored: reading.ignored,
        settings,
    };
    lineage.settings.check(&lineage)?;
    for (version, file) in &options.stubs {
        fill(&mut lineage, version, file)?;
    }
    Ok(lineage)
}

/// Gives templates that name a schema the usual one, where nobody says which it is.
fn fill_usual(
    folder: &Folder,
    variables: &mut Variables,
    detected: &mut Detected,
) -> Result<(), LineageError> {
    for file in folder.top().filter(|file| file.ends_with(".sql")) {
        let text = folder.text(file)?;
        for template in templates(&text) {
            let Some(value) = usual_value(template).filter(|_| !variables.contains_key(template))
            else {
                continue;
            };
            variables.insert(template.to_owned(), value.to_owned());
            let guessed = format!("; `{template}` is taken for the schema {value}");
            detected.reason.push_str(&guessed);
        }
    }
    Ok(())
}

fn named(convention: Convention, by: &str) -> Detected {
    Detected { convention, reason: format!("named by {by}") }
}

/// Whose the folder is. One that has migrations only in a single folder below stands for that one.
fn recognise(folder: Folder) -> Result<(Folder, Detected), LineageError> {
    if let Some(detected) = detect(&folder)? {
        return Ok((folder, detected));
    }
    let mut below = Vec::new();
    for name in folder.folders() {
        let inner = Folder::list(&folder.path().join(&name))?;
        if let Some(detected) = detect(&inner)? {
            below.push((name, inner, detected));
        }
    }
    if below.len() > 1 {
        let mut names: Vec<_> = below.iter().map(|(name, ..)| format!("{name}/")).collect();
        if names.len() > MOST_NAMED {
            names.truncate(MOST_NAMED);
            names.push("…".to_owned());
        }
        let hint = format!("they are in folders below; name one of {}", names.join(", "));
        return Err(empty(&folder, None, hint));
    }
    let Some((name, inner, mut detected)) = below.pop() else {
        let hint = "no file here looks like one; name the folder that holds the .sql files";
        return Err(empty(&folder, None, hint.to_owned()));
    };
    detected.reason = format!("in {name}/, the only folder with migrations: {}", detected.reason);
    Ok((inner, detected))
}

fn nothing(folder: &Folder, detected: &Detected, reading: &Reading) -> LineageError {
    let hint = match reading.ignored.first() {
        Some(ignored) => format!("{} is not run: {}", ignored.file, ignored.reason),
        None => "name the folder that holds them, or leave out --convention".to_owned(),
    };
    empty(folder, Some(detected.convention.name().to_owned()), hint)
}

fn empty(folder: &Folder, convention: Option<String>, hint: String) -> LineageError {
    LineageError::Empty { path: folder.path().to_owned(), convention, hint }
}

/// Puts a stub in the place of code.
fn fill(lineage: &mut Lineage, version: &str, file: &Path) -> Result<(), LineageError> {
    let wrong = |message: String| LineageError::Stub { version: version.to_owned(), message };
    let name = file.display().to_string();
    let position = lineage
        .position(version)
        .ok_or_else(|| wrong("the lineage has no such version".to_owned()))?;
    let migration = &mut lineage.migrations[position];
    let Step::Code { .. } = migration.up else {
        return Err(wrong(format!("{} is SQL and needs none", migration.file())));
    };
    let script = Script::new(&name, text_of(file, &name)?, 1, Wrapping::Transaction)?;
    migration.up = Step::Script(script);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under_test(name: &str) -> Lineage {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations-under-test").join(name);
        read(&folder, &ReadOptions::default()).unwrap()
    }

    #[test]
    fn numbers_that_no_tool_takes_make_the_names_the_order() {
        let audited = under_test("audited");
        assert_eq!(audited.convention, Convention::SortedUp, "{}", audited.reason);
        assert_eq!(audited.migrations.len(), 28);
        assert_eq!(audited.migrations.iter().filter(|one| one.down.is_some()).count(), 12);
        assert_eq!(audited.ignored.len(), 1);
        assert_eq!(audited.ignored[0].file, "018_create_scanner_config_table.sql");
        let position = audited.position("023a").unwrap();
        assert_eq!(audited.migrations[position].file(), "023a_command_deduplication.up.sql");
        let repaired = under_test("repaired");
        assert_eq!(repaired.convention, Convention::SortedUp, "{}", repaired.reason);
        assert!(repaired.migrations.len() > 40);
        assert!(repaired.migrations.iter().all(|migration| migration.down.is_some()));
        assert_eq!(repaired.ignored, []);
    }
}
