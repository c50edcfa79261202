//! A program that runs as a local process, in a process group of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::janitor::{Janitor, JanitorError, Leftover, Watch, start_time};

/// Why a program cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Its log cannot be written.
    #[error("cannot write the log {path}: {source}")]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It cannot be executed.
    #[error("cannot start `{program}`: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody would end it if the harness is killed.
    #[error(transparent)]
    Janitor(#[from] JanitorError),
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its environment, beside the `PATH` and the locale of this process.
    pub environment: BTreeMap<String, String>,
    /// The folder that it runs in.
    pub folder: PathBuf,
    /// Where its output is appended.
    pub log: PathBuf,
}

/// A running program. Dropping it kills the whole group.
#[derive(Debug)]
pub struct Process {
    child: Child,
    group: Pid,
    _watch: Watch,
}

impl Process {
    /// Starts a program.
    ///
    /// # Errors
    /// When its log cannot be written or it cannot be executed.
    pub fn start(program: &Program) -> Result<Self, ProcessError> {
        let no_log = |source| ProcessError::Log { path: program.log.clone(), source };
        let log = File::options().create(true).append(true).open(&program.log).map_err(no_log)?;
        let name = program.command.first().cloned().unwrap_or_default();
        let inherited = ["PATH", "LANG", "LC_ALL", "TZ"]
            .into_iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)));
        let child = Command::new(&name)
            .args(&program.command[1..])
            .env_clear()
            .envs(inherited)
            .envs(&program.environment)
            .current_dir(&program.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(no_log)?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| ProcessError::Start { program: name, source })?;
        let id = child.id().unwrap_or_default();
        let group = i32::try_from(id).ok().and_then(Pid::from_raw).unwrap_or(Pid::INIT);
        let watch =
            Janitor::global().watch(&Leftover::ProcessGroup { id, start_time: start_time(id) })?;
        Ok(Self { child, group, _watch: watch })
    }

    /// The group that the program and its children belong to.
    pub fn group(&self) -> Pid {
        self.group
    }

    /// Sends a signal to the whole group. A group that is gone already is no error.
    pub fn signal(&self, signal: Signal) {
        if self.group != Pid::INIT {
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// How the program ended, if it has.
    ///
    /// # Errors
    /// When the operating system will not tell.
    pub fn exit(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits until the program has ended.
    ///
    /// # Errors
    /// When the operating system will not tell.
    pub async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
