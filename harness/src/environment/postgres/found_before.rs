//! Remembers between processes where the server's programs were found. To ask `pg_config` and
//! `postgres --version` takes longer than all else that a test needs for a database.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::binaries::{Binaries, VARIABLE};
use super::data_directory::fingerprint;
use crate::environment::runtime_folder::runtime_folder;

/// The programs found last time in the same circumstances, if they are still the same.
pub(super) fn recall() -> Option<Binaries> {
    let text = std::fs::read_to_string(file()?).ok()?;
    let [folder, version, stamp] = text.lines().collect::<Vec<_>>()[..] else {
        return None;
    };
    if stamp_of(Path::new(folder))? != stamp {
        return None;
    }
    Binaries::known(folder.into(), version)
}

/// Remembers what was found. If that fails, the next process looks again.
pub(super) fn remember(binaries: &Binaries) {
    let (Some(file), Some(stamp)) = (file(), stamp_of(binaries.folder())) else {
        return;
    };
    let text = format!("{}\n{}\n{stamp}\n", binaries.folder().display(), binaries.version());
    // Renamed into place, so that nobody reads a half of it.
    let unfinished = file.with_extension(std::process::id().to_string());
    if std::fs::write(&unfinished, text).is_ok() {
        let _ = std::fs::rename(&unfinished, &file);
    }
}

/// One file for everything that decides what is found.
fn file() -> Option<PathBuf> {
    let value = |name| std::env::var_os(name).unwrap_or_default();
    let (folder, path) = (value(VARIABLE), value("PATH"));
    let circumstances = fingerprint(&[&folder.to_string_lossy(), &path.to_string_lossy()]);
    Some(runtime_folder().ok()?.join(format!("found-{circumstances}")))
}

/// Changes when the programs are replaced or removed.
fn stamp_of(folder: &Path) -> Option<String> {
    let stamp = |name| {
        let found = std::fs::metadata(folder.join(name)).ok()?;
        Some(format!("{}.{}.{}", found.size(), found.mtime(), found.mtime_nsec()))
    };
    Some(format!("{} {}", stamp("postgres")?, stamp("initdb")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_recalled_until_it_changes() {
        let found = Binaries::find().unwrap();
        remember(&found);
        assert_eq!(recall(), Some(found));
    }

    #[test]
    fn another_program_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(stamp_of(folder.path()), None);
        for name in ["postgres", "initdb"] {
            std::fs::write(folder.path().join(name), "one").unwrap();
        }
        let before = stamp_of(folder.path()).unwrap();
        assert_eq!(stamp_of(folder.path()).unwrap(), before);
        std::fs::write(folder.path().join("initdb"), "another").unwrap();
        assert_ne!(stamp_of(folder.path()).unwrap(), before);
    }
}
