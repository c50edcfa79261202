//! Writes every form of a report into the run's folder.

use std::path::{Path, PathBuf};

use super::{RunReport, html, json, junit, markdown};

/// Why a report could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file system refused.
    #[error("report {path}: {source}; check that the folder exists and the disk has room")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The report does not fit into JUnit's form.
    #[error("junit.xml: {0}")]
    Junit(#[from] quick_junit::SerializeError),
    /// The text is not a report.
    #[error("not a run's report ({reason}); pass a report.json that `harness run` wrote")]
    Unreadable {
        /// What the parser said.
        reason: String,
    },
    /// The report is of a later harness.
    #[error(
        "the report has version {found}, but this harness reads up to {}; use a newer harness",
        super::VERSION
    )]
    NewerVersion {
        /// Its version.
        found: u64,
    },
}

/// Writes `report.json`, `report.html`, `report.md` and `junit.xml` into an existing folder, and
/// returns their paths in this order.
pub fn write_all(report: &RunReport, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let forms = [
        ("report.json", json::render(report)),
        ("report.html", html::render(report)),
        ("report.md", markdown::render(report)),
        ("junit.xml", junit::render(report)?),
    ];
    write_forms(forms, folder)
}

/// Writes these texts under these names, and returns their paths.
pub(super) fn write_forms<const N: usize>(
    forms: [(&str, String); N],
    folder: &Path,
) -> Result<Vec<PathBuf>, ReportError> {
    let write = |(name, text): (&str, String)| {
        let path = folder.join(name);
        match std::fs::write(&path, text) {
            Ok(()) => Ok(path),
            Err(source) => Err(ReportError::Io { path, source }),
        }
    };
    forms.into_iter().map(write).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_form_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let paths = write_all(&sample::red(), folder.path()).unwrap();
        assert_eq!(paths.len(), 4);
        for path in paths {
            assert!(std::fs::metadata(&path).unwrap().len() > 0, "{path:?}");
        }
    }

    #[test]
    fn a_missing_folder_is_said() {
        let error = write_all(&sample::green(), Path::new("/nonexistent/run")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/run/report.json"), "{error}");
    }
}
