//! One PostgreSQL server process on files of its own.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::PostgresError;
use super::binaries::Binaries;
use super::data_directory::{clean_environment, last_lines};
use super::server_user::ServerUser;
use crate::environment::janitor::Leftover;

const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);
/// What `launch.sh` exits with where overlays cannot be mounted.
const NO_OVERLAY: i32 = 96;
const LAUNCH: &str = include_str!("launch.sh");

/// A cluster's folder. All that a server writes lies in it.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    folder: PathBuf,
}

/// How a server sees the prepared data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// As the lower layer of an overlay; `state` holds the changes, `data` is the mount point.
    Overlay,
    /// As a copy, in `state`.
    Copy,
}

/// What a server is started with.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub binaries: Binaries,
    pub user: ServerUser,
    pub prepared: PathBuf,
    /// What is tried first: an overlay starts sooner, a copy works faster.
    pub view: View,
    pub settings: Vec<(String, String)>,
    pub log_path: PathBuf,
}

/// A running server that accepts connections.
#[derive(Debug)]
pub(super) struct Server {
    process: Child,
    layout: Layout,
    view: View,
}

impl Layout {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Makes the folder, for the server's user alone.
    pub fn create(&self, user: ServerUser) -> Result<(), PostgresError> {
        for path in [
            self.folder.clone(),
            self.state(),
            self.folder.join("work"),
            self.folder.join("data"),
            self.socket_folder(),
        ] {
            std::fs::create_dir(&path).map_err(PostgresError::file("make", &path))?;
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700))
                .map_err(PostgresError::file("protect", &path))?;
            user.own(&path)?;
        }
        Ok(())
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn socket_folder(&self) -> PathBuf {
        self.folder.join("socket")
    }

    pub fn pid_file(&self) -> PathBuf {
        self.state().join("postmaster.pid")
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// What the janitor has to know before a server starts here.
    pub fn leftovers(&self) -> [Leftover; 2] {
        [
            Leftover::Folder(self.folder.clone()),
            Leftover::Postmaster { pid_file: self.pid_file(), folder: self.folder.clone() },
        ]
    }

    /// Whether the server says of itself that it accepts connections, and its process lives.
    pub fn is_ready(&self) -> bool {
        self.ready_process().is_some_and(|process| self.is_served_by(process))
    }

    /// Ends a server whose starter died before it was ready.
    pub fn stop_abandoned_server(&self) {
        let text = std::fs::read_to_string(self.pid_file()).unwrap_or_default();
        let process = text.lines().next().and_then(|line| line.trim().parse().ok());
        let Some(process) = process.filter(|process| self.is_served_by(*process)) else {
            return;
        };
        let Some(pid) = Pid::from_raw(process.cast_signed()) else {
            return;
        };
        let _ = kill_process(pid, Signal::QUIT);
        if !wait_while(STOP_DEADLINE, || runs(process.cast_signed())) {
            let _ = kill_process(pid, Signal::KILL);
            wait_while(STOP_DEADLINE, || runs(process.cast_signed()));
        }
    }

    /// Whether the process has this folder in its command line, so that another one that got the
    /// same id later is not taken for it.
    fn is_served_by(&self, process: u32) -> bool {
        let folder = self.folder.as_os_str().as_encoded_bytes();
        std::fs::read(format!("/proc/{process}/cmdline"))
            .is_ok_and(|line| line.windows(folder.len()).any(|part| part == folder))
    }

    /// From the server's pid file: its process id, once its eighth line says "ready".
    fn ready_process(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.pid_file()).ok()?;
        let mut lines = text.lines();
        let process = lines.next()?.trim().parse().ok()?;
        (lines.nth(6)?.trim() == "ready").then_some(process)
    }

    /// A killed server leaves its System V segment; its number is in the seventh line of the pid
    /// file.
    fn remove_segment(&self) {
        let text = std::fs::read_to_string(self.pid_file()).unwrap_or_default();
        let segment = text.lines().nth(6).and_then(|line| line.split_whitespace().nth(1));
        if let Some(segment) = segment {
            let _ = Command::new("ipcrm")
                .args(["--shmem-id", segment])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }

    /// Removes the folder of a server that ended. The work folder of an overlay holds one that
    /// even its owner may not enter.
    pub fn remove(&self) -> Result<(), PostgresError> {
        self.remove_segment();
        let locked = self.folder.join("work").join("work");
        if locked.exists() {
            let _ = std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o700));
        }
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(PostgresError::file("remove", &self.folder)(error))
            }
            _ => Ok(()),
        }
    }
}

