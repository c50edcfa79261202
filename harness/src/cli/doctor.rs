//! `harness doctor`: what this machine has, what is missing, and the command that mends it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use owo_colors::OwoColorize;
use serde::Serialize;

use super::output::{output_file, write_file};
use crate::environment::postgres::binaries::{Binaries, VARIABLE};
use crate::exit_code::Exit;

/// How the doctor reports.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// Write what was found as JSON, too
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    json: Option<PathBuf>,
}

/// One thing that the harness uses.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Examined {
    /// What it is.
    name: &'static str,
    /// What it is for.
    purpose: &'static str,
    /// Whether nothing works without it.
    required: bool,
    /// What was found, if it was.
    found: Option<String>,
    /// The command that mends it where it is missing.
    mend: &'static str,
}

/// Examines this machine. Missing what is required is an environment that cannot be started.
pub fn examine(arguments: &DoctorArguments) -> Exit {
    let examined = examine_all();
    for thing in &examined {
        anstream::println!("{}", line(thing));
    }
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&examined).unwrap_or_default();
        if let Err(failure) = write_file(path, &text) {
            return failure.tell();
        }
    }
    exit_for(&examined)
}

fn exit_for(examined: &[Examined]) -> Exit {
    if examined.iter().any(|thing| thing.required && thing.found.is_none()) {
        return Exit::Environment;
    }
    Exit::Good
}

fn line(thing: &Examined) -> String {
    match (&thing.found, thing.required) {
        (Some(found), _) => format!("{} {:<14} {found}", "✓".green(), thing.name),
        (None, true) => missing(&"✗".red().to_string(), thing),
        (None, false) => missing(&"–".yellow().to_string(), thing),
    }
}

fn missing(mark: &str, thing: &Examined) -> String {
    format!(
        "{mark} {:<14} missing; needed for {}\n  {:<14} mend it with: {}",
        thing.name,
        thing.purpose,
        "",
        thing.mend.bold()
    )
}

fn examine_all() -> Vec<Examined> {
    vec![
        Examined {
            name: "PostgreSQL",
            purpose: "the embedded backend and every database test",
            required: true,
            found: Binaries::find().ok().map(|binaries| {
                format!("{} in {}", binaries.version().text, binaries.folder().display())
            }),
            mend: match std::env::var_os(VARIABLE) {
                Some(_) => "unset HARNESS_POSTGRES_BIN, or set it to the folder of its programs",
                None => "apt-get install postgresql",
            },
        },
        Examined {
            name: "flock",
            purpose: "the shared PostgreSQL of the tests",
            required: true,
            found: first_line("flock", &["--version"]),
            mend: "apt-get install util-linux",
        },
        Examined {
            name: "cargo",
            purpose: "building the programs that a system file names",
            required: false,
            found: first_line("cargo", &["--version"]),
            mend: "install Rust with rustup",
        },
        Examined {
            name: "cargo-nextest",
            purpose: "running the tests and scenarios",
            required: false,
            found: first_line("cargo-nextest", &["--version"]),
            mend: "cargo install --locked cargo-nextest",
        },
        Examined {
            name: "C toolchain",
            purpose: "building the tests: SQLite, and OpenSSL for one of Toxiproxy's clients",
            required: false,
            found: c_toolchain(),
            mend: "apt-get install gcc make perl",
        },
        Examined {
            name: "Docker",
            purpose: "--backend containers",
            required: false,
            found: first_line("docker", &["info", "--format", "engine {{.ServerVersion}}"]),
            mend: "apt-get install docker.io, then start dockerd",
        },
        Examined {
            name: "mmdebstrap",
            purpose: "building a PostgreSQL image where no registry can be reached",
            required: false,
            found: first_line("mmdebstrap", &["--version"]),
            mend: "apt-get install mmdebstrap",
        },
        Examined {
            name: "tmpfs",
            purpose: "fast databases; without it they lie on disk",
            required: false,
            found: tmpfs(Path::new("/dev/shm")),
            mend: "mount -t tmpfs tmpfs /dev/shm",
        },
        Examined {
            name: "FUSE",
            purpose: "slow disks, for parts with `slow_disk`",
            required: false,
            found: openable(Path::new("/dev/fuse")),
            mend: "modprobe fuse; in a container, --device /dev/fuse",
        },
    ]
}

/// The first line that a program prints, if it can be run and succeeds.
fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().next().map(str::trim).filter(|line| !line.is_empty())?;
    output.status.success().then(|| line.to_owned())
}

/// Compiler, make, and a perl that has the modules which OpenSSL's build asks for.
fn c_toolchain() -> Option<String> {
    first_line("make", &["--version"])?;
    first_line("perl", &["-MFindBin", "-MIPC::Cmd", "-e", "print qq(perl\n)"])?;
    first_line("cc", &["--version"])
}

fn tmpfs(path: &Path) -> Option<String> {
    let space = rustix::fs::statvfs(path).ok()?;
    let free = space.f_bavail.saturating_mul(space.f_frsize) / (1024 * 1024);
    Some(format!("{} with {free} MiB free", path.display()))
}

/// A device that this user may read and write.
fn openable(path: &Path) -> Option<String> {
    let opened = File::options().read(true).write(true).open(path);
    opened.ok().map(|_| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thing(required: bool, found: Option<&str>) -> Examined {
        Examined {
            name: "Thing",
            purpose: "a purpose",
            required,
            found: found.map(str::to_owned),
            mend: "mend-it",
        }
    }

    #[test]
    fn only_what_is_required_decides() {
        assert_eq!(exit_for(&[thing(true, Some("1.0")), thing(false, None)]), Exit::Good);
        assert_eq!(exit_for(&[thing(true, None)]), Exit::Environment);
    }

    #[test]
    fn what_is_missing_names_the_command_that_mends_it() {
        assert!(line(&thing(false, None)).contains("mend-it"));
        assert!(!line(&thing(true, Some("1.0"))).contains("mend-it"));
    }

    #[test]
    fn a_program_that_is_not_there_is_not_found() {
        assert_eq!(first_line("no-such-program-anywhere", &[]), None);
        assert_eq!(first_line("false", &[]), None);
    }
}
