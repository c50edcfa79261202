//! A disk of a part's own, which faults can fill or make slow.
//!
//! It lies in a mount namespace of its own: nobody else sees it, and without root a user namespace
//! allows it. A process holds the namespace until its input ends, however the harness does. A small
//! disk lies in memory, and the harness sees it through that process. One that can be slow is a file
//! system of the harness's own ([`super::passing_on`]), which passes everything on to the small disk
//! or to a folder; the harness itself sees what is behind it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::EnvironmentError;
use super::passing_on::{self, Slowness};

/// Its arguments: the size of a small disk and where it is put; where a file system of the harness's
/// own is put, and its options. Either has no arguments but empty ones if it is not wanted.
const HOLD: &str = r#"
    { [ -z "$1" ] || mount -t tmpfs -o "size=$1" tmpfs "$2"; } &&
    { [ -z "$3" ] || { exec 3<>/dev/fuse && mount -i -t fuse -o "fd=3,$4" harness "$3"; }; } &&
    echo held && exec cat"#;
/// The number of the open `/dev/fuse` in there.
const DEVICE: i32 = 3;
const ENTER: &str = r#"cd "$0" && exec "$@""#;
const NO_NAMESPACE: &str = "a part with a `disk` of its own, or a `slow_disk`, needs a mount namespace, \
    which this machine does not allow; run as root, or \
    `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`";
const NO_DEVICE: &str = "`slow_disk` needs /dev/fuse, which is not here: modprobe fuse";
/// The file that takes all the room.
const BALLAST: &str = ".ballast";

/// What a disk is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct DiskRequest {
    /// Of a small one, in MiB.
    pub size: Option<u32>,
    /// Whether it can be made slow.
    pub slow: bool,
}

/// The disk of one part.
#[derive(Debug)]
pub(super) struct Disk {
    holder: Child,
    /// Where the part finds it.
    folder: PathBuf,
    /// Where its files are, seen from this process.
    seen: PathBuf,
    in_user_namespace: bool,
    slowness: Option<Slowness>,
}

impl Disk {
    /// A disk that the part finds at `folder`, if it needs one of its own.
    pub fn new(folder: &Path, request: DiskRequest) -> Result<Option<Self>, EnvironmentError> {
        let DiskRequest { size, slow } = request;
        if size.is_none() && !slow {
            return Ok(None);
        }
        if slow && !Path::new("/dev/fuse").exists() {
            return Err(EnvironmentError::Unsupported(NO_DEVICE.to_owned()));
        }
        let failed = |source| EnvironmentError::Folder { path: folder.to_owned(), source };
        // What the files are really in, when the part goes there through this process.
        let behind = if slow { folder.with_extension("disk") } else { folder.to_owned() };
        std::fs::create_dir_all(&behind).map_err(failed)?;
        let in_user_namespace = !rustix::process::geteuid().is_root();
        let front = slow.then_some(folder);
        let holder = hold(size, &behind, front, in_user_namespace).map_err(failed)?;
        let seen = match size {
            Some(_) => seen_through(&holder, &behind),
            None => behind,
        };
        let mut disk =
            Self { holder, folder: folder.to_owned(), seen, in_user_namespace, slowness: None };
        let mut line = String::new();
        if let Some(output) = disk.holder.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(failed)?;
        }
        if line != "held\n" {
            return Err(EnvironmentError::Unsupported(NO_NAMESPACE.to_owned()));
        }
        if slow {
            // Within the user namespace this user has the number of root, and nobody else is there.
            let owner = in_user_namespace.then_some(0);
            let device = disk.device().map_err(failed)?;
            disk.slowness = Some(passing_on::serve(device, &disk.seen, owner).map_err(failed)?);
        }
        Ok(Some(disk))
    }

    /// The part's folder as this process sees it.
    pub fn seen(&self) -> PathBuf {
        self.seen.clone()
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

    /// Has whoever changes something on it wait so much longer, if it can be slow.
    pub fn slow_down(&self, delay: Duration) -> bool {
        if let Some(slowness) = &self.slowness {
            slowness.set(delay);
        }
        self.slowness.is_some()
    }

    /// By which the kernel asks for the file system that the holder has mounted: only who is in the
    /// user namespace may open it.
    fn device(&self) -> io::Result<OwnedFd> {
        let holder = pidfd_open(Pid::from_child(&self.holder), PidfdFlags::empty())?;
        Ok(pidfd_getfd(holder, DEVICE, PidfdGetfdFlags::empty())?)
    }

    /// Takes all the room that is left, or gives it back.
    ///
    /// # Errors
    /// When the disk is gone.
    pub fn fill(&self, full: bool) -> Result<(), EnvironmentError> {
        let path = self.seen.join(BALLAST);
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

/// Starts the process that holds the namespace, with what is mounted in it.
fn hold(
    size: Option<u32>,
    behind: &Path,
    front: Option<&Path>,
    in_user_namespace: bool,
) -> io::Result<Child> {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]);
    if in_user_namespace {
        command.args(["--user", "--map-root-user"]);
    }
    let size = size.map(|mebibytes| format!("{mebibytes}m")).unwrap_or_default();
    // In a user namespace there is nobody else.
    let others = if in_user_namespace { "" } else { ",allow_other" };
    let options = format!("rootmode=40000,user_id=0,group_id=0,default_permissions{others}");
    command.args(["--", "/bin/sh", "-c", HOLD, "hold", &size]).arg(behind);
    command.arg(front.unwrap_or(Path::new(""))).arg(options);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn()
}

