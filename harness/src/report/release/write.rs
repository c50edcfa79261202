//! Writes every form of a release's report into a folder.

use std::path::{Path, PathBuf};

use super::{ReleaseReport, html, json, junit, markdown};
use crate::report::ReportError;
use crate::report::render::write_forms;

/// Writes `release.json`, `release.html`, `release.md` and `release.xml` (JUnit) into an existing
/// folder, and returns their paths in this order.
///
/// # Errors
/// A file cannot be written.
pub fn write_all(report: &ReleaseReport, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let forms = [
        ("release.json", json::render(report)),
        ("release.html", html::render(report)),
        ("release.md", markdown::render(report)),
        ("release.xml", junit::render(report)?),
    ];
    write_forms(forms, folder)
}
