//! Where data directories lie: in memory where there is room, else on disk.

use std::path::{Path, PathBuf};

use super::PostgresError;
use crate::environment::runtime_folder::own_folder_in;

/// What a cluster needs at least, with room to work in. Docker's usual 64 MiB of `/dev/shm` do
/// not do.
const NEEDED_MIB: u64 = 512;

/// This user's folder for data directories and clusters: in `/dev/shm` if it has at least 512 MiB
/// left, else in the temporary folder.
///
/// # Errors
/// Neither has room, or the folder cannot be made.
pub fn storage_folder() -> Result<PathBuf, PostgresError> {
    let places = [PathBuf::from("/dev/shm"), std::env::temp_dir()];
    let place = first_with_room(&places, NEEDED_MIB, free_mib)?;
    own_folder_in(place).map_err(PostgresError::file("make a folder in", place))
}

fn first_with_room(
    places: &[PathBuf],
    needed_mib: u64,
    free_mib: impl Fn(&Path) -> Result<u64, String>,
) -> Result<&Path, PostgresError> {
    let mut found = Vec::new();
    for place in places {
        match free_mib(place) {
            Ok(free) if free >= needed_mib => return Ok(place),
            Ok(free) => found.push(format!("{} has {free} MiB left", place.display())),
            Err(reason) => found.push(format!("{} cannot be used: {reason}", place.display())),
        }
    }
    Err(PostgresError::NoRoom { needed_mib, found })
}

fn free_mib(place: &Path) -> Result<u64, String> {
    let space = rustix::fs::statvfs(place).map_err(|error| error.to_string())?;
    if space.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Err("it is mounted read-only".to_owned());
    }
    Ok(space.f_bavail.saturating_mul(space.f_frsize) >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_with_room_is_taken() {
        let places = [PathBuf::from("/a"), PathBuf::from("/b"), PathBuf::from("/c")];
        let free = |place: &Path| match place.to_str() {
            Some("/a") => Err("gone".to_owned()),
            Some("/b") => Ok(64),
            _ => Ok(4096),
        };
        assert_eq!(first_with_room(&places, 512, free).unwrap(), Path::new("/c"));
        let message = first_with_room(&places[..2], 512, free).unwrap_err().to_string();
        assert!(message.contains("/a cannot be used: gone"), "{message}");
        assert!(message.contains("/b has 64 MiB left"), "{message}");
        assert!(message.contains("512 MiB are needed"), "{message}");
    }
}
