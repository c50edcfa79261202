//! `harness run`: one plan on one system, judged and reported.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::interrupt::interrupt_token;
use super::log;
use super::progress::Progress;
use super::run_report::{program, report_on, rerun_command};
use crate::checkers::{self, Outcome};
use crate::environment::postgres::binaries::Binaries;
use crate::environment::{BackendKind, Secrets, build_programs};
use crate::exit_code::Exit;
use crate::history::{Header, Recorder};
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
}

/// Runs, reports, and says how it went.
pub async fn run(arguments: &RunArguments) -> Exit {
    match attempt(arguments).await {
        Ok(exit) => exit,
        Err(failure) => {
            anstream::eprintln!("error: {}", failure.message);
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
    let programs = programs(arguments, &system).await?;
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
        backend: arguments.backend,
        seed,
        defects: arguments.defect.clone(),
        programs,
        secrets: secrets.clone(),
    };
    let progress = Progress::show(&recorder);
    let outcome = perform(&system, &request, &folder, &checkers::ALL, &recorder, &interrupt).await;
    progress.finish();
    let redactor = Redactor::new(secrets.values());
    let redacted = redact_artifacts(&redactor, &folder);
    let run = outcome.map_err(|error| {
        let failure = run_failure(&error, arguments, seed, &folder);
        failure.and_also(redacted.as_ref().err())
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

/// The programs are built for the embedded backend; containers bring theirs in their images.
async fn programs(
    arguments: &RunArguments,
    system: &System,
) -> Result<BTreeMap<String, PathBuf>, Failure> {
    if arguments.backend != BackendKind::Embedded || system.build.cargo.is_empty() {
        return Ok(BTreeMap::default());
    }
    anstream::eprintln!(
        "building {} (nothing to do if they are fresh)",
        system.build.cargo.join(", ")
    );
    let (folder, packages) = (system.folder.clone(), system.build.cargo.clone());
    let built = tokio::task::spawn_blocking(move || build_programs(&folder, &packages)).await;
    built.map_err(environment_failure)?.map_err(environment_failure)
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

/// Writes every form of the report and tells the summary.
fn write_report(
    report: &RunReport,
    arguments: &RunArguments,
    folder: &RunFolder,
) -> Result<(), Failure> {
    report::write_all(report, folder.root()).map_err(|error| usage(error.to_string()))?;
    if let Some(path) = &arguments.json {
        std::fs::write(path, report::json::render(report))
            .map_err(|error| usage(format!("cannot write {}: {error}", path.display())))?;
    }
    anstream::println!("{}", report::terminal::render(report));
    anstream::println!("report: {}", folder.root().join("report.html").display());
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
    let message = format!(
        "{error}\n  seed {seed}; what was recorded is in {}\n  again: {}",
        folder.root().display(),
        rerun_command(&program(), arguments, seed)
    );
    Failure { exit, message }
}

fn usage(message: String) -> Failure {
    Failure { exit: Exit::Usage, message }
}

fn environment_failure(error: impl std::fmt::Display) -> Failure {
    Failure { exit: Exit::Environment, message: error.to_string() }
}
