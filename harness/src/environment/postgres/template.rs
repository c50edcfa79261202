//! What an isolated database looks like when it is handed out.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::PostgresError;

/// SQL that a database is built from once; every isolated database is then a copy of it. Templates
/// of the same SQL are the same, whoever asks.
#[derive(Clone, Debug)]
pub struct Template {
    hash: String,
    files: Vec<(String, String)>,
}

impl Template {
    /// An empty database.
    pub fn empty() -> Self {
        Self::from_sql([])
    }

    /// Named pieces of SQL, each sent to the server as one, in this order.
    pub fn from_sql(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let files: Vec<_> = files.into_iter().collect();
        let mut digest = Sha256::new();
        for (_, sql) in &files {
            digest.update(sql.len().to_le_bytes());
            digest.update(sql);
        }
        let hash = digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { hash, files }
    }

    /// SQL files, each sent to the server as one, in this order.
    ///
    /// # Errors
    /// One of them cannot be read or is not UTF-8.
    pub fn from_files(paths: &[PathBuf]) -> Result<Self, PostgresError> {
        let read = |path: &PathBuf| {
            let sql = std::fs::read_to_string(path).map_err(PostgresError::file("read", path))?;
            Ok((path.display().to_string(), sql))
        };
        let files: Result<Vec<_>, PostgresError> = paths.iter().map(read).collect();
        Ok(Self::from_sql(files?))
    }

    /// The files of a folder whose names end in `suffix`, like `.up.sql`, in the order of their
    /// names.
    ///
    /// # Errors
    /// The folder or one of the files cannot be read.
    pub fn from_folder(folder: &Path, suffix: &str) -> Result<Self, PostgresError> {
        let entries = std::fs::read_dir(folder).map_err(PostgresError::file("list", folder))?;
        let mut paths: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().ends_with(suffix))
            .collect();
        paths.sort();
        Self::from_files(&paths)
    }

    /// Names this template's SQL: 16 hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    pub(super) fn files(&self) -> &[(String, String)] {
        &self.files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&str]) -> Template {
        let named = |sql: &&str| ("name".to_owned(), (*sql).to_owned());
        Template::from_sql(pieces.iter().map(named))
    }

    #[test]
    fn the_hash_is_that_of_the_sql_and_its_parts() {
        assert_eq!(of(&["a", "b"]).hash(), of(&["a", "b"]).hash());
        assert_ne!(of(&["a", "b"]).hash(), of(&["b", "a"]).hash());
        assert_ne!(of(&["a", "b"]).hash(), of(&["ab"]).hash());
        assert_ne!(of(&[]).hash(), of(&[""]).hash());
    }

    #[test]
    fn a_folder_gives_its_files_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, sql) in [("2.up.sql", "b"), ("1.up.sql", "a"), ("1.down.sql", "c")] {
            std::fs::write(folder.path().join(name), sql).unwrap();
        }
        let template = Template::from_folder(folder.path(), ".up.sql").unwrap();
        assert_eq!(template.hash(), of(&["a", "b"]).hash());
        Template::from_folder(Path::new("/nowhere"), "sql").expect_err("no such folder");
    }
}
