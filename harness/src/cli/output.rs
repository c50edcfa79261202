//! Files that the command line names for what a command finds. They are looked at before it
//! begins: a replay or a benchmark takes minutes, and what it found would be lost with them.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// Reads the name of a file to be written, for clap: a file or a new one, in a folder that is there
/// or can be made.
///
/// # Errors
/// Why it could not be written.
pub fn output_file(name: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(name);
    if path.is_dir() {
        return Err("this is a folder; name a file".to_owned());
    }
    if path.is_file() {
        let opened = OpenOptions::new().append(true).open(&path);
        return opened.map(|_| path).map_err(|error| error.to_string());
    }
    // A pipe is not opened twice: its reader would take the first end for the last.
    if path.exists() {
        return Ok(path);
    }
    let folder = path.ancestors().skip(1).find(|folder| folder.exists());
    let folder = folder.unwrap_or(Path::new(".")); // where relative names begin
    // Nothing tells as surely whether a file can be made there as one that is.
    match tempfile::tempfile_in(folder) {
        Ok(_) => Ok(path),
        Err(error) => Err(format!("no file can be made in {}: {error}", folder.display())),
    }
}

/// Writes a file that the command line names, and makes its folder if there is none.
///
/// # Errors
/// A usage error: it cannot be written.
pub fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_and_its_folder_are_made_and_an_old_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("new/found.json");
        for text in ["once", "twice"] {
            let path = output_file(name.to_str().unwrap()).unwrap();
            write_file(&path, text).ok().unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert!(output_file("found.json").is_ok());
    }

    #[test]
    fn what_cannot_be_a_file_is_refused_before_anything_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let refused = |path: &Path| output_file(path.to_str().unwrap()).unwrap_err();
        assert_eq!(refused(folder.path()), "this is a folder; name a file");
        let why = refused(&file.join("x/found.json"));
        assert!(why.starts_with("no file can be made in ") && why.contains("directory"), "{why}");
        let why = refused(Path::new("/proc/1/found.json"));
        assert!(why.starts_with("no file can be made in /proc/1: "), "{why}");
    }

    #[test]
    fn a_pipe_that_nobody_reads_yet_is_taken_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(output_file(pipe.to_str().unwrap()), Ok(pipe));
    }
}
