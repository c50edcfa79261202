//! `harness run`: one plan on one system, judged and reported.

use std::path::{Path, PathBuf};

use clap::Args;

use super::interrupt::interrupt_token;
use super::machine::machine;
use super::progress::Progress;
use crate::checkers::{self, Outcome};
use crate::environment::postgres::binaries::Binaries;
use crate::environment::{BackendKind, build_programs};
use crate::exit_code::Exit;
use crate::history::{Header, Recorder};
use crate::report::{
    self, Artifact, LinkSetup, PartSetup, Redactor, RunContext, RunReport, Topology,
};
use crate::run::{PlanName, Run, RunError, RunFolder, RunRequest, perform};
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
    plan: PlanName,
    /// How the parts run
    #[arg(long, value_enum, default_value_t)]
    backend: BackendKind,
    /// The system under test [default: fixtures/redflag.toml, within this repository]
    #[arg(long, value_name = "FILE")]
    system: Option<PathBuf>,
    /// Defects that the system is told to have
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    defect: Vec<String>,
    /// Where every random choice comes from [default: a fresh one, which is printed]
    #[arg(long)]
    seed: Option<u64>,
    /// The folder that the run's own folder is made in
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    out: PathBuf,
    /// Write the run's report as JSON to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A command that ended before there was a report.
struct Failure {
    exit: Exit,
    message: String,
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

    let request = RunRequest {
        plan: arguments.plan,
        backend: arguments.backend,
        seed,
        defects: arguments.defect.clone(),
        programs,
    };
    let progress = Progress::show(&recorder);
    let outcome = perform(&system, &request, &folder, &checkers::ALL, &recorder, &interrupt).await;
    progress.finish();
    let run = outcome.map_err(|error| run_failure(&error, arguments, seed, &folder))?;
    let report = report_on(run, arguments, &system, seed, &folder)?;
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
) -> Result<std::collections::BTreeMap<String, PathBuf>, Failure> {
    if arguments.backend != BackendKind::Embedded || system.build.cargo.is_empty() {
        return Ok(std::collections::BTreeMap::default());
    }
    anstream::eprintln!(
        "building {} (nothing to do if they are fresh)",
        system.build.cargo.join(", ")
    );
    let (folder, packages) = (system.folder.clone(), system.build.cargo.clone());
    let built = tokio::task::spawn_blocking(move || build_programs(&folder, &packages)).await;
    built.map_err(environment_failure)?.map_err(environment_failure)
}

/// Writes every form of the report, tells the summary, and cleans the logs of secrets.
fn report_on(
    run: Run,
    arguments: &RunArguments,
    system: &System,
    seed: Seed,
    folder: &RunFolder,
) -> Result<RunReport, Failure> {
    let redactor = Redactor::new(run.secrets.clone());
    let context = RunContext {
        name: arguments.plan.name().to_owned(),
        defects: arguments.defect.clone(),
        rerun: rerun_command(arguments, seed),
        machine: machine(),
        environment: topology(&run, system, arguments.backend),
        left_out: Vec::new(),
        artifacts: artifacts(&run),
    };
    let report = RunReport::assemble(context, &run.history, run.verdicts, &redactor);
    let cannot_write = |error: std::io::Error| usage(format!("cannot write the report: {error}"));
    redactor.redact_folder(&folder.logs()).map_err(cannot_write)?;
    redactor.redact_file(&folder.history()).map_err(cannot_write)?;
    report::write_all(&report, folder.root()).map_err(|error| usage(error.to_string()))?;
    if let Some(path) = &arguments.json {
        std::fs::write(path, report::json::render(&report)).map_err(cannot_write)?;
    }
    anstream::println!("{}", report::terminal::render(&report));
    anstream::println!("report: {}", folder.root().join("report.html").display());
    Ok(report)
}

fn topology(run: &Run, system: &System, backend: BackendKind) -> Topology {
    let runs = |name: &str| {
        let description =
            system.parts.iter().find(|part| part.instances().iter().any(|i| i == name));
        match (description, backend) {
            (Some(part), BackendKind::Embedded) => part.command.join(" "),
            (Some(part), BackendKind::Containers) => part.image.clone().unwrap_or_default(),
            (None, _) => String::new(),
        }
    };
    Topology {
        parts: run
            .parts
            .iter()
            .map(|name| PartSetup { name: name.clone(), runs: runs(name) })
            .collect(),
        links: run
            .links
            .iter()
            .map(|link| LinkSetup {
                from: link.from.clone(),
                to: link.to.clone(),
                proxy: link.name.clone(),
            })
            .collect(),
    }
}

fn artifacts(run: &Run) -> Vec<Artifact> {
    let logs = run.parts.iter().map(|part| (format!("log of {part}"), format!("logs/{part}.log")));
    let postgresql = ("log of PostgreSQL".to_owned(), "logs/postgresql.log".to_owned());
    [("history", "history.jsonl"), ("plan and schedule", "plan.json")]
        .map(|(name, file)| (name.to_owned(), file.to_owned()))
        .into_iter()
        .chain(logs)
        .chain([postgresql])
        .map(|(name, file)| Artifact { name, file })
        .collect()
}

/// The command that repeats a run exactly.
fn rerun_command(arguments: &RunArguments, seed: Seed) -> String {
    let mut command = format!("harness run --plan {} --seed {seed}", arguments.plan.name());
    if arguments.backend != BackendKind::default() {
        command.push_str(&format!(" --backend {}", arguments.backend.name()));
    }
    if let Some(system) = &arguments.system {
        command.push_str(&format!(" --system {}", system.display()));
    }
    if !arguments.defect.is_empty() {
        command.push_str(&format!(" --defect {}", arguments.defect.join(",")));
    }
    command
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
        rerun_command(arguments, seed)
    );
    Failure { exit, message }
}

fn usage(message: String) -> Failure {
    Failure { exit: Exit::Usage, message }
}

fn environment_failure(error: impl std::fmt::Display) -> Failure {
    Failure { exit: Exit::Environment, message: error.to_string() }
}
