//! Reports on releases, as the gate and `harness report` make them.

use std::path::Path;
use std::process::{Command, Stdio};

use super::failure::Failure;
use super::machine::machine;
use crate::report::release::{ReleaseReport, Source, terminal, write_all};

/// What is being checked, here and now.
pub(super) fn source() -> Source {
    Source {
        commit: commit(),
        started_at: Some(chrono::Utc::now()),
        duration_ms: 0,
        machines: vec![machine()],
    }
}

/// The commit, and whether something was changed since.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}, changed") })
}

/// Tells the summary, and writes every form of the report into a folder.
///
/// # Errors
/// It cannot be written.
pub(super) fn tell_and_write(report: &ReleaseReport, folder: &Path) -> Result<(), Failure> {
    let paths = write_all(report, folder).map_err(Failure::environment)?;
    anstream::println!("{}", terminal::render(report));
    if let Some(page) = paths.iter().find(|path| path.extension().is_some_and(|e| e == "html")) {
        anstream::println!("report: {}", page.display());
    }
    Ok(())
}
