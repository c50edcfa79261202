//! How fast a system takes events: from HTTP to committed rows, beside `COPY` of rows like them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::ConnectOptions;
use tokio::task::spawn_blocking;

use super::BenchError;
use super::copying::copy_rate;
use super::figure::{Better, Figure, Target, TargetOf};
use super::producers::Producers;
use super::table::Table;
use crate::environment::{Built, Environment, EnvironmentRequest, Secrets};
use crate::history::{Header, Recorder};
use crate::seed::Seed;
use crate::system::{BenchContract, System};
use crate::workload::engine::{Load, Loop, Measured, drive};

/// How many producers give in events.
const PRODUCERS: usize = 64;
/// Rows of a `COPY`.
const COPIED_TOGETHER: usize = 1_000;
/// More rows a second than any `COPY` is expected to take.
const MOST_COPIED: u64 = 100_000;

/// How events are given in.
struct Shape {
    name: &'static str,
    events: usize,
    connections: usize,
    target: Target,
}

const SHAPES: [Shape; 3] = [
    Shape {
        name: "ingest.batch_1000",
        events: 1_000,
        connections: 4,
        target: Target { of: TargetOf::Ratio, number: 0.7 },
    },
    Shape {
        name: "ingest.batch_100",
        events: 100,
        connections: 16,
        target: Target { of: TargetOf::Ratio, number: 0.6 },
    },
    Shape {
        name: "ingest.single",
        events: 1,
        connections: 512,
        target: Target { of: TargetOf::Value, number: 25_000.0 },
    },
];

/// What to measure.
#[derive(Clone, Debug)]
pub struct IngestRequest {
    /// The system, which has a `bench` section.
    pub system: System,
    /// What its parts are started from.
    pub built: Built,
    /// Where ids come from.
    pub seed: Seed,
    /// How often each figure is measured.
    pub rounds: usize,
    /// How long each single measurement lasts.
    pub lasts: Duration,
    /// How many rows the table has in the beginning.
    pub rows: u64,
}

/// A system that takes events, and its table.
struct Ingest {
    to: SocketAddr,
    producers: Arc<Mutex<Producers>>,
    /// How many events were answered with success.
    accepted: u64,
    /// The log of the part that takes events.
    log: PathBuf,
}

