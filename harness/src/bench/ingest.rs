//! How fast a system takes events: from HTTP to committed rows, beside `COPY` of rows like them.

use std::path::Path;
use std::time::Duration;

use rustix::process::Pid;

use super::copying::copy_rate;
use super::figure::{Better, Figure, Target, TargetOf};
use super::ground::superuser;
use super::loading::{Loading, Loads};
use super::processor_time::processor_time;
use super::table::Table;
use super::trivial_server::TrivialServer;
use super::{BenchError, BenchRequest};
use crate::environment::{Environment, Part};
use crate::system::BenchContract;

/// How many producers give in events.
const PRODUCERS: usize = 64;
/// Rows of a `COPY`.
const COPIED_TOGETHER: usize = 1_000;
/// More rows a second than any `COPY` is expected to take.
const MOST_COPIED: u64 = 100_000;

/// How events are given in.
struct Shape {
    name: &'static str,
    loading: Loading,
    target: Target,
}

/// One event a request, the last of the shapes.
const SINGLE: usize = 2;
/// What single events should reach of what the sum of their parts allows.
const OF_THE_PARTS: Target = Target { of: TargetOf::Ratio, number: 0.5 };

const SHAPES: [Shape; 3] = [
    Shape {
        name: "ingest.batch_1000",
        loading: Loading { events: 1_000, connections: 4 },
        target: Target { of: TargetOf::Ratio, number: 0.7 },
    },
    Shape {
        name: "ingest.batch_100",
        loading: Loading { events: 100, connections: 16 },
        target: Target { of: TargetOf::Ratio, number: 0.6 },
    },
    Shape {
        name: "ingest.single",
        loading: Loading { events: 1, connections: 512 },
        target: Target { of: TargetOf::Value, number: 25_000.0 },
    },
];

/// A system that takes events, and the process of the part that does.
struct Ingest {
    loads: Loads,
    process: Pid,
}

/// Measures how many events a second the system commits, in batches and one by one, closed loop.
/// `tell` is given a line for each round.
///
/// # Errors
/// The system cannot be started or does not take events as its file says, or has fewer of them in
/// its table than it has answered for.
pub async fn measure(
    request: &BenchRequest,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Figure>, BenchError> {
    let contract = request.subject.contract()?;
    let folder = tempfile::tempdir()?;
    let environment = request.subject.start(contract, folder.path()).await?;
    let outcome = measure_on(&environment, request, contract, folder.path(), tell).await;
    environment.stop().await?;
    outcome
}

async fn measure_on(
    environment: &Environment,
    request: &BenchRequest,
    contract: &BenchContract,
    folder: &Path,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Figure>, BenchError> {
    let fill = (contract, request.rows);
    let (table, mut database) =
        Table::open_filled(fill, environment, &|line| tell(&format!("ingest: {line}"))).await?;
    let mut loads = Loads::make(contract, environment, request.subject.seed, folder)?;
    loads.enlarge(PRODUCERS, contract, environment).await?;
    let mut ingest = Ingest { loads, process: process(environment, &contract.to)? };
    let trivial = TrivialServer::start()?;
    let before = table.count(&mut database).await?;

    let (mut next_row, mut copied) = (request.rows + 1, Vec::new());
    let mut rates: [Vec<f64>; SHAPES.len()] = Default::default();
    let mut times: [Vec<f64>; SHAPES.len()] = Default::default();
    let mut parts = Vec::new();
    let mut stored_by_copy = 0;
    for round in 1..=request.rounds {
        let rows = table.count(&mut database).await?;
        let options = superuser(environment)?;
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
        let (to, loading) = (trivial.address(), SHAPES[SINGLE].loading);
        let exchanges = ingest.loads.exchange(to, loading, request.lasts).await?;
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
    let accepted = ingest.loads.accepted;
    if stored < accepted {
        return Err(BenchError::Lost { accepted, stored });
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
        let measured = self.loads.load(shape.loading, lasts).await?;
        let used = processor_time(self.process)?.saturating_sub(before);
        let events = (measured.succeeded * shape.loading.events as u64) as f64;
        let rate = measured.rate() * shape.loading.events as f64;
        Ok((rate, used.as_secs_f64() * 1e6 / events))
    }
}

/// The process of a part.
fn process(environment: &Environment, part: &str) -> Result<Pid, BenchError> {
    let process = environment.part(part).and_then(Part::process_group);
    process.ok_or_else(|| BenchError::Unusable(format!("`{part}` is no process of this machine")))
}
