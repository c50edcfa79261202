//! Cleans up after a harness that was killed before it could do so itself.
//!
//! What this process makes outside itself (processes, folders, containers) is told to a small
//! shell script in a process group of its own. The script's input is a pipe that only this process
//! holds open: the kernel closes it however the process ends, SIGKILL included, and the script
//! then removes what was not forgotten. A script, because the test binaries of a project have no
//! helper program of ours beside them.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

const SCRIPT: &str = include_str!("janitor.sh");

/// Something that must not outlive this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// A process group whose leader has this id. All of its processes are killed (SIGKILL).
    ProcessGroup {
        /// The id of the group, which is that of its leader.
        id: u32,
        /// From [`start_time`], so that another process that got the same id later is spared.
        start_time: Option<u64>,
    },
    /// A folder that is removed with all it holds, after the processes are gone.
    Folder(PathBuf),
    /// A PostgreSQL server: stopped at once (SIGQUIT, then SIGKILL). It may be watched before it
    /// starts.
    Postmaster {
        /// The server's `postmaster.pid`, there or not.
        pid_file: PathBuf,
        /// The folder that its data directory, `data` or `state`, lies in: the server is found by
        /// its command line.
        folder: PathBuf,
    },
    /// Every Docker container and network that carries this label.
    Containers {
        /// `name=value`.
        label: String,
    },
}

/// Why something cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum JanitorError {
    /// The script did not start.
    #[error("cannot start /bin/sh, which cleans up after a killed harness: {0}")]
    Start(#[source] std::io::Error),
    /// The script ended although this process lives, and so did its successor.
    #[error("the process that cleans up after a killed harness is gone: {0}")]
    Gone(#[source] std::io::Error),
    /// A path or label that does not fit a line of the script's input.
    #[error("cannot watch {0:?}: relative, not UTF-8, empty, or with a tab or line break in it")]
    Unwritable(String),
}

/// Watches over what this process makes. One for each process; see [`Janitor::global`].
#[derive(Debug, Default)]
pub struct Janitor {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    script: Option<Child>,
    last_key: u64,
    watched: BTreeMap<u64, String>,
}

/// A leftover that is being watched. Dropping it tells the janitor to forget: drop it only after
/// the thing itself is gone.
#[derive(Debug)]
#[must_use = "dropping it at once makes the janitor forget"]
pub struct Watch {
    janitor: &'static Janitor,
    key: u64,
}

impl Janitor {
    /// The janitor of this process. Its script starts with the first thing that is watched.
    pub fn global() -> &'static Self {
        static JANITOR: OnceLock<Janitor> = OnceLock::new();
        JANITOR.get_or_init(Self::default)
    }

    /// Has a leftover removed if this process ends before the returned [`Watch`] is dropped.
    ///
    /// # Errors
    /// The script cannot be started, or a path or label does not fit its input.
    pub fn watch(&'static self, leftover: &Leftover) -> Result<Watch, JanitorError> {
        let line = leftover.to_line()?;
        let mut state = self.lock();
        state.last_key += 1;
        let key = state.last_key;
        state.watched.insert(key, line);
        if let Err(error) = state.tell_watch(key) {
            state.watched.remove(&key);
            return Err(error);
        }
        Ok(Watch { janitor: self, key })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut state = self.janitor.lock();
        state.watched.remove(&self.key);
        // If the script is gone there is nothing that would have to forget.
        let _ = state.write(&format!("forget\t{}\n", self.key));
    }
}

impl State {
    /// Tells the script of one thing; a script that somebody killed gets a successor that is told
    /// of everything.
    fn tell_watch(&mut self, key: u64) -> Result<(), JanitorError> {
        if self.script.is_some() && self.write(&watch_line(key, &self.watched[&key])).is_ok() {
            return Ok(());
        }
        if let Some(mut gone) = self.script.replace(start_script()?) {
            let _ = gone.wait();
        }
        let all: String = self.watched.iter().map(|(key, line)| watch_line(*key, line)).collect();
        self.write(&all).map_err(JanitorError::Gone)
    }

    fn write(&mut self, lines: &str) -> std::io::Result<()> {
        match self.script.as_mut().and_then(|script| script.stdin.as_mut()) {
            Some(input) => input.write_all(lines.as_bytes()),
            None => Ok(()),
        }
    }
}

fn watch_line(key: u64, line: &str) -> String {
    format!("watch\t{key}\t{line}\n")
}

