//! Copies of the server's migrations: all of them, the first few, or with one that fails. The
//! user's own folder is only read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::CertifyError;
use crate::migrations::lineage::{Convention, Lineage, Migration, Script, Step};

/// A copy of the migrations, in a folder of its own.
#[derive(Debug)]
pub struct Release {
    folder: PathBuf,
}

impl Release {
    /// Copies the first `count` migrations of a lineage, and whatever else lies in its folder.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn copy(lineage: &Lineage, count: usize, to: PathBuf) -> Result<Self, CertifyError> {
        let later: BTreeSet<PathBuf> = lineage.migrations[count..]
            .iter()
            .flat_map(files)
            .map(|file| match lineage.convention {
                // A folder a migration.
                Convention::Diesel => Path::new(file).parent().unwrap_or(Path::new("")).to_owned(),
                _ => PathBuf::from(file),
            })
            .collect();
        copy_folder(&lineage.path, &to, Path::new(""), &later)?;
        Ok(Self { folder: to })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Has a migration begin with further SQL.
    ///
    /// # Errors
    /// When its file cannot be read or written.
    pub fn begin_with(&self, script: &Script, sql: &str) -> Result<(), CertifyError> {
        let path = self.folder.join(&script.file);
        let text = fs::read_to_string(&path).map_err(CertifyError::file(&path))?;
        let line = script.statements.first().map_or(usize::MAX, |statement| statement.line);
        fs::write(&path, with_inserted(&text, line, sql)).map_err(CertifyError::file(&path))
    }
}

/// The text with further lines before the given one, counted from 1; at its end if it is shorter.
fn with_inserted(text: &str, line: usize, sql: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (before, after) = lines.split_at(line.saturating_sub(1).min(lines.len()));
    let all = before.iter().copied().chain([sql]).chain(after.iter().copied());
    all.map(|line| format!("{line}\n")).collect()
}

/// The files of a migration.
fn files(migration: &Migration) -> impl Iterator<Item = &str> {
    let up = match &migration.up {
        Step::Script(script) => script.file.as_str(),
        Step::Code { file } => file.as_str(),
    };
    [Some(up), migration.down.as_ref().map(|down| down.file.as_str())].into_iter().flatten()
}

fn copy_folder(
    from: &Path,
    to: &Path,
    below: &Path,
    without: &BTreeSet<PathBuf>,
) -> Result<(), CertifyError> {
    fs::create_dir_all(to).map_err(CertifyError::file(to))?;
    for entry in fs::read_dir(from).map_err(CertifyError::file(from))? {
        let entry = entry.map_err(CertifyError::file(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let file = below.join(entry.file_name());
        if without.contains(&file) {
            continue;
        }
        let metadata = fs::metadata(&source).map_err(CertifyError::file(&source))?;
        if metadata.is_dir() {
            copy_folder(&source, &target, &file, without)?;
        } else if metadata.is_file() {
            fs::copy(&source, &target).map_err(CertifyError::file(&target))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::lineage::{ReadOptions, read};

    #[test]
    fn lines_are_inserted_where_the_first_statement_begins() {
        let text = "-- +goose Up\nCREATE TABLE a ();\n-- +goose Down\nDROP TABLE a;\n";
        assert_eq!(
            with_inserted(text, 2, "FAIL;"),
            "-- +goose Up\nFAIL;\nCREATE TABLE a ();\n-- +goose Down\nDROP TABLE a;\n"
        );
        assert_eq!(with_inserted("a;", usize::MAX, "FAIL;"), "a;\nFAIL;\n");
        assert_eq!(with_inserted("", 1, "FAIL;"), "FAIL;\n");
    }

    #[test]
    fn a_copy_holds_the_first_migrations_and_the_original_stays() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["1_a.up.sql", "1_a.down.sql", "2_b.up.sql", "2_b.down.sql"];
        for file in files {
            fs::write(folder.path().join(file), "SELECT 1;\n").unwrap();
        }
        let lineage = read(folder.path(), &ReadOptions::default()).unwrap();
        let to = tempfile::tempdir().unwrap();
        let release = Release::copy(&lineage, 1, to.path().join("copy")).unwrap();
        let Step::Script(first) = &lineage.migrations[0].up else { panic!("it is SQL") };
        release.begin_with(first, "SELECT 0;").unwrap();
        let text = |folder: &Path, file| fs::read_to_string(folder.join(file)).ok();
        assert_eq!(text(release.folder(), "1_a.up.sql").unwrap(), "SELECT 0;\nSELECT 1;\n");
        assert!(text(release.folder(), "1_a.down.sql").is_some());
        assert_eq!(text(release.folder(), "2_b.up.sql"), None);
        assert_eq!(text(release.folder(), "2_b.down.sql"), None);
        assert_eq!(text(folder.path(), "1_a.up.sql").unwrap(), "SELECT 1;\n");
    }
}
