//! Measures, shows the table, and writes the results for programs.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use clap::{Args, ValueEnum};

use super::super::failure::Failure;
use super::super::interrupt::interrupt_token;
use super::super::machine::{commit, machine};
use super::super::output::{output_file, write_file};
use super::super::subject::{know_defects, read_system};
use super::{compare, table};
use crate::bench::growth::{Grown, GrowthRequest};
use crate::bench::reading::LONGER;
use crate::bench::{self, BenchError, BenchRequest, Figure, Results, Subject};
use crate::environment::postgres::binaries::Binaries;
use crate::environment::{BackendKind, Built};
use crate::exit_code::Exit;
use crate::seed::Seed;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Topic {
    /// The harness's own workload engine
    Engine,
    /// How fast the system takes events
    Ingest,
    /// What it costs the system to delete the events of a period; only when it is asked for
    Retention,
    /// How its live stream reaches a thousand subscribers; only when it is asked for
    Stream,
    /// How long its history takes to read when it is ten times as long; only when it is asked for
    Reading,
    /// What calls, events and agents cost when there are many; only when it is asked for
    Growth,
}

impl Topic {
    /// Whether it is measured when nothing is named: what takes minutes is not.
    fn is_usual(self) -> bool {
        matches!(self, Self::Engine | Self::Ingest)
    }
}

/// What to measure, and for how long.
#[derive(Debug, Args)]
pub struct MeasureArguments {
    /// The system under test [default: fixtures/redflag.toml, within this repository]
    #[arg(long, value_name = "FILE")]
    system: Option<PathBuf>,
    /// Measure only this; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<Topic>,
    /// Measure all of it, also what takes minutes
    #[arg(long, conflicts_with = "only")]
    all: bool,
    /// How long each single measurement lasts
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often each figure is measured, taking turns with its limit
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// How many rows the system's table has in the beginning; reading and growth go on to ten times
    /// as many
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    rows: u64,
    /// The most agents that growth is measured at
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    agents: u64,
    /// Defects that the system is told to have
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    defect: Vec<String>,
    /// Where every random choice comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the figures as JSON to this file
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    json: Option<PathBuf>,
    /// Write a page for people to this file
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    html: Option<PathBuf>,
    /// Show on the page how figures went since the results in this folder, which `--json` wrote
    #[arg(long, value_name = "DIR", requires = "html")]
    history: Option<PathBuf>,
}

/// Measures. A target that is not reached is shown and fails nothing: a number says nothing of
/// another machine, and `bench compare` tells what became slower on the same one.
pub async fn measure(arguments: &MeasureArguments) -> Result<Exit, Failure> {
    let interrupt = interrupt_token().map_err(Failure::environment)?;
    let earlier = arguments.history.as_deref().map(read_all).transpose()?.unwrap_or_default();
    let measured_at = Utc::now();
    let wanted = |topic: &Topic| match arguments.only.is_empty() {
        true => arguments.all || topic.is_usual(),
        false => arguments.only.contains(topic),
    };
    let load_before = load_average();
    let (mut figures, mut grown) = (Vec::new(), Grown::default());
    for topic in Topic::value_variants().iter().filter(|topic| wanted(topic)) {
        let (measured, growing) = tokio::select! {
            measured = measure_topic(*topic, arguments) => measured?,
            () = interrupt.cancelled() => return Err(Failure::interrupted()),
        };
        figures.extend(measured);
        grown.growth.extend(growing.growth);
        grown.latencies.extend(growing.latencies);
    }
    let load = [load_before, load_average()];
    if !figures.is_empty() {
        anstream::println!("{}", table::figures(&figures));
    }
    if !grown.growth.is_empty() {
        anstream::println!("{}", table::growth(&grown.growth));
    }
    anstream::println!("load {:.1} before, {:.1} in the end", load[0], load[1]);
    let results = Results {
        machine: machine(),
        commit: commit().unwrap_or_default(),
        measured_at,
        load,
        figures,
        growth: grown.growth,
        latencies: grown.latencies,
    };
    if let Some(path) = &arguments.html {
        write_file(path, &bench::page::render(&results, &earlier))?;
    }
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&results).map_err(Failure::environment)?;
        write_file(path, &text)?;
    }
    Ok(Exit::Good)
}

async fn measure_topic(
    topic: Topic,
    arguments: &MeasureArguments,
) -> Result<(Vec<Figure>, Grown), Failure> {
    let lasts = Duration::from_secs(arguments.seconds);
    let rounds = usize::try_from(arguments.rounds).unwrap_or(usize::MAX);
    match topic {
        Topic::Engine => {
            let measuring =
                tokio::task::spawn_blocking(move || bench::engine::measure(rounds, lasts, &tell));
            let measured = measuring.await.map_err(Failure::environment)?;
            Ok((measured.map_err(Failure::environment)?, Grown::default()))
        }
        Topic::Ingest | Topic::Retention | Topic::Stream | Topic::Reading => {
            let (subject, rows) = (prepare(arguments).await?, arguments.rows);
            let request = BenchRequest { subject, rounds, lasts, rows };
            let measured = match topic {
                Topic::Retention => bench::retention::measure(&request, &tell).await,
                Topic::Stream => bench::stream::measure(&request, &tell).await,
                Topic::Reading => bench::reading::measure(&request, &tell).await,
                _ => bench::ingest::measure(&request, &tell).await,
            };
            Ok((measured.map_err(failure)?, Grown::default()))
        }
        Topic::Growth => {
            let request = GrowthRequest {
                subject: prepare(arguments).await?,
                rounds,
                lasts,
                agents: sizes(&[10, 100, 1_000, 5_000], arguments.agents),
                rows: sizes(&[10_000, 100_000, 1_000_000], LONGER * arguments.rows),
                refusals: vec![100, 1_000, 10_000],
            };
            let grown = bench::growth::measure(&request, &tell).await.map_err(failure)?;
            Ok((Vec::new(), grown))
        }
    }
}

/// The sizes up to the most that is asked for, which is one of them.
fn sizes(usual: &[u64], most: u64) -> Vec<u64> {
    let below = usual.iter().copied().filter(|size| *size < most);
    below.chain((most > 0).then_some(most)).collect()
}

/// The results in a folder, the oldest first; none where there is no folder yet.
fn read_all(folder: &Path) -> Result<Vec<Results>, Failure> {
    let unusable = |error| Failure::usage(format!("cannot read {}: {error}", folder.display()));
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unusable)?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let path = entry.map_err(unusable)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            all.push(compare::read(&path)?);
        }
    }
    all.sort_by_key(|results| results.measured_at);
    Ok(all)
}

/// The system, with its programs built.
async fn prepare(arguments: &MeasureArguments) -> Result<Subject, Failure> {
    let system = read_system(arguments.system.as_deref())?;
    know_defects(&system.name, &system.defects, &arguments.defect)?;
    Binaries::find_or_install().map_err(Failure::environment)?;
    let built = Built::of(&system, BackendKind::Embedded).await.map_err(Failure::environment)?;
    let (seed, defects) = (Seed(arguments.seed), arguments.defect.clone());
    Ok(Subject { system, built, seed, defects })
}

fn failure(error: BenchError) -> Failure {
    match error {
        BenchError::Unusable(_) | BenchError::Template(_) => Failure::usage(error),
        error => Failure::environment(error),
    }
}

fn tell(line: &str) {
    anstream::eprintln!("{line}");
}

/// Of the last minute; 0 where the system does not tell.
fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}
