//! What `run` and `chaos` put through runs: a system, built, on a backend, with its defects.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::progress::{Progress, Telling};
use super::run_report::report_on;
use crate::checkers::Outcome;
use crate::environment::postgres::binaries::Binaries;
use crate::environment::{BackendKind, Built, EnvironmentError, Secrets};
use crate::exit_code::Exit;
use crate::history::{Header, Recorder};
use crate::report::{self, Redactor, RunReport};
use crate::run::{
    Planner, RunError, RunFolder, RunRequest, checkers_of, checkers_of_lasting, perform,
};
use crate::seed::Seed;
use crate::system::System;

/// The system that is tested when none is named, seen from the root of this repository.
const DEFAULT_SYSTEM: &str = "fixtures/redflag.toml";

/// What to test, and how its parts run.
#[derive(Clone, Debug, Default, Args)]
pub struct SubjectArguments {
    /// How the parts run
    #[arg(long, value_enum, default_value_t)]
    pub(super) backend: BackendKind,
    /// The system under test [default: fixtures/redflag.toml, within this repository]
    #[arg(long, value_name = "FILE")]
    pub(super) system: Option<PathBuf>,
    /// Defects that the system is told to have
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(super) defect: Vec<String>,
}

/// A system that is ready to be put through runs.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) system: System,
    pub(super) backend: BackendKind,
    pub(super) defects: Vec<String>,
    built: Built,
    interrupt: CancellationToken,
}

/// One run of a subject.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    /// The plan's name.
    pub(super) plan: &'a str,
    pub(super) planner: Planner,
    /// Whether it goes on long enough to tell slow growth from none.
    pub(super) lasting: bool,
    pub(super) seed: Seed,
    pub(super) folder: &'a RunFolder,
    /// The command that repeats it.
    pub(super) rerun: String,
    /// How much is said of it while it goes on.
    pub(super) telling: Telling,
}

impl Subject {
    /// Reads the system's file and builds its programs or images.
    ///
    /// # Errors
    /// A usage error, an environment that cannot be started, or an interruption.
    pub(super) async fn prepare(
        arguments: &SubjectArguments,
        interrupt: CancellationToken,
    ) -> Result<Self, Failure> {
        let system = read_system(arguments.system.as_deref())?;
        know_defects(&system.name, &system.defects, &arguments.defect)?;
        if arguments.backend == BackendKind::Embedded && system.database.is_some() {
            Binaries::find_or_install().map_err(Failure::environment)?;
        }
        let built = tokio::select! {
            built = Built::of(&system, arguments.backend) => built.map_err(Failure::environment)?,
            () = interrupt.cancelled() => return Err(Failure::interrupted()),
        };
        let (backend, defects) = (arguments.backend, arguments.defect.clone());
        Ok(Self { system, backend, defects, built, interrupt })
    }

    /// Performs one run, shows it while it goes on, and writes its report to its folder.
    ///
    /// # Errors
    /// When it could not be carried through.
    pub(super) async fn attempt(&self, attempt: Attempt<'_>) -> Result<RunReport, Failure> {
        let Attempt { plan, seed, folder, .. } = attempt;
        let header = Header {
            promises: self.system.promises.clone(),
            ..Header::new(seed, plan, self.backend.name(), &self.system.name)
        };
        let recorder = Recorder::create(&folder.history(), header).map_err(Failure::environment)?;
        let secrets = Secrets::default();
        let request = RunRequest {
            planner: attempt.planner.clone(),
            seed,
            defects: self.defects.clone(),
            built: self.built.clone(),
            secrets: secrets.clone(),
        };
        let progress = Progress::show(&recorder, attempt.telling);
        let (system, interrupt) = (&self.system, &self.interrupt);
        let checkers = match attempt.lasting {
            true => checkers_of_lasting(system, self.backend),
            false => checkers_of(system, self.backend),
        };
        let outcome = perform(system, &request, folder, &checkers, &recorder, interrupt).await;
        progress.finish().await;
        let redactor = Redactor::new(secrets.values());
        let redacted = redact_artifacts(&redactor, folder);
        let run = outcome.map_err(|error| {
            let failure = run_failure(&error, &attempt);
            failure.and_also(redacted.as_ref().err()).without_secrets(&redactor)
        })?;
        redacted.map_err(Failure::environment)?;
        let report = report_on(run, self, &attempt, &redactor);
        report::write_all(&report, folder.root()).map_err(Failure::environment)?;
        Ok(report)
    }
}

