//! What a part that runs can be made short of: a process through its resource limits, as here, a
//! container through the engine (`containers/limits.rs`).

use std::collections::BTreeSet;
use std::io;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde::{Deserialize, Serialize};

/// What a part that runs is short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scarcity {
    /// It can open no more files and connections than it has open. Only for processes.
    Files,
    /// The address space of a process, or all the memory of a container, can grow by no more than
    /// this.
    Memory {
        /// Bytes.
        spare: u64,
    },
    /// It gets no more of a processor than this. Only for containers.
    Processor {
        /// Of one processor.
        percent: u64,
    },
    /// It is on no network. Only for containers.
    Network,
}

impl Scarcity {
    /// The resource that is limited, and what `/proc` calls its limit.
    fn resource(self) -> io::Result<(Resource, &'static str)> {
        match self {
            Self::Files => Ok((Resource::Nofile, "Max open files")),
            Self::Memory { .. } => Ok((Resource::As, "Max address space")),
            Self::Processor { .. } | Self::Network => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "only containers can get less of a processor or no network; use `--backend containers`",
            )),
        }
    }

    /// Limits a program of this user that runs, and returns the limit that it had.
    ///
    /// # Errors
    /// When it is gone or belongs to somebody else, or only a container can be short of this.
    pub(super) fn impose(self, program: Pid) -> io::Result<Rlimit> {
        let (resource, name) = self.resource()?;
        let now = match self {
            Self::Memory { spare } => address_space(program)?.saturating_add(spare),
            _ => first_unused_file(program)?,
        };
        let maximum = hard_limit(program, name)?;
        let limit = Rlimit { current: Some(maximum.map_or(now, |most| most.min(now))), maximum };
        Ok(prlimit(Some(program), resource, limit)?)
    }

    /// Gives a program back the limit that it had.
    ///
    /// # Errors
    /// As [`Scarcity::impose`].
    pub(super) fn lift(self, program: Pid, before: Rlimit) -> io::Result<()> {
        prlimit(Some(program), self.resource()?.0, before)?;
        Ok(())
    }
}

/// The limit above which a program cannot raise its own; none is no limit.
fn hard_limit(program: Pid, name: &str) -> io::Result<Option<u64>> {
    let limits = std::fs::read_to_string(of(program, "limits"))?;
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    // Soft limit, hard limit, unit.
    Ok(line.split_whitespace().nth(1).and_then(|number| number.parse().ok()))
}

fn of(program: Pid, name: &str) -> String {
    format!("/proc/{}/{name}", program.as_raw_nonzero())
}

/// The number that the next file would get.
fn first_unused_file(program: Pid) -> io::Result<u64> {
    let open: BTreeSet<u64> = std::fs::read_dir(of(program, "fd"))?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    Ok((0..).find(|number| !open.contains(number)).unwrap_or(u64::MAX))
}

/// In bytes.
fn address_space(program: Pid) -> io::Result<u64> {
    let pages = std::fs::read_to_string(of(program, "statm"))?;
    let pages: u64 = pages.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or(0);
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Child, Command, Stdio};

    /// A shell that does what it is told, line by line, and says how it went.
    struct Shell(Child);

    impl Shell {
        fn start() -> Self {
            let mut shell = Command::new("sh");
            let script =
                "while read -r line; do (eval \"$line\") 2>/dev/null && echo yes || echo no; done";
            let piped = shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
            Self(piped.spawn().unwrap())
        }

        fn does(&mut self, what: &str) -> bool {
            writeln!(self.0.stdin.as_mut().unwrap(), "{what}").unwrap();
            let mut answer = String::new();
            BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut answer).unwrap();
            answer == "yes\n"
        }

        fn id(&self) -> Pid {
            Pid::from_child(&self.0)
        }
    }

    impl Drop for Shell {
        fn drop(&mut self) {
            self.0.kill().and_then(|()| self.0.wait()).unwrap();
        }
    }

    #[test]
    fn a_program_short_of_files_opens_none_until_it_is_relieved() {
        let mut shell = Shell::start();
        let open = "exec 9</dev/null";
        assert!(shell.does(open));
        let before = Scarcity::Files.impose(shell.id()).unwrap();
        assert!(!shell.does(open));
        Scarcity::Files.lift(shell.id(), before).unwrap();
        assert!(shell.does(open));
    }

    #[test]
    fn a_program_short_of_memory_grows_no_more_until_it_is_relieved() {
        let mut shell = Shell::start();
        let grow = "x=aaaaaaaaaaaaaaaa; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do x=$x$x; done";
        assert!(shell.does(grow));
        let scarcity = Scarcity::Memory { spare: 1 << 20 };
        let before = scarcity.impose(shell.id()).unwrap();
        assert!(!shell.does(grow));
        scarcity.lift(shell.id(), before).unwrap();
        assert!(shell.does(grow));
    }

    #[test]
    fn a_process_cannot_be_short_of_what_only_containers_can() {
        let shell = Shell::start();
        for scarcity in [Scarcity::Network, Scarcity::Processor { percent: 5 }] {
            let refused = scarcity.impose(shell.id()).unwrap_err();
            assert!(refused.to_string().contains("--backend containers"), "{refused}");
        }
    }

    #[test]
    fn a_program_that_is_gone_cannot_be_limited() {
        let mut child = Command::new("true").spawn().unwrap();
        let id = Pid::from_child(&child);
        child.wait().unwrap();
        assert!(Scarcity::Files.impose(id).is_err());
    }
}
