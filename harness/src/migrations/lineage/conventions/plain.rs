//! Every `.sql` file, run as `psql -f` would: a statement at a time, with no transaction that the
//! file does not open itself. Their order is that of their names, byte by byte, or that of their
//! numbers, if all begin with a small one. Files that a file includes with `\i` or `\ir` are read in
//! its place. What has no number where nearly all others have one is no migration. Code among them,
//! whose names begin with a number, is a step, too. Where there is no such file, each folder with a
//! `migration.sql` is one, as Prisma writes them and sends them: all at once. One with a
//! `migration.ts` is code.

use std::path::{Path, PathBuf};

use super::names::{code_stem, leading_version};
use super::{Context, Reading};
use crate::migrations::lineage::folder::text_of;
use crate::migrations::lineage::variables::fill;
use crate::migrations::lineage::{Ignored, LineageError, Migration, Script, Step, Wrapping};
use crate::migrations::sql::{Statement, split};

/// Numbers below count; those above are times, whose digits sort as text.
const GREATEST_COUNT: u64 = 100_000;

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    let mut reading = Reading::default();
    let is_top = context.folder.top().any(|file| file.ends_with(".sql"));
    let own = context.folder.all().filter(|file| is_top != file.contains('/'));
    for file in own {
        let Some((stem, is_code)) = stem(file) else {
            reading.ignore(file, "its name does not end in .sql");
            continue;
        };
        let up = if is_code {
            Step::Code { file: file.to_owned() }
        } else {
            Step::Script(script(context, file)?)
        };
        let (version, name) = leading_version(stem);
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
    set_unnumbered_apart(&mut reading);
    if reading.migrations.iter().all(|migration| count(migration).is_some()) {
        // A stable sort: what shares a number stays in the order of names.
        reading.migrations.sort_by_key(count);
    }
    Ok(reading)
}

/// A schema or a list of seeds often lies among migrations.
fn set_unnumbered_apart(reading: &mut Reading) {
    let has_number =
        |migration: &Migration| migration.version.starts_with(|c: char| c.is_ascii_digit());
    let total = reading.migrations.len();
    let unnumbered = reading.migrations.iter().filter(|one| !has_number(one)).count();
    if unnumbered * 10 > total {
        return;
    }
    for migration in reading.migrations.extract_if(.., |one| !has_number(one)) {
        let reason = "it has no number, as nearly all others have".to_owned();
        reading.ignored.push(Ignored { file: migration.file().to_owned(), reason });
    }
}

/// The number that counts a migration.
fn count(migration: &Migration) -> Option<u64> {
    let version = &migration.version;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok().filter(|number| *number < GREATEST_COUNT)
}

/// The name without its ending, and whether it is code.
fn stem(file: &str) -> Option<(&str, bool)> {
    match file.split_once('/') {
        Some((folder, "migration.sql")) => return Some((folder, false)),
        Some((folder, "migration.ts")) => return Some((folder, true)),
        Some(_) => return None,
        None => {}
    }
    if let Some(stem) = file.strip_suffix(".sql") {
        return Some((stem.strip_suffix(".up").unwrap_or(stem), false));
    }
    let numbered = file.starts_with(|c: char| c.is_ascii_digit());
    Some((code_stem(file).filter(|_| numbered)?, true))
}

fn script(context: &Context<'_>, file: &str) -> Result<Script, LineageError> {
    let mut reader =
        Includes { context, text: String::new(), statements: Vec::new(), open: Vec::new() };
    reader.read(&context.folder.path().join(file), file, None)?;
    // Prisma sends a file at once.
    let wrapping = match file.contains('/') {
        true => Wrapping::Together,
        false => Wrapping::EachStatement,
    };
    let Includes { text, statements, .. } = reader;
    Ok(Script { file: file.to_owned(), text, statements, wrapping })
}

/// Reads a file with all that it includes.
struct Includes<'a> {
    context: &'a Context<'a>,
    text: String,
    statements: Vec<Statement>,
    /// The files that are being read, each including the next.
    open: Vec<(PathBuf, String)>,
}

impl Includes<'_> {
    /// Reads a file. What an included one says counts for the line that includes it.
    fn read(&mut self, path: &Path, name: &str, line: Option<usize>) -> Result<(), LineageError> {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some(first) = self.open.iter().position(|(open, _)| *open == real) {
            let mut files: Vec<_> =
                self.open[first..].iter().map(|(_, name)| name.clone()).collect();
            files.push(name.to_owned());
            return Err(LineageError::Cycle { files });
        }
        let text = fill(text_of(path, name)?, self.context.variables);
        self.open.push((real, name.to_owned()));
        let result = self.pieces(&text, path, name, line);
        self.open.pop();
        result
    }

    fn pieces(
        &mut self,
        text: &str,
        path: &Path,
        name: &str,
        line: Option<usize>,
    ) -> Result<(), LineageError> {
        let (mut rest, mut first_line) = (text, 1);
        loop {
            let error = match split(rest, first_line) {
                Ok(statements) => {
                    self.append(rest, statements, line);
                    return Ok(());
                }
                Err(error) => error,
            };
            let refused = || LineageError::MetaCommand {
                file: name.to_owned(),
                line: error.line,
                command: error.command.clone(),
            };
            let skipped = error.line - first_line;
            let start: usize = rest.split_inclusive('\n').take(skipped).map(str::len).sum();
            let own = rest[start..].lines().next().unwrap_or_default();
            let (before, include) = (&rest[..start], include(path, &error.command));
            let included = include
                .filter(|_| own.trim_start() == own.trim_start().trim_start_matches(|c| c != '\\'));
            let (Some(included), Ok(statements)) = (included, split(before, first_line)) else {
                return Err(refused());
            };
            self.append(before, statements, line);
            let shown = self.name_of(&included);
            self.read(&included, &shown, Some(line.unwrap_or(error.line)))?;
            let length = rest[start..].find('\n').map_or(rest.len() - start, |end| end + 1);
            rest = &rest[start + length..];
            first_line = error.line + 1;
        }
    }

    fn append(&mut self, text: &str, statements: Vec<Statement>, line: Option<usize>) {
        let offset = self.text.len();
        self.statements.extend(statements.into_iter().map(|statement| Statement {
            offset: offset + statement.offset,
            line: line.unwrap_or(statement.line),
            ..statement
        }));
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn name_of(&self, path: &Path) -> String {
        let inside = path.strip_prefix(self.context.folder.path()).unwrap_or(path);
        inside.display().to_string()
    }
}

/// The file that a command of psql includes. psql looks for `\i` where it was started, which is not
/// known here: it is taken as `\ir`, beside the file itself.
fn include(file: &Path, command: &str) -> Option<PathBuf> {
    let (command, argument) = command.split_once(char::is_whitespace)?;
    let argument = argument.trim().trim_end_matches(';').trim_matches('\'');
    let includes = ["\\i", "\\ir", "\\include", "\\include_relative"].contains(&command);
    (includes && !argument.is_empty()).then(|| file.with_file_name(argument))
}
