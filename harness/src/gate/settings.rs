//! `harness.toml`: what a project's gate checks, with its budgets and thresholds.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::report::release::waiver::Waiver;

/// What a project's gate checks. A section that is missing is not checked, and the report says
/// so. Paths are relative to the file's folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The lineage.
    pub migrations: Option<Migrations>,
    /// The server's own migration runner.
    pub certify: Option<File>,
    /// The system under test.
    pub system: Option<File>,
    /// Tests of the project's own.
    pub tests: Option<Tests>,
    /// Generated schedules of faults.
    pub chaos: Option<Chaos>,
    /// Planted defects.
    pub sensitivity: Option<Sensitivity>,
    /// Figures beside those of a base.
    pub benchmarks: Option<Benchmarks>,
    /// Findings that the project lives with for a while.
    #[serde(default)]
    pub waivers: Vec<Waiver>,
    /// How long one step may take.
    #[serde(default = "deadline_minutes")]
    pub deadline_minutes: u64,
}

fn deadline_minutes() -> u64 {
    15
}

impl Default for Settings {
    /// Checks nothing.
    fn default() -> Self {
        Self {
            migrations: None,
            certify: None,
            system: None,
            tests: None,
            chaos: None,
            sensitivity: None,
            benchmarks: None,
            waivers: Vec::new(),
            deadline_minutes: deadline_minutes(),
        }
    }
}

/// A section that is a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The file.
    pub file: PathBuf,
}

/// The lineage, and what counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Migrations {
    /// The folder.
    pub folder: PathBuf,
    /// From which severity on a finding counts: `error`, `warning` or `info`.
    #[serde(default)]
    pub fail_on: FailOn,
    /// Judges only what is newer than this version or commit.
    pub since: Option<String>,
    /// For how many milliseconds a migration may keep readers and writers waiting.
    pub stall_budget: Option<u64>,
}

/// A severity, as `--fail-on` takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailOn {
    /// What must be mended.
    #[default]
    Error,
    /// What should be.
    Warning,
    /// Everything.
    Info,
}

impl FailOn {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl Default for Migrations {
    fn default() -> Self {
        let folder = PathBuf::from("migrations");
        Self { folder, fail_on: FailOn::default(), since: None, stall_budget: None }
    }
}

/// A test runner.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tests {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Where it writes its report in JUnit's form.
    pub junit: PathBuf,
    /// Files with tables that the tests write for the report, each a check as JSON.
    #[serde(default)]
    pub tables: Vec<PathBuf>,
}

/// How much is explored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chaos {
    /// How many schedules.
    pub runs: u64,
}

/// Which planted defects must be caught.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sensitivity {
    /// A sample of the ledger's ids.
    pub only: Vec<String>,
}

/// What figures are compared with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benchmarks {
    /// What `bench --json` wrote on this machine for the base.
    pub base: PathBuf,
    /// A folder of what it wrote before, for the page.
    pub history: Option<PathBuf>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// They cannot be read.
    #[error("cannot read {path}: {source}; `harness init` writes one")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// They are not of their form.
    #[error("{path}: {source}")]
    Form {
        /// The file.
        path: PathBuf,
        /// Why, and where.
        source: Box<toml::de::Error>,
    },
    /// They ask for what does not fit together.
    #[error("{path}: [{section}] needs a [system] with the file of the system under test")]
    NoSystem {
        /// The file.
        path: PathBuf,
        /// The section that is alone.
        section: &'static str,
    },
    /// A command without a word.
    #[error("{path}: [tests] has an empty command")]
    NoCommand {
        /// The file.
        path: PathBuf,
    },
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is not of the form, or does not fit together.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let path_buf = || path.to_owned();
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::Read { path: path_buf(), source })?;
        let mut settings: Self = toml::from_str(&text)
            .map_err(|source| SettingsError::Form { path: path_buf(), source: Box::new(source) })?;
        if settings.system.is_none() {
            for (section, there) in
                [("chaos", settings.chaos.is_some()), ("benchmarks", settings.benchmarks.is_some())]
            {
                if there {
                    return Err(SettingsError::NoSystem { path: path_buf(), section });
                }
            }
        }
        if settings.tests.as_ref().is_some_and(|tests| tests.command.is_empty()) {
            return Err(SettingsError::NoCommand { path: path_buf() });
        }
        settings.start_at(path.parent().unwrap_or(Path::new("")));
        Ok(settings)
    }

    /// Makes every path one that is seen from where this process runs.
    fn start_at(&mut self, folder: &Path) {
        let paths = [
            self.migrations.as_mut().map(|migrations| &mut migrations.folder),
            self.certify.as_mut().map(|certify| &mut certify.file),
            self.system.as_mut().map(|system| &mut system.file),
        ];
        let results = self
            .benchmarks
            .iter_mut()
            .flat_map(|benchmarks| benchmarks.history.iter_mut().chain([&mut benchmarks.base]));
        let written = self
            .tests
            .iter_mut()
            .flat_map(|tests| tests.tables.iter_mut().chain([&mut tests.junit]));
        for path in paths.into_iter().flatten().chain(results).chain(written) {
            *path = folder.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("harness.toml");
        std::fs::write(&path, text).unwrap();
        let settings = Settings::read(&path).map_err(|error| error.to_string())?;
        if let Some(migrations) = &settings.migrations {
            assert!(migrations.folder.starts_with(folder.path()));
        }
        Ok(settings)
    }

    #[test]
    fn a_section_that_is_missing_is_not_checked() {
        let settings = read("[migrations]\nfolder = 'migrations'").unwrap();
        assert_eq!(settings.migrations.unwrap().fail_on, FailOn::Error);
        assert_eq!((settings.certify, settings.deadline_minutes), (None, 15));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let refused = |text: &str| read(text).unwrap_err();
        assert!(refused("[migration]\nfolder = 'm'").contains("unknown field `migration`"));
        assert!(refused("[chaos]\nruns = 3").contains("[chaos] needs a [system]"));
        assert!(refused("[tests]\ncommand = []\njunit = 'j'").contains("empty command"));
        let waiver = "[[waivers]]\nfinding = 'a'\nuntil = 2027-01-31";
        assert!(refused(waiver).contains("missing field `reason`"));
        let threshold = refused("[migrations]\nfolder = 'm'\nfail-on = 'errors'");
        assert!(threshold.contains("expected one of `error`, `warning`, `info`"), "{threshold}");
    }
}
