//! A small disk of a part's own, which faults can fill.
//!
//! It lies in memory, in a mount namespace of its own: nobody else sees it, and without root a user
//! namespace allows it. A process holds the namespace until its input ends, however the harness
//! does; the harness sees the disk through that process.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::EnvironmentError;

const HOLD: &str = r#"mount -t tmpfs -o "size=$1" tmpfs "$2" && echo held && exec cat"#;
const ENTER: &str = r#"cd "$0" && exec "$@""#;
const NO_NAMESPACE: &str = "a part with a `disk` of its own needs a mount namespace, which this machine \
    does not allow; run as root, or `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`";
/// The file that takes all the room.
const BALLAST: &str = ".ballast";

/// The disk of one part.
#[derive(Debug)]
pub(super) struct Disk {
    holder: Child,
    folder: PathBuf,
    in_user_namespace: bool,
}

impl Disk {
    /// A disk of so many MiB, which the part finds at `folder`.
    pub fn new(folder: &Path, mebibytes: u32) -> Result<Self, EnvironmentError> {
        let in_user_namespace = !rustix::process::geteuid().is_root();
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]);
        if in_user_namespace {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--", "/bin/sh", "-c", HOLD, "hold", &format!("{mebibytes}m")]).arg(folder);
        let failed = |source| EnvironmentError::Folder { path: folder.to_owned(), source };
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let holder = piped.spawn().map_err(failed)?;
        let mut disk = Self { holder, folder: folder.to_owned(), in_user_namespace };
        let mut line = String::new();
        if let Some(output) = disk.holder.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(failed)?;
        }
        match line.as_str() {
            "held\n" => Ok(disk),
            _ => Err(EnvironmentError::Unsupported(NO_NAMESPACE.to_owned())),
        }
    }

    /// The part's folder as this process sees it.
    pub fn seen(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.folder.strip_prefix("/").unwrap_or(&self.folder))
    }

    /// The command that starts another one where the disk is, in the part's folder.
    pub fn enter(&self, command: Vec<String>) -> Vec<String> {
        let target = format!("--target={}", self.holder.id());
        let user: &[&str] =
            if self.in_user_namespace { &["--user", "--preserve-credentials"] } else { &[] };
        let folder = self.folder.display().to_string();
        let words = ["nsenter", "--mount", &target].into_iter().chain(user.iter().copied());
        let words = words.chain(["--", "/bin/sh", "-c", ENTER, &folder]).map(str::to_owned);
        words.chain(command).collect()
    }

    /// Takes all the room that is left, or gives it back.
    ///
    /// # Errors
    /// When the disk is gone.
    pub fn fill(&self, full: bool) -> Result<(), EnvironmentError> {
        let path = self.seen().join(BALLAST);
        let done = if full { take_all(&path) } else { std::fs::remove_file(&path) };
        match done {
            Err(error) if !full && error.kind() == ErrorKind::NotFound => Ok(()),
            done => done.map_err(|source| EnvironmentError::File { path, source }),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill().and_then(|()| self.holder.wait());
    }
}

/// Writes until there is no room for a byte.
fn take_all(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    for length in [1 << 20, 1 << 12, 1] {
        let block = vec![0; length];
        loop {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
