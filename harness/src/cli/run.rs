//! `harness run`: one plan on one system, judged and reported.

use std::path::{Path, PathBuf};

use clap::Args;

use super::interrupt::interrupt_token;
use super::log;
use super::progress::Progress;
use super::run_report::{program, report_on, rerun_command};
use crate::checkers::{self, Outcome};
use crate::environment::postgres::binaries::Binaries;
use crate::environment::{BackendKind, Built, EnvironmentError, Secrets};
use crate::exit_code::Exit;
use crate::history::{Header, Recorder};
use crate::report::text::neutralise;
use crate::report::{self, Redactor, RunReport};
use crate::run::{PlanName, RunError, RunFolder, RunRequest, perform};
use crate::seed::Seed;
use crate::system::System;

/// The system that is tested when none is named, seen from the root of this repository.
const DEFAULT_SYSTEM: &str = "fixtures/redflag.toml";
/// Where runs are kept when no other folder is named.
const DEFAULT_OUT: &str = "reports/generated";

/// What to run, and on what.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// What the run does
    #[arg(long, value_enum, default_value_t)]
    pub(super) plan: PlanName,
    /// How the parts run
    #[arg(long, value_enum, default_value_t)]
    pub(super) backend: BackendKind,
    /// The system under test [default: fixtures/redflag.toml, within this repository]
    #[arg(long, value_name = "FILE")]
    pub(super) system: Option<PathBuf>,
    /// Defects that the system is told to have
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(super) defect: Vec<String>,
    /// Where every random choice comes from [default: a fresh one, which is printed]
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// The folder that the run's own folder is made in
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub(super) out: PathBuf,
    /// Write the run's report as JSON to this file, too
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}

/// A command that ended before there was a report.
struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// The same failure, with what went wrong besides.
    fn and_also(mut self, other: Option<&String>) -> Self {
        if let Some(other) = other {
            self.message = format!("{}\n  {other}", self.message);
        }
        self
    }

    /// The same failure; what it quotes of other programs holds no secret of the run.
    fn without_secrets(self, redactor: &Redactor) -> Self {
        Self { message: redactor.redact(&self.message), ..self }
    }
}

/// Runs, reports, and says how it went.
pub async fn run(arguments: &RunArguments) -> Exit {
    match attempt(arguments).await {
        Ok(exit) => exit,
        Err(failure) => {
            anstream::eprintln!("error: {}", neutralise(&failure.message));
            failure.exit
        }
    }
}

async fn attempt(arguments: &RunArguments) -> Result<Exit, Failure> {
    let system = read_system(arguments)?;
    let seed = arguments.seed.map_or_else(Seed::fresh, Seed);
    let interrupt = interrupt_token().map_err(environment_failure)?;
    if arguments.backend == BackendKind::Embedded {
        Binaries::find_or_install().map_err(environment_failure)?;
    }
    let built = tokio::select! {
        built = Built::of(&system, arguments.backend) => built.map_err(environment_failure)?,
        () = interrupt.cancelled() => return Err(interrupted()),
    };
    let folder = RunFolder::create(&arguments.out, arguments.plan.name(), seed.0)
        .map_err(|error| usage(format!("cannot write to {}: {error}", arguments.out.display())))?;
    let header = Header::new(seed, arguments.plan.name(), arguments.backend.name(), &system.name);
    let recorder = Recorder::create(&folder.history(), header).map_err(environment_failure)?;
    anstream::eprintln!(
        "plan {} on {}, {}, seed {seed}; files in {}",
        arguments.plan.name(),
        system.name,
        arguments.backend.name(),
        folder.root().display()
    );

    log::send_to(&folder.own_log()).map_err(environment_failure)?;
    let secrets = Secrets::default();
    let request = RunRequest {
        planner: arguments.plan.planner(),
        seed,
        defects: arguments.defect.clone(),
        built,
        secrets: secrets.clone(),
    };
    let progress = Progress::show(&recorder);
    let outcome = perform(&system, &request, &folder, &checkers::ALL, &recorder, &interrupt).await;
    progress.finish().await;
    let redactor = Redactor::new(secrets.values());
    let redacted = redact_artifacts(&redactor, &folder);
    let run = outcome.map_err(|error| {
        let failure = run_failure(&error, arguments, seed, &folder);
        failure.and_also(redacted.as_ref().err()).without_secrets(&redactor)
    })?;
    redacted.map_err(environment_failure)?;
    let report = report_on(run, arguments, &system, seed, &folder, &redactor);
    write_report(&report, arguments, &folder)?;
    Ok(exit_for(report.outcome))
}