/// The exit code for what a run came to.
pub(super) fn exit_for(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Valid => Exit::Good,
        Outcome::Invalid => Exit::Findings,
        Outcome::Unknown => Exit::Unknown,
    }
}

/// The system that is named, or else the one of this repository.
///
/// # Errors
/// A usage error.
pub(super) fn read_system(named: Option<&Path>) -> Result<System, Failure> {
    let path = match named {
        Some(path) => path.to_owned(),
        None if Path::new(DEFAULT_SYSTEM).exists() => PathBuf::from(DEFAULT_SYSTEM),
        None => {
            return Err(Failure::usage(format!(
                "no system to test: there is no {DEFAULT_SYSTEM} here; name one with --system FILE"
            )));
        }
    };
    System::read(&path).map_err(Failure::usage)
}

/// # Errors
/// A usage error: a defect is asked for that the programs under test do not have.
pub(super) fn know_defects(
    name: &str,
    known: &BTreeSet<String>,
    asked: &[String],
) -> Result<(), Failure> {
    let Some(unknown) = asked.iter().find(|id| !known.contains(*id)) else { return Ok(()) };
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(Failure::usage(format!(
        "{name} cannot be told to have the defect `{unknown}`; it knows: {}",
        known.join(", ")
    )))
}

/// Takes the secrets out of what was written while the run went on.
fn redact_artifacts(redactor: &Redactor, folder: &RunFolder) -> Result<(), String> {
    redactor
        .redact_folder(&folder.logs())
        .and_then(|()| redactor.redact_file(&folder.history()))
        .map_err(|error| {
            let folder = folder.root().display();
            format!("secrets of the run may be left in {folder}: {error}; remove it")
        })
}

fn run_failure(error: &RunError, attempt: &Attempt) -> Failure {
    let log = match error {
        RunError::Environment(EnvironmentError::NotReady { part, .. }) => {
            last_words(attempt.folder, part)
        }
        _ => String::new(),
    };
    let failure = match error {
        RunError::Interrupted => Failure::interrupted(),
        error => Failure::environment(error),
    };
    let more = format!(
        "{log}seed {}; what was recorded is in {}\n  again: {}",
        attempt.seed,
        attempt.folder.root().display(),
        attempt.rerun
    );
    failure.and_also(Some(&more))
}

/// How many lines of a log are shown when its part does not come up.
const LAST_LINES: usize = 10;

/// The last lines of a part's log, and where the others are.
fn last_words(folder: &RunFolder, part: &str) -> String {
    let path = folder.log_of(part);
    let log = String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = log.lines().collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    let mut text = format!("  {} ends with:\n", path.display());
    for line in if last.is_empty() { &["(nothing)"] } else { last } {
        text.push_str(&format!("    | {line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_log_are_shown_with_its_path() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(parent.path(), "quick", 1).unwrap();
        assert!(
            last_words(&folder, "server").contains("logs/server.log ends with:\n    | (nothing)")
        );
        let lines: Vec<String> = (1..=30).map(|number| format!("line {number}")).collect();
        std::fs::write(folder.log_of("server"), lines.join("\n")).unwrap();
        let told = last_words(&folder, "server");
        assert!(told.contains("| line 21\n") && told.ends_with("| line 30\n"), "{told}");
        assert!(!told.contains("line 20"), "{told}");
    }

    #[test]
    fn every_outcome_has_its_exit_code() {
        assert_eq!(exit_for(Outcome::Valid), Exit::Good);
        assert_eq!(exit_for(Outcome::Invalid), Exit::Findings);
        assert_eq!(exit_for(Outcome::Unknown), Exit::Unknown);
    }
}
