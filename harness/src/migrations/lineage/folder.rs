//! The files below a lineage's folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::LineageError;

/// How deep files may lie.
const DEEPEST: usize = 8;

/// The files below a folder, in the order of their names, byte by byte. Hidden ones are left out.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    files: Vec<String>,
}

impl Folder {
    /// Lists a folder.
    ///
    /// # Errors
    /// It, or a folder in it, cannot be read.
    pub(super) fn list(path: &Path) -> Result<Self, LineageError> {
        let mut files = Vec::new();
        list_into(&mut files, path, "", 0)?;
        files.sort_unstable();
        Ok(Self { path: path.to_owned(), files })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All files, seen from the folder, with forward slashes.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// The files that lie in no folder below.
    pub(super) fn top(&self) -> impl Iterator<Item = &str> {
        self.all().filter(|file| !file.contains('/'))
    }

    /// The folders that lie in this one, and have a file.
    pub(super) fn folders(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .all()
            .filter_map(|file| file.split_once('/').map(|(folder, _)| folder.to_owned()))
            .collect();
        names.dedup();
        names
    }

    /// Whether there is such a file.
    pub(super) fn has(&self, file: &str) -> bool {
        self.files.binary_search_by(|other| other.as_str().cmp(file)).is_ok()
    }

    /// A file's text.
    ///
    /// # Errors
    /// It cannot be read, or is not UTF-8.
    pub(super) fn text(&self, file: &str) -> Result<String, LineageError> {
        text_of(&self.path.join(file), file)
    }
}

/// The text of a file that messages call by the given name.
pub(super) fn text_of(path: &Path, file: &str) -> Result<String, LineageError> {
    let bytes = fs::read(path)
        .map_err(|source| LineageError::Unreadable { path: path.to_owned(), source })?;
    let wrong = |offset, hint| LineageError::Encoding { file: file.to_owned(), offset, hint };
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(wrong(0, " (it begins as UTF-16 does)"));
    }
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        return Err(wrong(offset, " (a zero byte)"));
    }
    String::from_utf8(bytes).map_err(|error| wrong(error.utf8_error().valid_up_to(), ""))
}

fn list_into(
    files: &mut Vec<String>,
    path: &Path,
    prefix: &str,
    depth: usize,
) -> Result<(), LineageError> {
    let unreadable = |source| LineageError::Unreadable { path: path.to_owned(), source };
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let file = format!("{prefix}{name}");
        // A link that leads nowhere is no file; reading it would fail later, and worse.
        match fs::metadata(entry.path()) {
            Ok(metadata) if metadata.is_dir() && depth < DEEPEST => {
                list_into(files, &entry.path(), &format!("{file}/"), depth + 1)?;
            }
            Ok(metadata) if metadata.is_file() => files.push(file),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("1.sql"), bytes).unwrap();
        Folder::list(folder.path()).unwrap().text("1.sql").unwrap_err().to_string()
    }

    #[test]
    fn files_that_are_not_utf8_are_refused_with_the_byte() {
        assert!(refusal(b"SELECT '\xe4'").contains("1.sql is not valid UTF-8 from byte 8 on"));
        assert!(refusal(b"\xff\xfeS\0").contains("UTF-16"));
        assert!(refusal(b"SELECT\0 1").contains("byte 6"));
    }

    #[test]
    fn files_come_in_the_order_of_their_bytes_and_hidden_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        for file in ["b.sql", "B.sql", "b/c/x.sql", ".hidden.sql", "a"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let listed = Folder::list(folder.path()).unwrap();
        assert_eq!(listed.all().collect::<Vec<_>>(), ["B.sql", "a", "b.sql", "b/c/x.sql"]);
        assert_eq!(listed.top().count(), 3);
        assert!(listed.has("b/c/x.sql") && !listed.has("c"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let message = Folder::list(Path::new("/nowhere/at/all")).unwrap_err().to_string();
        assert!(message.contains("/nowhere/at/all"), "{message}");
    }
}