/// In a process group of its own, so that neither Ctrl-C nor a test runner that kills the group
/// of a test takes the janitor along; on no output of ours, so that nobody waits for it; and with
/// the script out of its command line, where it would only hide other processes.
fn start_script() -> Result<Child, JanitorError> {
    Command::new("/bin/sh")
        .args(["-c", r#"eval "$HARNESS_JANITOR_SCRIPT""#, "harness-janitor"])
        .env("HARNESS_JANITOR_SCRIPT", SCRIPT)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(JanitorError::Start)
}

impl Leftover {
    fn to_line(&self) -> Result<String, JanitorError> {
        match self {
            Self::ProcessGroup { id, start_time } => {
                let start_time = start_time.unwrap_or(0);
                Ok(format!("process-group\t{id}\t{start_time}"))
            }
            Self::Folder(path) => Ok(format!("folder\t{}", path_field(path)?)),
            Self::Postmaster { pid_file, folder } => {
                Ok(format!("postmaster\t{}\t{}", path_field(pid_file)?, path_field(folder)?))
            }
            Self::Containers { label } => Ok(format!("containers\t{}", field(label)?)),
        }
    }
}

fn path_field(path: &Path) -> Result<&str, JanitorError> {
    match path.to_str() {
        Some(text) if path.is_absolute() => field(text),
        _ => Err(JanitorError::Unwritable(path.display().to_string())),
    }
}

fn field(text: &str) -> Result<&str, JanitorError> {
    if text.is_empty() || text.contains(['\t', '\n', '\0']) {
        return Err(JanitorError::Unwritable(text.to_owned()));
    }
    Ok(text)
}

/// When a process started, in clock ticks since boot; `None` if there is no such process or no
/// `/proc`. With its id it names a process for good.
pub fn start_time(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The command's name, in parentheses, may itself hold spaces and parentheses.
    let after_name = stat.rsplit_once(')')?.1;
    after_name.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::wait::wait_until;
    use std::io::{BufRead, BufReader};

    /// Tells the test that kills that it is the one to be killed, in a process of its own.
    const FOLDER_VARIABLE: &str = "HARNESS_TEST_JANITOR_FOLDER";

    fn sleeper() -> Child {
        Command::new("sleep").arg("300").process_group(0).spawn().unwrap()
    }

    fn group_of(child: &Child) -> Leftover {
        Leftover::ProcessGroup { id: child.id(), start_time: start_time(child.id()) }
    }

    #[test]
    fn a_killed_process_leaves_only_what_was_forgotten() {
        if let Some(folder) = std::env::var_os(FOLDER_VARIABLE) {
            watch_and_wait_to_be_killed(Path::new(&folder));
        }
        let name = "environment::janitor::tests::a_killed_process_leaves_only_what_was_forgotten";
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(FOLDER_VARIABLE, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let line = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(|line| line.unwrap())
            .find_map(|line| line.split_once("watched: ").map(|(_, ids)| ids.to_owned()))
            .expect("the child watches things");
        let ids: Vec<u32> = line.split(' ').map(|id| id.parse().unwrap()).collect();
        let [watched, forgotten, reused] = ids[..] else { panic!("three processes in {line:?}") };
        child.kill().unwrap();
        child.wait().unwrap();

        wait_until("the watched folder is removed", || !folder.path().join("watched").exists());
        wait_until("the watched process is gone", || !runs(watched));
        assert!(folder.path().join("kept").exists());
        assert!(runs(forgotten), "what was forgotten must live");
        assert!(runs(reused), "another process with the same id must live");
        for survivor in [forgotten, reused] {
            kill(survivor);
        }
    }

    fn runs(process: u32) -> bool {
        std::fs::read_to_string(format!("/proc/{process}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z"))
    }

    fn kill(process: u32) {
        let process = rustix::process::Pid::from_raw(process.cast_signed()).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    }

    #[expect(clippy::print_stdout, reason = "the parent reads it")]
    fn watch_and_wait_to_be_killed(folder: &Path) -> ! {
        let janitor = Janitor::global();
        let mut watches = Vec::new();
        for name in ["watched", "kept"] {
            let path = folder.join(name);
            std::fs::create_dir_all(path.join("inner folder")).unwrap();
            watches.push(janitor.watch(&Leftover::Folder(path)).unwrap());
        }
        watches.pop();
        let (watched, forgotten, reused) = (sleeper(), sleeper(), sleeper());
        watches.push(janitor.watch(&group_of(&watched)).unwrap());
        drop(janitor.watch(&group_of(&forgotten)).unwrap());
        watches.push(
            janitor
                .watch(&Leftover::ProcessGroup { id: reused.id(), start_time: Some(1) })
                .unwrap(),
        );
        println!("watched: {} {} {}", watched.id(), forgotten.id(), reused.id());
        std::io::stdout().flush().unwrap();
        loop {
            std::thread::park();
        }
    }

    #[test]
    fn a_killed_script_gets_a_successor_that_knows_everything() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        std::fs::create_dir_all(&first).unwrap();
        std::fs::create_dir_all(&second).unwrap();
        let janitor: &'static Janitor = Box::leak(Box::default());
        let one = janitor.watch(&Leftover::Folder(first.clone())).unwrap();
        let script = janitor.lock().script.as_ref().unwrap().id();
        kill(script);
        wait_until("the script is dead", || !runs(script));
        let two = janitor.watch(&Leftover::Folder(second.clone())).unwrap();
        // What the kernel does at the end of a process: the pipe is closed.
        let mut successor = janitor.lock().script.take().unwrap();
        assert_ne!(successor.id(), script);
        successor.wait().unwrap();
        assert!(!first.exists() && !second.exists());
        drop((one, two));
    }

    #[test]
    fn what_does_not_fit_a_line_is_refused() {
        for path in ["relative", "/tmp/two\nlines", "/tmp/a\ttab", ""] {
            let refused = Leftover::Folder(path.into()).to_line().unwrap_err();
            assert!(matches!(refused, JanitorError::Unwritable(_)), "{path:?}");
        }
    }
}
