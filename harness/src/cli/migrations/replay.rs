//! `harness migrations replay`: one lineage on every path.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::progress::Bar;
use super::since::Judged;
use crate::cli::failure::Failure;
use crate::cli::init::largest_lineage;
use crate::cli::interrupt::interrupt_token;
use crate::cli::output::{output_file, write_file};
use crate::exit_code::Exit;
use crate::finding::Severity;
use crate::migrations::lineage::{self, Convention, LineageError, ReadOptions};
use crate::migrations::replay::findings::DRILL_UNKNOWN;
use crate::migrations::replay::{
    JudgedPart, ReplayError, ReplayOptions, ReplayOutcome, TrafficOptions, replay,
};
use crate::report::migrations as report;
use crate::report::text::{counted, neutralise};
use crate::seed::Seed;

/// What to replay, and how.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// The folder of migrations
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How its files are named and run [default: found out, and printed]
    #[arg(long, value_parser = convention)]
    convention: Option<Named>,
    /// A SQL file that stands in for a step in another language
    #[arg(long, value_name = "VERSION=FILE", value_parser = stub)]
    stub: Vec<(String, PathBuf)>,
    /// Where every random choice comes from [default: a fresh one, which is printed]
    #[arg(long)]
    seed: Option<u64>,
    /// How long one statement may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    statement_deadline: u64,
    /// Only run all of it on an empty database
    #[arg(long)]
    fresh_only: bool,
    /// Leave out the upgrade paths with generated rows
    #[arg(long)]
    without_data: bool,
    /// How many upgrade paths, drawn by seed, are also replayed alone, as a check on the walk
    #[arg(long, value_name = "N", default_value_t = 1)]
    paths: usize,
    /// Start the walk with data from a dump of pg_dump, in place of generated rows
    #[arg(long, value_name = "FILE")]
    from_dump: Option<PathBuf>,
    /// Leave out the backup that is taken before the last migration and restored
    #[arg(long)]
    without_drill: bool,
    /// Compare the head with a live database, which is only read
    #[arg(long, value_name = "URL", env = "HARNESS_AGAINST", hide_env_values = true)]
    against: Option<String>,
    /// Measure what a migration costs with so many rows in each table that it names [default: the
    /// few generated ones]
    #[arg(long, value_name = "N")]
    rows: Option<u32>,
    /// Read and write every table that a migration names while it runs, and tell the longest waits
    #[arg(long)]
    traffic: bool,
    /// With traffic, let a reader hold on to a table for so long when the migration begins
    #[arg(long, value_name = "MS", default_value_t = 0)]
    long_reader: u64,
    /// The longest wait of a reader or writer that is no finding; brings the traffic along
    #[arg(long, value_name = "MS")]
    stall_budget: Option<u64>,
    /// Judge and measure only what came after this version, or what differs from this commit
    #[arg(long, value_name = "VERSION|GIT-REF")]
    since: Option<String>,
    /// The mildest finding that makes the command fail
    #[arg(long, value_enum, default_value = "error")]
    fail_on: Threshold,
    /// Write the outcome as JSON to this file, too
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    json: Option<PathBuf>,
    /// Write the outcome as Markdown to this file, too
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    markdown: Option<PathBuf>,
    /// Write the findings as SARIF 2.1.0 to this file, too
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    sarif: Option<PathBuf>,
}

/// A convention that was named, or `auto`.
#[derive(Clone, Copy, Debug)]
struct Named(Option<Convention>);

/// The mildest finding that makes the command fail.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Threshold {
    Error,
    Warning,
    Info,
}

fn convention(text: &str) -> Result<Named, String> {
    match text {
        "auto" => Ok(Named(None)),
        text => Convention::from_str(text, false)
            .map(|convention| Named(Some(convention)))
            .map_err(|_| {
                let known: Vec<&str> =
                    Convention::value_variants().iter().map(|known| known.name()).collect();
                format!("known are auto, {}", known.join(", "))
            }),
    }
}

fn stub(text: &str) -> Result<(String, PathBuf), String> {
    let (version, file) = text.split_once('=').ok_or("write VERSION=FILE")?;
    Ok((version.to_owned(), PathBuf::from(file)))
}

/// Replays, reports, and says how it went.
pub async fn run(arguments: &ReplayArguments) -> Exit {
    attempt(arguments).await.unwrap_or_else(|failure| failure.tell())
}

