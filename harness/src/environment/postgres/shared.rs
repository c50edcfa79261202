//! The shared cluster: one PostgreSQL server for every process of this user that only needs a
//! database of its own.
//!
//! The first process to need it starts it, while the others wait for a file lock. Each holds a
//! lease (a shared lock on another file), which the kernel ends with the process; some seconds
//! after the last one the keeper, a shell script, stops the server and removes its files. Nothing
//! outlives the cluster, so nothing in it is durable.

use std::fs::{File, TryLockError};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use super::PostgresError;
use super::binaries::Binaries;
use super::connection::{check_socket_path, socket_options, socket_url};
use super::data_directory::{fingerprint, prepared};
use super::server::{Launch, Layout, Server, View};
use super::server_user::ServerUser;
use super::storage::storage_folder;
use crate::environment::janitor::start_time;

const KEEPER: &str = include_str!("keeper.sh");
/// How long the server stays after the last lease: from one test binary to the next.
const LINGER: Duration = Duration::from_secs(5);
/// Names the socket only; no TCP port is opened.
const PORT: u16 = 5432;

const SETTINGS: [(&str, &str); 13] = [
    ("listen_addresses", ""),
    ("port", "5432"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("max_connections", "400"),
    ("max_locks_per_transaction", "256"),
    // Creating and dropping databases walks through all of it.
    ("shared_buffers", "32MB"),
    ("autovacuum", "off"),
    ("checkpoint_timeout", "1h"),
    ("log_line_prefix", "%m [%p] %q%u@%d "),
];

/// A process's place in the shared cluster. The lease ends when it is dropped.
#[derive(Debug)]
pub(super) struct Membership {
    layout: Layout,
    owner: Owner,
    _lease: File,
}

/// Whose a database is: a process, which holds a lock on a file of this name while it lives.
#[derive(Debug)]
pub(super) struct Owner {
    pub name: String,
    pub path: PathBuf,
    _lock: File,
}

impl Membership {
    /// What the databases of this process have in their names.
    pub fn owner(&self) -> &str {
        &self.owner.name
    }

    /// How to connect to one of its databases.
    pub fn options(&self, database: &str) -> PgConnectOptions {
        socket_options(&self.layout.socket_folder(), PORT, database)
    }

    /// A URL that leads to one of its databases.
    pub fn url(&self, database: &str) -> String {
        socket_url(&self.layout.socket_folder(), PORT, database)
    }
}

/// Joins the shared cluster of this user and this server version, and starts it if nobody has.
/// Also returns the owners that died and whose databases the caller is now to drop; it holds their
/// locks.
pub(super) fn join() -> Result<(Membership, Vec<Owner>), PostgresError> {
    let binaries = Binaries::find_or_install()?;
    join_in(&storage_folder()?, binaries, LINGER)
}

/// As [`join`], in a given folder.
pub(super) fn join_in(
    storage: &Path,
    binaries: Binaries,
    linger: Duration,
) -> Result<(Membership, Vec<Owner>), PostgresError> {
    let user = ServerUser::of_this_process();
    let prepared = prepared(storage, &binaries, user)?;
    let settings = fingerprint(SETTINGS.map(|(name, value)| [name, value]).as_flattened());
    let shared = storage.join(format!("shared-{}-{settings}", binaries.version()));
    make_folder(&shared)?;
    let layout = Layout::new(shared.join("cluster"));
    check_socket_path(&layout.socket_folder(), PORT)?;

    let start = open_lock(&shared.join("start.lock"))?;
    start.lock().map_err(PostgresError::file("lock", &shared.join("start.lock")))?;
    let lease = open_lock(&shared.join("lease.lock"))?;
    lease.lock_shared().map_err(PostgresError::file("lock", &shared.join("lease.lock")))?;
    // Tells the keeper, who may be about to stop the server, that somebody came. There is no such
    // file while the cluster is in use.
    let _ = std::fs::remove_file(shared.join("idle"));
    ensure_keeper(&shared, linger)?;
    if !layout.is_ready() {
        layout.stop_abandoned_server();
        layout.remove()?;
        layout.create(user)?;
        let launch = Launch {
            binaries,
            user,
            prepared,
            view: View::Copy,
            settings: SETTINGS
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            log_path: shared.join("postgres.log"),
        };
        // From here on it is the keeper's.
        Server::start(layout.clone(), &launch)?;
    }
    let owners = layout.folder().join("owners");
    make_folder(&owners)?;
    let dead = dead_owners(&owners)?;
    let owner = Owner::of_this_process(&owners)?;
    drop(start);
    let membership = Membership { layout, owner, _lease: lease };
    Ok((membership, dead))
}

impl Owner {
    fn of_this_process(folder: &Path) -> Result<Self, PostgresError> {
        // A process joins again when the server died.
        static JOINED: AtomicU32 = AtomicU32::new(0);
        let process = std::process::id();
        let started = start_time(process).unwrap_or_default();
        let count = JOINED.fetch_add(1, Ordering::Relaxed);
        let name = format!("{process}_{started}_{count}");
        let path = folder.join(&name);
        let file = open_lock(&path)?;
        file.lock().map_err(PostgresError::file("lock", &path))?;
        Ok(Self { name, path, _lock: file })
    }
}

/// Owners whose file nobody has locked. Called under start.lock, so that no new owner is between
/// making its file and locking it.
fn dead_owners(folder: &Path) -> Result<Vec<Owner>, PostgresError> {
    let mut dead = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(PostgresError::file("list", folder))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(file) = File::open(&path) else {
            continue; // its databases are dropped, and so is it
        };
        match file.try_lock() {
            Ok(()) => dead.push(Owner {
                name: entry.file_name().to_string_lossy().into_owned(),
                path,
                _lock: file,
            }),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                return Err(PostgresError::file("lock", &path)(error));
            }
        }
    }
    Ok(dead)
}

/// Starts a keeper if none lives. It gets its lock from us, so that there is no moment in which
/// another process would start a second one.
fn ensure_keeper(shared: &Path, linger: Duration) -> Result<(), PostgresError> {
    let path = shared.join("keeper.lock");
    let lock = open_lock(&path)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(PostgresError::file("lock", &path)(error)),
    }
    Command::new("/bin/sh")
        .args(["-c", r#"eval "$HARNESS_KEEPER_SCRIPT""#, "harness-keeper"])
        .arg(shared)
        .arg(linger.as_secs_f64().to_string())
        .env("HARNESS_KEEPER_SCRIPT", KEEPER)
        .current_dir("/")
        .stdin(lock)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|source| PostgresError::Spawn { program: "/bin/sh".to_owned(), source })?;
    Ok(())
}

fn make_folder(path: &Path) -> Result<(), PostgresError> {
    use std::os::unix::fs::DirBuilderExt;
    match std::fs::DirBuilder::new().mode(0o711).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(PostgresError::file("make", path)(error))
        }
        _ => Ok(()),
    }
}

fn open_lock(path: &Path) -> Result<File, PostgresError> {
    File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(path)
        .map_err(PostgresError::file("open", path))
}