/// Measures how many events a second the system commits, in batches and one by one, closed loop.
/// `tell` is given a line for each round.
///
/// # Errors
/// The system cannot be started or does not take events as its file says, or has fewer of them in
/// its table than it has answered for.
pub async fn measure(
    request: &IngestRequest,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Figure>, BenchError> {
    let contract = request.system.bench.clone().ok_or_else(|| {
        BenchError::Unusable(format!("`{}` has no such section", request.system.name))
    })?;
    let folder = tempfile::tempdir()?;
    let environment = start(request, &contract, folder.path()).await?;
    let outcome = measure_on(&environment, request, &contract, folder.path(), tell).await;
    environment.stop().await?;
    outcome
}

async fn measure_on(
    environment: &Environment,
    request: &IngestRequest,
    contract: &BenchContract,
    folder: &Path,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Figure>, BenchError> {
    let options = environment.superuser_options().ok_or_else(|| {
        BenchError::Unusable(format!("`{}` has no database", request.system.name))
    })?;
    let mut database = options.connect().await?;
    let table = Table::of(&contract.table, &contract.rows, &mut database).await?;
    tell(&format!("ingest: filling {} with {} rows", contract.table, request.rows));
    table.fill(request.rows, &mut database).await?;
    let to = address(environment, &contract.to)?;
    let producers = Producers::make(PRODUCERS, contract, environment, to, request.seed).await?;
    let mut ingest = Ingest {
        to,
        producers: Arc::new(Mutex::new(producers)),
        accepted: 0,
        log: folder.join(format!("{}.log", contract.to)),
    };
    let before = table.count(&mut database).await?;

    let (mut next_row, mut copied) = (request.rows + 1, Vec::new());
    let mut rates: [Vec<f64>; SHAPES.len()] = Default::default();
    let mut stored_by_copy = 0;
    for round in 1..=request.rounds {
        let rows = table.count(&mut database).await?;
        let rate =
            copy_rate(options, &table, COPIED_TOGETHER, request.lasts, &mut next_row, MOST_COPIED);
        copied.push(rate.await?);
        stored_by_copy += table.count(&mut database).await? - rows;
        for (shape, rates) in SHAPES.iter().zip(&mut rates) {
            rates.push(ingest.rate(shape, request.lasts).await?);
        }
        let last = |rates: &Vec<f64>| rates.last().copied().unwrap_or_default();
        tell(&format!(
            "ingest, round {round} of {}: COPY {:.0} rows/s; in batches of 1,000 {:.0}, of 100 \
             {:.0}, one by one {:.0}",
            request.rounds,
            last(&copied),
            last(&rates[0]),
            last(&rates[1]),
            last(&rates[2]),
        ));
    }
    let stored = table.count(&mut database).await? - before - stored_by_copy;
    if stored < ingest.accepted {
        return Err(BenchError::Lost { accepted: ingest.accepted, stored });
    }
    let figure = |(shape, rates): (&Shape, Vec<f64>)| {
        Figure::new(shape.name, "events/s", Better::Higher, rates)
            .beside("COPY", copied.clone())
            .with_target(shape.target)
    };
    Ok(SHAPES.iter().zip(rates).map(figure).collect())
}

impl Ingest {
    /// Events a second that are answered for.
    async fn rate(&mut self, shape: &Shape, lasts: Duration) -> Result<f64, BenchError> {
        let measured = self.load(shape, lasts).await?;
        if measured.succeeded == 0 {
            return Err(BenchError::NoneSucceeded {
                what: shape.name.to_owned(),
                requests: measured.lateness.len(),
                log: last_line(&self.log),
            });
        }
        self.accepted += measured.succeeded * shape.events as u64;
        Ok(measured.rate() * shape.events as f64)
    }

    async fn load(&self, shape: &Shape, lasts: Duration) -> Result<Measured, BenchError> {
        let load = Load { pace: Loop::Closed(lasts), connections: shape.connections, depth: 1 };
        let (to, events) = (self.to, shape.events);
        let producers = Arc::clone(&self.producers);
        let loading = spawn_blocking(move || {
            let mut producers = producers.lock().unwrap_or_else(PoisonError::into_inner);
            drive(to, &load, |request, bytes| producers.write_request(request, events, bytes))
        });
        Ok(loading.await.map_err(std::io::Error::other)??)
    }
}

/// Starts the part that takes events and what it reaches, without proxies.
pub(super) async fn start(
    request: &IngestRequest,
    contract: &BenchContract,
    folder: &Path,
) -> Result<Environment, BenchError> {
    let mut system = request.system.clone();
    let reached = system.part(&contract.to).map(|part| part.reaches.clone()).unwrap_or_default();
    system.parts.retain(|part| part.name == contract.to || reached.contains(&part.name));
    for part in system.parts.iter_mut().filter(|part| part.name == contract.to) {
        part.environment.extend(contract.environment.clone());
    }
    let header = Header::new(request.seed, "bench", "embedded", &system.name);
    let recorder = Recorder::create(&folder.join("history.jsonl"), header)?;
    let environment_request = EnvironmentRequest {
        built: request.built.clone(),
        logs: folder.to_owned(),
        defects: Vec::new(),
        seed: request.seed,
        secrets: Secrets::default(),
    };
    Ok(Environment::start_direct(&system, &environment_request, &recorder).await?)
}

/// What a log says last.
pub(super) fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().next_back().unwrap_or("nothing").to_owned()
}

/// Where a part listens.
pub(super) fn address(environment: &Environment, part: &str) -> Result<SocketAddr, BenchError> {
    let url = environment.part(part).map(|part| part.url().trim_start_matches("http://"));
    let parsed = url.and_then(|address| address.parse().ok());
    parsed.ok_or_else(|| BenchError::Unusable(format!("`{part}` is not one part on this machine")))
}