impl Server {
    /// Starts a server on a fresh layout and waits until it accepts connections: on an overlay if
    /// that is wanted and the system allows it, else on a copy.
    pub fn start(layout: Layout, launch: &Launch) -> Result<Self, PostgresError> {
        let mountable = fits_mount_options(&launch.prepared) && fits_mount_options(layout.folder());
        if launch.view == View::Overlay && mountable {
            let server = Self::spawn(layout.clone(), View::Overlay, launch)?;
            if let Some(server) = server.wait_until_ready(launch)? {
                return Ok(server);
            }
        }
        copy(&launch.prepared, &layout.state())?;
        Self::restart_on(layout, View::Copy, launch)
    }

    fn restart_on(layout: Layout, view: View, launch: &Launch) -> Result<Self, PostgresError> {
        // A pid file that a killed server left would pass for one of the new server.
        let _ = std::fs::remove_file(layout.pid_file());
        Self::spawn(layout, view, launch)?
            .wait_until_ready(launch)?
            .ok_or_else(|| start_error("overlays cannot be mounted any more".to_owned(), launch))
    }

    /// Starts a new server on the files of one that ended.
    pub fn restart(&mut self, launch: &Launch) -> Result<(), PostgresError> {
        *self = Self::restart_on(self.layout.clone(), self.view, launch)?;
        Ok(())
    }

    fn spawn(layout: Layout, view: View, launch: &Launch) -> Result<Self, PostgresError> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&launch.log_path)
            .map_err(PostgresError::file("write", &launch.log_path))?;
        let mut command = match view {
            View::Overlay => overlay_command(&layout, launch),
            View::Copy => {
                let mut command = server_command(&layout.state(), &layout, launch);
                launch.user.run(&mut command);
                command
            }
        };
        let process = clean_environment(&mut command)
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|source| PostgresError::Spawn {
                program: command.get_program().to_string_lossy().into_owned(),
                source,
            })?;
        Ok(Self { process, layout, view })
    }

    /// `None` where no overlay could be mounted.
    fn wait_until_ready(mut self, launch: &Launch) -> Result<Option<Self>, PostgresError> {
        let start = Instant::now();
        loop {
            if self.layout.ready_process() == Some(self.process.id()) {
                return Ok(Some(self));
            }
            if let Some(status) = self.status() {
                return if self.view == View::Overlay && cannot_mount(status) {
                    Ok(None)
                } else {
                    Err(start_error(format!("it ended with {status}"), launch))
                };
            }
            if start.elapsed() > START_DEADLINE {
                self.kill();
                let reason = format!("it was not ready within {} s", START_DEADLINE.as_secs());
                return Err(start_error(reason, launch));
            }
            std::thread::sleep(PAUSE);
        }
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, if it did.
    fn status(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Ends the server with a checkpoint (a "fast" shutdown); kills it if that takes too long.
    pub fn stop(&mut self) {
        self.end_with(Signal::INT);
    }

    /// Ends the server at once (an "immediate" shutdown); its files are as after a crash.
    pub fn stop_at_once(&mut self) {
        self.end_with(Signal::QUIT);
    }

    /// Stops the server and all of its processes in their tracks (SIGSTOP), itself first, so that
    /// it makes no more of them.
    pub fn pause(&self) {
        let _ = kill_process(self.pid(), Signal::STOP);
        self.signal_children(Signal::STOP);
    }

    /// Lets a paused server go on.
    pub fn resume(&self) {
        self.signal_children(Signal::CONT);
        let _ = kill_process(self.pid(), Signal::CONT);
    }

    fn signal_children(&self, signal: Signal) {
        for child in children_of(self.process.id()) {
            let _ = kill_process(child, signal);
        }
    }

    fn end_with(&mut self, signal: Signal) {
        if self.status().is_some() {
            return;
        }
        self.resume();
        let _ = kill_process(self.pid(), signal);
        if !wait_while(STOP_DEADLINE, || self.status().is_none()) {
            self.kill();
        }
    }

    /// Kills the server and all of its processes (SIGKILL) and waits until they are gone.
    pub fn kill(&mut self) {
        let children = children_of(self.process.id());
        let _ = self.process.kill();
        let _ = self.process.wait();
        for child in &children {
            let _ = kill_process(*child, Signal::KILL);
        }
        wait_while(STOP_DEADLINE, || children.iter().any(|child| runs(child.as_raw_pid())));
        self.layout.remove_segment();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }
}

/// `unshare` gives the mount to this server alone; without root, a user namespace allows it, and
/// a second one inside gives the server, which refuses to be root, its own user back.
fn overlay_command(layout: &Layout, launch: &Launch) -> Command {
    let server = server_command(&layout.folder.join("data"), layout, launch);
    let ServerUser { user, group, .. } = launch.user;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]);
    if !launch.user.become_it {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--", "/bin/sh", "-c", LAUNCH, "launch"])
        .args([&launch.prepared, &layout.folder]);
    if launch.user.become_it {
        command
            .args(["", "setpriv", "--clear-groups"])
            .args([format!("--reuid={user}"), format!("--regid={group}")]);
    } else {
        command
            .args([",userxattr", "unshare", "--user"])
            .args([format!("--map-user={user}"), format!("--map-group={group}")]);
    }
    command.arg("--").arg(server.get_program()).args(server.get_args());
    command
}