/// A path of another mount namespace, through a process that is there.
fn seen_through(holder: &Child, path: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", holder.id()));
    root.join(path.strip_prefix("/").unwrap_or(path))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::wait::wait_until;
    use tempfile::TempDir;

    const AN_HOUR: Duration = Duration::from_secs(3600);

    fn slow_disk(size: Option<u32>) -> (TempDir, Disk) {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("part");
        std::fs::create_dir(&place).unwrap();
        let disk = Disk::new(&place, DiskRequest { size, slow: true }).unwrap().unwrap();
        (folder, disk)
    }

    /// A shell where the disk is.
    fn shell(disk: &Disk, script: &str) -> Command {
        let words = disk.enter(["sh", "-ec", script].map(str::to_owned).to_vec());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }

    fn output(disk: &Disk, script: &str) -> String {
        let output = shell(disk, script).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "{script}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_waits_until_the_disk_is_fast_again_and_reading_does_not() {
        for size in [None, Some(1)] {
            let (_folder, disk) = slow_disk(size);
            assert_eq!(output(&disk, "echo one >file; echo other >other; cat file"), "one\n");
            assert!(disk.slow_down(AN_HOUR));
            let mut writing = shell(&disk, "echo two >>file").spawn().unwrap();
            let seen = disk.seen().join("file");
            wait_until("it is done", || std::fs::read(&seen).unwrap() == *b"one\ntwo\n");
            assert_eq!(output(&disk, "cat other; ls"), "other\nfile\nother\n");
            assert!(writing.try_wait().unwrap().is_none(), "nobody has waited");
            disk.slow_down(Duration::ZERO);
            assert!(writing.wait().unwrap().success());
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn everything_is_passed_on() {
        let (_folder, disk) = slow_disk(Some(1));
        let script = "umask 022; mkdir -p a/b; echo text >a/b/file; chmod 640 a/b/file
            mv a/b a/c; ln a/c/file hard; ln -s a/c/file soft; mkfifo pipe; : >empty
            touch -d @1000000000 empty; truncate -s 3 hard; exec 9<>hard; rm hard a/c/file
            echo TEXT >&9; rmdir a/c; mv -n empty a/other
            stat -c '%n %a %s %u %F' a a/other pipe; stat -c %Y a/other; readlink soft; cat /dev/fd/9
            ! cat soft 2>/dev/null; ! rmdir a 2>/dev/null; ls -R; echo $(df --output=size .)
            i=0; while [ $i -lt 300 ]; do : >a/$i; i=$((i+1)); done; ls a | wc -l; rm -r a; ls";
        let user = if disk.in_user_namespace { 0 } else { rustix::process::getuid().as_raw() };
        let expected = format!(
            "a 755 60 {user} directory\na/other 644 0 {user} regular empty file\n\
             pipe 644 0 {user} fifo\n1000000000\na/c/file\nTEXT\n\
             .:\na\npipe\nsoft\n\n./a:\nother\n1K-blocks 1024\n301\npipe\nsoft\n"
        );
        assert_eq!(output(&disk, script), expected);
        let link = std::fs::read_link(disk.seen().join("soft")).unwrap();
        assert_eq!(link, Path::new("a/c/file"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_disk_can_be_full_and_slow() {
        let (_folder, disk) = slow_disk(Some(1));
        disk.fill(true).unwrap();
        assert_eq!(output(&disk, "echo text >file || echo full"), "full\n");
        disk.fill(false).unwrap();
        assert_eq!(output(&disk, "echo text >file; cat file"), "text\n");
    }
}