/// Why a folder cannot be replayed; if a project's was named, where its migrations are.
fn unread(folder: &Path, error: &LineageError) -> Failure {
    let empty = matches!(error, LineageError::Empty { .. });
    match empty.then(|| largest_lineage(folder)).flatten() {
        Some((below, lineage)) => {
            let migrations = counted(lineage.migrations.len(), "migration");
            Failure::usage(format!("{error}; {} has {migrations}", below.display()))
        }
        None => Failure::usage(error),
    }
}

async fn attempt(arguments: &ReplayArguments) -> Result<Exit, Failure> {
    let read = ReadOptions {
        convention: arguments.convention.and_then(|named| named.0),
        stubs: arguments.stub.clone(),
        ..ReadOptions::default()
    };
    let lineage = lineage::read(&arguments.folder, &read)
        .map_err(|error| unread(&arguments.folder, &error))?;
    let judged = arguments.since.as_deref().map(|since| Judged::since(&lineage, since));
    let judged = judged.transpose().map_err(Failure::usage)?;
    let options = ReplayOptions {
        seed: arguments.seed.map_or_else(Seed::fresh, Seed),
        statement_deadline: Duration::from_secs(arguments.statement_deadline),
        with_trials: !arguments.fresh_only,
        with_data: !arguments.without_data && !arguments.fresh_only,
        from_dump: arguments.from_dump.clone(),
        with_drill: !arguments.without_drill,
        against: arguments.against.clone(),
        rows: arguments.rows,
        measured: judged.as_ref().map(|judged| judged.files().clone()),
        traffic: traffic(arguments),
        stall_budget: arguments.stall_budget,
        paths: arguments.paths,
        today: chrono::Local::now().date_naive(),
    };
    anstream::eprintln!(
        "{} migrations, convention {} ({}), seed {}",
        lineage.migrations.len(),
        lineage.convention.name(),
        neutralise(&lineage.reason),
        options.seed
    );
    let interrupt = interrupt_token().map_err(Failure::environment)?;
    let bar = Bar::show(options.steps(&lineage));
    let progress = |stage, version: &str| bar.step(stage, version);
    let mut outcome = tokio::select! {
        outcome = replay(&lineage, &options, &progress) => outcome.map_err(failure)?,
        () = interrupt.cancelled() => return Err(Failure::interrupted()),
    };
    bar.finish();
    if let Some(judged) = judged {
        outcome.findings.retain(|finding| judged.concerns(finding));
        let (migrations, since) = (judged.migrations, arguments.since.clone());
        outcome.judged = since.map(|since| JudgedPart { since, migrations });
        let (past, accepted) = lineage.sift(judged.past, options.today);
        outcome.findings.splice(0..0, past);
        outcome.accepted.extend(accepted);
    }
    write(&outcome, arguments)?;
    Ok(exit_for(&outcome, arguments.fail_on))
}

fn traffic(arguments: &ReplayArguments) -> Option<TrafficOptions> {
    let asked = arguments.traffic || arguments.stall_budget.is_some() || arguments.long_reader > 0;
    asked.then(|| TrafficOptions { long_reader: Duration::from_millis(arguments.long_reader) })
}

/// A form in which an outcome is written.
type Form = fn(&ReplayOutcome) -> String;

/// Tells the summary, and writes every form that was asked for.
fn write(outcome: &ReplayOutcome, arguments: &ReplayArguments) -> Result<(), Failure> {
    anstream::println!("{}", report::terminal::render(outcome));
    let forms: [(_, Form); 3] = [
        (&arguments.json, report::json::render),
        (&arguments.markdown, report::markdown::render),
        (&arguments.sarif, report::sarif::render),
    ];
    for (path, render) in forms {
        if let Some(path) = path {
            write_file(path, &render(outcome))?;
        }
    }
    Ok(())
}

fn exit_for(outcome: &ReplayOutcome, threshold: Threshold) -> Exit {
    let least = match threshold {
        Threshold::Error => Severity::Error,
        Threshold::Warning => Severity::Warning,
        Threshold::Info => Severity::Info,
    };
    let (unknown, found): (Vec<_>, Vec<_>) =
        outcome.findings.iter().partition(|finding| finding.id == DRILL_UNKNOWN);
    match found.iter().any(|finding| finding.severity >= least) {
        true => Exit::Findings,
        false if !unknown.is_empty() => Exit::Unknown,
        false => Exit::Good,
    }
}

fn failure(error: ReplayError) -> Failure {
    match error.is_usage() {
        true => Failure::usage(error),
        false => Failure::environment(error),
    }
}
