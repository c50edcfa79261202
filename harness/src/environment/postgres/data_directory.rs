//! A prepared data directory: made by `initdb` once for each server version, used by every
//! cluster after it.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::PostgresError;
use super::binaries::Binaries;
use super::server_user::ServerUser;

/// The superuser of every cluster. Without a password: only the Unix socket lets it in, which
/// lies in a folder that nobody else can enter.
pub const SUPERUSER: &str = "postgres";

/// Small segments: a cluster on an overlay copies a segment up when it first writes to it.
const INITDB_OPTIONS: [&str; 7] = [
    "--no-sync",
    "--no-locale",
    "--encoding=UTF8",
    "--wal-segsize=1",
    "--auth-local=trust",
    "--auth-host=scram-sha-256",
    "--no-instructions",
];

/// The data directory to start clusters of this version from; made first if this machine has
/// none yet, while other processes that want it wait. Nobody writes to it afterwards.
///
/// # Errors
/// `initdb` failed, or the folder cannot be written.
pub fn prepared(
    storage: &Path,
    binaries: &Binaries,
    user: ServerUser,
) -> Result<PathBuf, PostgresError> {
    let options = fingerprint(&INITDB_OPTIONS);
    let name = format!("prepared-{}-{options}-{}", binaries.version(), user.user);
    let folder = storage.join(&name);
    if folder.exists() {
        return Ok(folder);
    }
    let lock_path = storage.join(format!("{name}.lock"));
    let lock = File::create(&lock_path)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(PostgresError::file("lock", &lock_path))?;
    if !folder.exists() {
        make(storage, &folder, binaries, user)?;
    }
    drop(lock);
    Ok(folder)
}

/// It gets its name when it is complete: a process that dies in between leaves no half one.
fn make(
    storage: &Path,
    folder: &Path,
    binaries: &Binaries,
    user: ServerUser,
) -> Result<(), PostgresError> {
    let unfinished = tempfile::Builder::new()
        .prefix("unfinished-")
        .tempdir_in(storage)
        .map_err(PostgresError::file("make a folder in", storage))?;
    std::fs::set_permissions(unfinished.path(), PermissionsExt::from_mode(0o711))
        .map_err(PostgresError::file("open", unfinished.path()))?;
    let data = unfinished.path().join("data");
    std::fs::create_dir(&data).map_err(PostgresError::file("make", &data))?;
    user.own(&data)?;
    initdb(binaries, user, &data)?;
    std::fs::rename(&data, folder).map_err(PostgresError::file("rename", &data))
}

fn initdb(binaries: &Binaries, user: ServerUser, data: &Path) -> Result<(), PostgresError> {
    let program = binaries.program("initdb");
    let mut command = Command::new(&program);
    clean_environment(&mut command)
        .args(INITDB_OPTIONS)
        .arg(format!("--username={SUPERUSER}"))
        .arg("-D")
        .arg(data);
    let output = user.run(&mut command).output().map_err(|source| PostgresError::Spawn {
        program: program.display().to_string(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(PostgresError::Program {
        program: program.display().to_string(),
        status: output.status.to_string(),
        output: last_lines(&text, 10),
    })
}

/// Without the variables of the caller (PGDATA, PGPORT, LC_ALL …), which would change what the
/// programs do.
pub(super) fn clean_environment(command: &mut Command) -> &mut Command {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .current_dir("/")
        .stdin(Stdio::null())
}

/// Names what something was made with, so that a harness that makes it otherwise makes its own.
pub(super) fn fingerprint(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    digest.finalize()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_that_race_share_one_prepared_directory() {
        let storage = tempfile::tempdir().unwrap();
        std::fs::set_permissions(storage.path(), PermissionsExt::from_mode(0o711)).unwrap();
        let binaries = Binaries::find().unwrap();
        let user = ServerUser::of_this_process();
        let folders: Vec<PathBuf> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| prepared(storage.path(), &binaries, user).unwrap()))
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert!(folders.iter().all(|folder| folder == &folders[0]));
        assert!(folders[0].join("PG_VERSION").exists());
        let entries: Vec<_> = std::fs::read_dir(storage.path()).unwrap().flatten().collect();
        assert_eq!(entries.len(), 2, "the directory and its lock: {entries:?}");
    }

    #[test]
    fn the_last_lines_of_less_are_all() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }
}
