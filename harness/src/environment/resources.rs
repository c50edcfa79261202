//! What the parts take from the machine, seen from outside.
//!
//! Source: `proc_pid_status(5)`, `VmRSS` and `VmHWM`; `proc_pid_stat(5)`, `pgrp`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Pid;
use tokio::time::{MissedTickBehavior, interval};

use super::{Environment, Part};
use crate::history::{Action, Recorder};

const INTERVAL: Duration = Duration::from_millis(500);

/// What the processes of one group take together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    resident_bytes: u64,
    peak_resident_bytes: u64,
    open_files: u64,
}

/// Notes again and again what each part that runs takes. Parts in containers are not seen: their
/// processes belong to the engine.
pub async fn sample_resources(environment: &Environment, recorder: &Recorder) -> Infallible {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let parts = environment.parts().iter();
        let running: Vec<(&str, Pid, Option<PathBuf>)> = parts
            .filter_map(|part| Some((part.name(), part.process_group()?, part.folder())))
            .collect();
        if running.is_empty() {
            continue;
        }
        let wanted: Vec<Pid> = running.iter().map(|(_, group, _)| *group).collect();
        let folders: Vec<Option<PathBuf>> =
            running.iter().map(|(_, _, folder)| folder.clone()).collect();
        // What `/proc` says is worked out by the kernel while it is read.
        let looking = tokio::task::spawn_blocking(move || {
            let disks = folders.iter().map(|folder| folder.as_deref().map_or(0, bytes_in));
            (usage_of(&wanted), disks.collect::<Vec<_>>())
        });
        let (usage, disks) =
            looking.await.unwrap_or_else(|error| panic!("what parts take cannot be read: {error}"));
        for ((part, group, _), disk_bytes) in running.into_iter().zip(disks) {
            if let Some(usage) = usage.get(&group) {
                recorder.note(
                    "harness",
                    Action::Resources {
                        part: part.to_owned(),
                        resident_bytes: usage.resident_bytes,
                        peak_resident_bytes: usage.peak_resident_bytes,
                        open_files: usage.open_files,
                        disk_bytes,
                    },
                );
            }
        }
    }
}

/// The memory that a part's processes have now, in bytes, if it runs as processes of this machine.
pub fn resident_bytes(part: &Part) -> Option<u64> {
    let group = part.process_group()?;
    Some(usage_of(&[group]).get(&group)?.resident_bytes)
}

/// What these process groups take; one without a process is not in it.
fn usage_of(groups: &[Pid]) -> HashMap<Pid, Usage> {
    let mut usage: HashMap<Pid, Usage> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let group = group_of(&entry.path()).filter(|group| groups.contains(group));
        let Some(group) = group else { continue };
        // A process that ended meanwhile takes nothing.
        if let Ok(status) = fs::read_to_string(entry.path().join("status")) {
            let sum = usage.entry(group).or_default();
            sum.resident_bytes += bytes(&status, "VmRSS:");
            sum.peak_resident_bytes += bytes(&status, "VmHWM:");
            let files = fs::read_dir(entry.path().join("fd")).into_iter().flatten();
            sum.open_files += files.count() as u64;
        }
    }
    usage
}

/// What the files in a folder and those below it hold, in bytes; one that is just being removed
/// holds nothing.
fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(file) if file.is_dir() => bytes_in(&entry.path()),
        Ok(file) => file.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// The process group of a process, by its folder in `/proc`.
fn group_of(process: &Path) -> Option<Pid> {
    group_in(&fs::read_to_string(process.join("stat")).ok()?)
}

/// The process group that `/proc/PID/stat` tells. That of the kernel's own has the number 0, and of
/// a process that is just ending -1; `rustix` expects neither.
fn group_in(stat: &str) -> Option<Pid> {
    // The command's name, in parentheses, may itself hold spaces and parentheses.
    let after_name = stat.rsplit_once(')')?.1;
    let group: i32 = after_name.split_whitespace().nth(2)?.parse().ok()?;
    if group > 0 { Pid::from_raw(group) } else { None }
}

/// The value of a line of `/proc/PID/status` that counts in kB.
fn bytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::wait::wait_until;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    /// A shell with a child, both in a group of their own, that waits for its input to end.
    fn two_processes() -> Child {
        Command::new("/bin/sh")
            .args(["-c", "sleep 300 & read line; kill $!"])
            .process_group(0)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap()
    }

    #[test]
    fn processes_of_the_kernel_and_those_that_are_ending_have_no_group() {
        let group = |stat| group_in(stat).map(Pid::as_raw_pid);
        assert_eq!(group("7 (a) b) S 1 6 6 0"), Some(6));
        assert_eq!(group("2 (kthreadd) S 0 0 0 0"), None);
        assert_eq!(group("9 (sh) X 0 -1 -1 0"), None);
        assert_eq!(group("9 (sh"), None);
    }

    #[test]
    fn a_group_takes_what_its_processes_take() {
        let own =
            usage_of(&[group_of(Path::new("/proc/self")).unwrap()]).into_values().next().unwrap();
        assert!(own.peak_resident_bytes >= 1 << 20, "{own:?}");

        let mut shell = two_processes();
        let group = Pid::from_child(&shell);
        let usage = || usage_of(&[group]).get(&group).copied().unwrap_or_default();
        let descriptors_of_one = 3;
        wait_until("both run", || usage().open_files >= 2 * descriptors_of_one);
        let both = usage();
        assert!(both.resident_bytes > 0 && both.resident_bytes <= both.peak_resident_bytes);
        drop(shell.stdin.take());
        shell.wait().unwrap();
        wait_until("none runs", || usage_of(&[group]).is_empty());
    }

    #[test]
    fn a_folder_holds_what_its_files_hold() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("one"), [0; 100]).unwrap();
        fs::write(folder.path().join("below/two"), [0; 11]).unwrap();
        assert_eq!(bytes_in(folder.path()), 111);
        assert_eq!(bytes_in(&folder.path().join("nowhere")), 0);
    }

    #[test]
    fn lines_in_kilobytes_are_read() {
        let status = "Name:\tsh\nVmHWM:\t    1804 kB\nVmRSS:\t    1800 kB\nThreads:\t1\n";
        assert_eq!(bytes(status, "VmRSS:"), 1_843_200);
        assert_eq!(bytes(status, "VmSwap:"), 0, "a kernel thread has no such line");
    }
}
