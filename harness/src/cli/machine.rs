//! On which machine and commit a result was made, for its report.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use crate::environment::postgres::binaries::Binaries;
use crate::report::Machine;

/// This machine, as far as it tells.
pub fn machine() -> Machine {
    let mut versions =
        BTreeMap::from([("harness".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    if let Ok(binaries) = Binaries::find() {
        versions.insert("PostgreSQL".to_owned(), binaries.version().text.clone());
    }
    let kernel = rustix::system::uname();
    Machine {
        os: format!(
            "{} {}",
            kernel.sysname().to_string_lossy(),
            kernel.release().to_string_lossy()
        ),
        cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u64),
        memory_bytes: memory_bytes(),
        versions,
    }
}

/// The commit that this process runs on, with a mark if something was changed since; nothing where
/// git does not tell.
pub fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .stderr(Stdio::null())
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// 0 where the system does not tell.
fn memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
