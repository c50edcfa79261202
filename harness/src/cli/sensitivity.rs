//! `harness sensitivity`: whether each planted defect of a ledger is caught.

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use clap::Args;

use super::failure::Failure;
use super::interrupt::interrupt_token;
use super::log;
use super::output::{output_file, write_file};
use super::run::DEFAULT_OUT;
use crate::exit_code::Exit;
use crate::report::sensitivity::{json, progress, table};
use crate::run::RunFolder;
use crate::sensitivity::{Examination, ExamineError, ExaminedRow, Ledger, Outcome, Plan, examine};

/// The ledger that is examined when none is named, seen from the root of this repository.
const DEFAULT_LEDGER: &str = "fixtures/ledger.toml";

/// What to examine.
#[derive(Debug, Args)]
pub struct SensitivityArguments {
    /// The rows, and how their detectors are run [default: fixtures/ledger.toml, within this repository]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Examine only these rows
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    /// How many detectors run at once, but for those that want the machine for themselves [default: one a processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    at_once: Option<u32>,
    /// The folder that the examination's own folder is made in: what each detector printed
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    out: PathBuf,
    /// Write the rows as JSON to this file, too
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    json: Option<PathBuf>,
}

/// Examines, and says how it went.
pub async fn sensitivity(arguments: &SensitivityArguments) -> Exit {
    attempt(arguments).await.unwrap_or_else(|failure| failure.tell())
}

async fn attempt(arguments: &SensitivityArguments) -> Result<Exit, Failure> {
    let ledger = read_ledger(arguments)?;
    let harness = std::env::current_exe().map_err(Failure::environment)?;
    let plan = Plan::of(&ledger, &harness).map_err(Failure::usage)?;
    let interrupt = interrupt_token().map_err(Failure::environment)?;
    // Two that begin in the same second are told apart by their process.
    let number = u64::from(std::process::id());
    let folder = RunFolder::create(&arguments.out, "sensitivity", number).map_err(|error| {
        Failure::usage(format!("cannot write to {}: {error}", arguments.out.display()))
    })?;
    log::send_to(&folder.own_log()).map_err(Failure::environment)?;
    let at_once = arguments.at_once.unwrap_or_else(processors);
    announce(&plan, at_once, &folder);
    let examination =
        Examination { folder: ledger.folder, files: folder.logs(), at_once, interrupt };
    let tell = |row: &ExaminedRow| anstream::eprintln!("{}", progress(row));
    let rows = examine(&plan, &examination, tell).await.map_err(|error| match error {
        ExamineError::Interrupted => Failure::interrupted(),
        error => Failure::environment(error),
    })?;
    anstream::print!("{}", table(&rows));
    if let Some(path) = &arguments.json {
        write_file(path, &json(&rows))?;
    }
    Ok(exit_for(&rows))
}

fn read_ledger(arguments: &SensitivityArguments) -> Result<Ledger, Failure> {
    let path = match &arguments.ledger {
        Some(path) => path.clone(),
        None if Path::new(DEFAULT_LEDGER).exists() => PathBuf::from(DEFAULT_LEDGER),
        None => {
            return Err(Failure::usage(format!(
                "no ledger to examine: there is no {DEFAULT_LEDGER} here; name one with --ledger FILE"
            )));
        }
    };
    let ledger = Ledger::read(&path).map_err(Failure::usage)?;
    ledger.only(&arguments.only).map_err(Failure::usage)
}

fn announce(plan: &Plan, at_once: u32, folder: &RunFolder) {
    let (looked, pending, runs) = plan.counts();
    anstream::eprintln!(
        "examining {looked} rows in {runs} runs, at most {at_once} at once; {pending} are pending; \
         what detectors print is in {}",
        folder.logs().display()
    );
}

fn processors() -> u32 {
    available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1))
}

fn exit_for(rows: &[ExaminedRow]) -> Exit {
    let any = |outcome| rows.iter().any(|row| row.outcome == outcome);
    if any(Outcome::Missed) || any(Outcome::NotSilent) {
        Exit::Findings
    } else if any(Outcome::Broken) {
        Exit::Unknown
    } else {
        Exit::Good
    }
}
