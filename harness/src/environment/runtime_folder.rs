//! Where processes of one user on one machine meet: locks, ports, the shared PostgreSQL.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A folder of this user inside `parent`, made if it is missing: others may pass through it (a
/// server may run as another user) but not list or write it.
///
/// # Errors
/// It cannot be made, or somebody else made it first: in a folder like `/tmp`, where all may
/// write, another user could wait there for us.
pub fn own_folder_in(parent: &Path) -> io::Result<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let folder = parent.join(format!("redflag-harness-{user}"));
    match std::fs::DirBuilder::new().mode(0o711).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = std::fs::symlink_metadata(&folder)?;
    if !found.is_dir() || found.uid() != user || found.mode() & 0o022 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "{} is not a folder that belongs to this user alone; remove it",
                folder.display()
            ),
        ));
    }
    Ok(folder)
}

/// The folder for what is small and must be found by every process: inside the system's temporary
/// folder.
///
/// # Errors
/// As [`own_folder_in`].
pub fn runtime_folder() -> io::Result<PathBuf> {
    own_folder_in(&std::env::temp_dir())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let folder = own_folder_in(parent.path()).unwrap();
        assert_eq!(own_folder_in(parent.path()).unwrap(), folder);

        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
        own_folder_in(parent.path()).expect_err("others can write it");

        std::fs::remove_dir(&folder).unwrap();
        std::os::unix::fs::symlink("/", &folder).unwrap();
        own_folder_in(parent.path()).expect_err("it leads elsewhere");
    }
}
