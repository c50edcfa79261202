//! Reports on releases, as the gate and `harness report` make them.

use std::path::Path;

use super::failure::Failure;
use super::machine::{commit, machine};
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