fn server_command(data: &Path, layout: &Layout, launch: &Launch) -> Command {
    let mut command = Command::new(launch.binaries.program("postgres"));
    command.arg("-D").arg(data);
    let socket_folder = layout.socket_folder().display().to_string();
    let own = [
        ("unix_socket_directories", socket_folder.as_str()),
        // Other ways leave files in /dev/shm when the server is killed.
        ("dynamic_shared_memory_type", "mmap"),
        ("logging_collector", "off"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
    ];
    for (name, value) in own {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    for (name, value) in &launch.settings {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command
}

/// These separate the options of a mount.
fn fits_mount_options(path: &Path) -> bool {
    !path.to_string_lossy().contains([',', ':', '\\'])
}

/// From `launch.sh`, or from `unshare` where namespaces are not allowed: then it ended before
/// there was a server.
fn cannot_mount(status: ExitStatus) -> bool {
    matches!(status.code(), Some(NO_OVERLAY | 1 | 126 | 127))
}

fn copy(prepared: &Path, state: &Path) -> Result<(), PostgresError> {
    let spawn_error = |source| PostgresError::Spawn { program: "cp".to_owned(), source };
    let output = Command::new("cp")
        .args(["--archive", "--no-target-directory", "--reflink=auto"])
        .args([prepared, state])
        .output()
        .map_err(spawn_error)?;
    if output.status.success() {
        return Ok(());
    }
    Err(PostgresError::Program {
        program: format!("cp {} {}", prepared.display(), state.display()),
        status: output.status.to_string(),
        output: last_lines(&String::from_utf8_lossy(&output.stderr), 10),
    })
}

fn start_error(reason: String, launch: &Launch) -> PostgresError {
    PostgresError::Start {
        reason,
        log_path: launch.log_path.clone(),
        log_end: end_of(&launch.log_path),
    }
}

fn end_of(log: &Path) -> String {
    let mut text = Vec::new();
    if let Ok(mut file) = File::open(log) {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(4096)));
        let _ = file.read_to_end(&mut text);
    }
    last_lines(&String::from_utf8_lossy(&text), 8)
}

fn children_of(parent: u32) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let processes =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    processes
        .filter(|process| stat_field(*process, 1).as_deref() == Some(&parent.to_string()))
        .filter_map(Pid::from_raw)
        .collect()
}

/// Whether a process lives; one that is dead and not waited for does not.
fn runs(process: i32) -> bool {
    stat_field(process, 0).is_some_and(|state| state != "Z" && state != "X")
}

/// A field of `/proc/PID/stat` after the command's name: 0 is the state, 1 the parent.
fn stat_field(process: i32, index: usize) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    Some(after_name.split_whitespace().nth(index)?.to_owned())
}

/// Whether the condition ended before the deadline.
fn wait_while(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while condition() {
        if start.elapsed() > deadline {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
    true
}