fn exit_for(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Valid => Exit::Good,
        Outcome::Invalid => Exit::Findings,
        Outcome::Unknown => Exit::Unknown,
    }
}

fn read_system(arguments: &RunArguments) -> Result<System, Failure> {
    let path = match &arguments.system {
        Some(path) => path.clone(),
        None if Path::new(DEFAULT_SYSTEM).exists() => PathBuf::from(DEFAULT_SYSTEM),
        None => {
            return Err(usage(format!(
                "no system to test: there is no {DEFAULT_SYSTEM} here; name one with --system FILE"
            )));
        }
    };
    let system = System::read(&path).map_err(|error| usage(error.to_string()))?;
    if let Some(unknown) = arguments.defect.iter().find(|id| !system.defects.contains(*id)) {
        let known: Vec<&str> = system.defects.iter().map(String::as_str).collect();
        return Err(usage(format!(
            "{} cannot be told to have the defect `{unknown}`; it knows: {}",
            system.name,
            known.join(", ")
        )));
    }
    Ok(system)
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

/// Tells the summary and writes every form of the report.
fn write_report(
    report: &RunReport,
    arguments: &RunArguments,
    folder: &RunFolder,
) -> Result<(), Failure> {
    anstream::println!("{}", report::terminal::render(report));
    report::write_all(report, folder.root()).map_err(environment_failure)?;
    anstream::println!("report: {}", folder.root().join("report.html").display());
    if let Some(path) = &arguments.json {
        std::fs::write(path, report::json::render(report))
            .map_err(|error| usage(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}

fn run_failure(
    error: &RunError,
    arguments: &RunArguments,
    seed: Seed,
    folder: &RunFolder,
) -> Failure {
    let exit = match error {
        RunError::Interrupted => Exit::Interrupted,
        _ => Exit::Environment,
    };
    let log = match error {
        RunError::Environment(EnvironmentError::NotReady { part, .. }) => last_words(folder, part),
        _ => String::new(),
    };
    let message = format!(
        "{error}\n{log}  seed {seed}; what was recorded is in {}\n  again: {}",
        folder.root().display(),
        rerun_command(&program(), arguments, seed)
    );
    Failure { exit, message }
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

fn interrupted() -> Failure {
    Failure { exit: Exit::Interrupted, message: RunError::Interrupted.to_string() }
}

fn usage(message: String) -> Failure {
    Failure { exit: Exit::Usage, message }
}

fn environment_failure(error: impl std::fmt::Display) -> Failure {
    Failure { exit: Exit::Environment, message: error.to_string() }
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
    fn a_failure_shows_no_secret() {
        let redactor = Redactor::new(["hunter2hunter2".to_owned()]);
        let failure = environment_failure("refused: hunter2hunter2").without_secrets(&redactor);
        assert_eq!(failure.message, "refused: [redacted]");
    }

    #[test]
    fn every_outcome_has_its_exit_code() {
        assert_eq!(exit_for(Outcome::Valid), Exit::Good);
        assert_eq!(exit_for(Outcome::Invalid), Exit::Findings);
        assert_eq!(exit_for(Outcome::Unknown), Exit::Unknown);
    }
}
