//! How fast a system takes events: from HTTP to committed rows, beside `COPY` of rows like them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Pid;
use sqlx::ConnectOptions;
use tokio::task::spawn_blocking;

use super::BenchError;
use super::copying::copy_rate;
use super::figure::{Better, Figure, Target, TargetOf};
use super::ground::{address, last_line, start};
use super::processor_time::processor_time;
use super::producers::Producers;
use super::table::Table;
use super::trivial_server::TrivialServer;
use crate::environment::{Built, Environment, Part};
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

/// One event a request, the last of the shapes.
const SINGLE: usize = 2;
/// What single events should reach of what the sum of their parts allows.
const OF_THE_PARTS: Target = Target { of: TargetOf::Ratio, number: 0.5 };

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
    /// Defects that the system is told to have.
    pub defects: Vec<String>,
}

/// A system that takes events, and its table.
struct Ingest {
    to: SocketAddr,
    producers: Arc<Mutex<Producers>>,
    /// How many events were answered with success.
    accepted: u64,
    /// The log of the part that takes events.
    log: PathBuf,
    /// Its process.
    process: Pid,
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
    let (system, built, seed) = (&request.system, &request.built, request.seed);
    let environment =
        start(system, &contract, built, seed, &request.defects, folder.path()).await?;
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
        process: process(environment, &contract.to)?,
    };
    let trivial = TrivialServer::start()?;
    let before = table.count(&mut database).await?;

    let (mut next_row, mut copied) = (request.rows + 1, Vec::new());
    let mut rates: [Vec<f64>; SHAPES.len()] = Default::default();
    let mut times: [Vec<f64>; SHAPES.len()] = Default::default();
    let mut parts = Vec::new();
    let mut stored_by_copy = 0;
    for round in 1..=request.rounds {
        let rows = table.count(&mut database).await?;
        let rate =
            copy_rate(options, &table, COPIED_TOGETHER, request.lasts, &mut next_row, MOST_COPIED);
        copied.push(rate.await?);
        stored_by_copy += table.count(&mut database).await? - rows;
        for ((shape, rates), times) in SHAPES.iter().zip(&mut rates).zip(&mut times) {
            let (rate, time) = ingest.rate(shape, request.lasts).await?;
            rates.push(rate);
            times.push(time);
        }
        let last = |rates: &Vec<f64>| rates.last().copied().unwrap_or_default();
        let exchanges = ingest.load(trivial.address(), &SHAPES[SINGLE], request.lasts).await?;
        parts.push(1.0 / (1.0 / exchanges.rate() + 1.0 / last(&copied)));
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
    let of_parts =
        Figure::new("ingest.single_parts", "events/s", Better::Higher, rates[SINGLE].clone())
            .beside("one bare exchange and one copied row after the other", parts)
            .with_target(OF_THE_PARTS);
    let rate = |(shape, rates): (&Shape, Vec<f64>)| {
        Figure::new(shape.name, "events/s", Better::Higher, rates)
            .beside("COPY", copied.clone())
            .with_target(shape.target)
    };
    let time = |(shape, times): (&Shape, Vec<f64>)| {
        let name = format!("{}_server_time", shape.name);
        Figure::new(&name, "µs/event", Better::Lower, times)
    };
    let rates = SHAPES.iter().zip(rates).map(rate);
    Ok(rates.chain([of_parts]).chain(SHAPES.iter().zip(times).map(time)).collect())
}

impl Ingest {
    /// Events a second that are answered for, and the microseconds of processor time that each of
    /// them costs the part that takes them.
    async fn rate(&mut self, shape: &Shape, lasts: Duration) -> Result<(f64, f64), BenchError> {
        let before = processor_time(self.process)?;
        let measured = self.load(self.to, shape, lasts).await?;
        let used = processor_time(self.process)?.saturating_sub(before);
        if measured.succeeded == 0 {
            return Err(BenchError::NoneSucceeded {
                what: shape.name.to_owned(),
                requests: measured.lateness.len(),
                log: last_line(&self.log),
            });
        }
        let events = measured.succeeded * shape.events as u64;
        self.accepted += events;
        let time = used.as_secs_f64() * 1e6 / events as f64;
        Ok((measured.rate() * shape.events as f64, time))
    }

    async fn load(
        &self,
        to: SocketAddr,
        shape: &Shape,
        lasts: Duration,
    ) -> Result<Measured, BenchError> {
        let load = Load { pace: Loop::Closed(lasts), connections: shape.connections, depth: 1 };
        let events = shape.events;
        let producers = Arc::clone(&self.producers);
        let loading = spawn_blocking(move || {
            let mut producers = producers.lock().unwrap_or_else(PoisonError::into_inner);
            drive(to, &load, |request, bytes| producers.write_request(request, events, bytes))
        });
        Ok(loading.await.map_err(std::io::Error::other)??)
    }
}

/// The process of a part.
fn process(environment: &Environment, part: &str) -> Result<Pid, BenchError> {
    let process = environment.part(part).and_then(Part::process_group);
    process.ok_or_else(|| BenchError::Unusable(format!("`{part}` is no process of this machine")))
}
