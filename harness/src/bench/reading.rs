//! How long the history takes to read, and whether that depends on how long the history is.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::figure::{Better, Figure, Target, TargetOf};
use super::ground::{address, last_line};
use super::table::Table;
use super::{BenchError, BenchRequest};
use crate::environment::Environment;
use crate::system::{BenchContract, ReadsContract, Ready, Values, fill};
use crate::workload::engine::{Arrivals, Load, Loop, drive, quantile};

/// How many times as long the longer history is.
pub const LONGER: u64 = 10;
/// How many times as long a read of it may take.
const MOST_GROWTH: f64 = 1.5;
/// Reads a second: so few that they do not wait for one another.
const RATE: u32 = 50;
const CONNECTIONS: usize = 4;
/// How long the system's sessions may take to end after it.
const SESSIONS_END: Duration = Duration::from_secs(10);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(20);

/// The system with a history of one length.
struct Site {
    environment: Environment,
    database: PgConnection,
    table: Table,
    to: SocketAddr,
    /// What its readers ask for, by name.
    reads: Vec<(String, Vec<u8>)>,
    /// What is asked beside them: whether it is ready.
    ready: Vec<u8>,
    _folder: TempDir,
    log: PathBuf,
    scanned_before: u64,
}

/// Latencies of one read, in milliseconds, a round each.
#[derive(Default)]
struct Latencies {
    name: String,
    short: Vec<f64>,
    long: Vec<f64>,
    ready: Vec<f64>,
}

/// Measures each read of the system file, open loop at a modest rate, in turns with a history of
/// the asked length and one ten times as long. `tell` is given a line for each step.
///
/// # Errors
/// The system cannot be started or has no reads, or refuses one.
pub async fn measure(
    request: &BenchRequest,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Figure>, BenchError> {
    let contract = request.subject.contract()?;
    let reads = request.subject.section(".reads", contract.reads.as_ref())?;
    let mut short = Site::open(request, contract).await?;
    let mut long = match Site::open(request, contract).await {
        Ok(long) => long,
        Err(error) => {
            short.environment.stop().await?;
            return Err(error);
        }
    };
    let outcome = measure_on(&mut short, &mut long, request, reads, tell).await;
    short.environment.stop().await?;
    long.environment.stop().await?;
    outcome
}

async fn measure_on(
    short: &mut Site,
    long: &mut Site,
    request: &BenchRequest,
    reads: &ReadsContract,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Figure>, BenchError> {
    for (site, rows) in [(&mut *short, request.rows), (&mut *long, request.rows * LONGER)] {
        tell(&format!("reading: filling a table with {rows} rows"));
        site.fill(rows, reads).await?;
    }
    let named = |(name, _): &(String, _)| Latencies { name: name.clone(), ..Latencies::default() };
    let mut measured: Vec<Latencies> = short.reads.iter().map(named).collect();
    for round in 1..=request.rounds {
        for (place, latencies) in measured.iter_mut().enumerate() {
            let lasts = request.lasts;
            latencies.short.push(short.latency(&short.reads[place].1, lasts).await?);
            latencies.long.push(long.latency(&long.reads[place].1, lasts).await?);
            latencies.ready.push(long.latency(&long.ready, lasts).await?);
        }
        tell(&format!("reading, round {round} of {}: {}", request.rounds, told(&measured)));
    }
    let mut figures: Vec<Figure> = measured.into_iter().flat_map(figures).collect();
    let mut scanned = 0;
    for site in [short, long] {
        scanned += site.rows_scanned().await?;
    }
    let scanned = Figure::new("reading.rows_scanned", "rows", Better::Lower, vec![scanned as f64]);
    figures.push(scanned.with_target(Target { of: TargetOf::Value, number: 0.0 }));
    Ok(figures)
}

/// The last round's latency of each read, with the short history and the long one.
fn told(measured: &[Latencies]) -> String {
    let last = |rounds: &[f64]| rounds.last().copied().unwrap_or_default();
    let each = |one: &Latencies| {
        format!("{} {:.1} and {:.1} ms", one.name, last(&one.short), last(&one.long))
    };
    measured.iter().map(each).collect::<Vec<_>>().join(", ")
}

fn figures(Latencies { name, short, long, ready }: Latencies) -> [Figure; 2] {
    let growth = long.iter().zip(&short).map(|(long, short)| long / short).collect();
    [
        Figure::new(&format!("reading.{name}.p99"), "ms", Better::Lower, long)
            .beside("being ready", ready),
        Figure::new(&format!("reading.{name}.growth"), "times", Better::Lower, growth)
            .with_target(Target { of: TargetOf::Value, number: MOST_GROWTH }),
    ]
}

impl Site {
    async fn open(request: &BenchRequest, contract: &BenchContract) -> Result<Self, BenchError> {
        let folder = tempfile::tempdir()?;
        let environment = request.subject.start(contract, folder.path()).await?;
        match Self::prepare(&environment, request, contract).await {
            Ok((to, database, table, ready)) => Ok(Self {
                environment,
                database,
                table,
                to,
                reads: Vec::new(),
                ready,
                log: folder.path().join(format!("{}.log", contract.to)),
                _folder: folder,
                scanned_before: 0,
            }),
            Err(error) => {
                environment.stop().await?;
                Err(error)
            }
        }
    }

    async fn prepare(
        environment: &Environment,
        request: &BenchRequest,
        contract: &BenchContract,
    ) -> Result<(SocketAddr, PgConnection, Table, Vec<u8>), BenchError> {
        let rows = contract.reads.as_ref().map_or("", |reads| &reads.rows);
        let (table, database) = Table::open_for(&contract.table, rows, environment).await?;
        let to = address(environment, &contract.to)?;
        let Some(Ready::Http(path)) =
            request.subject.system.part(&contract.to).map(|part| &part.ready)
        else {
            let why = "the part that is read from needs a path for `ready`";
            return Err(BenchError::Unusable(why.to_owned()));
        };
        Ok((to, database, table, get(to, path, "")))
    }

    async fn fill(&mut self, rows: u64, contract: &ReadsContract) -> Result<(), BenchError> {
        self.table.fill(rows, &mut self.database).await?;
        let mut values: Values = self.environment.values().clone();
        for (name, query) in &contract.values {
            let query = AssertSqlSafe(fill(query, &values)?);
            let value: String = sqlx::query_scalar(query).fetch_one(&mut self.database).await?;
            values.set(name, value);
        }
        let mut headers = String::new();
        for (name, value) in &contract.headers {
            headers.push_str(&format!("{name}: {}\r\n", fill(value, &values)?));
        }
        for (name, path) in &contract.paths {
            let request = get(self.to, &fill(path, &values)?, &headers);
            self.reads.push((name.clone(), request));
        }
        self.scanned_before = self.table.rows_read_sequentially(&mut self.database).await?;
        Ok(())
    }

    /// The latency that 99 of 100 such requests do not exceed, in milliseconds.
    async fn latency(&self, request: &[u8], lasts: Duration) -> Result<f64, BenchError> {
        let pace = Loop::Open(Arrivals::constant(RATE, lasts));
        let load = Load { pace, connections: CONNECTIONS, depth: 1 };
        let (to, bytes) = (self.to, request.to_vec());
        let reading =
            spawn_blocking(move || drive(to, &load, |_, out| out.extend_from_slice(&bytes)));
        let measured = reading.await.map_err(std::io::Error::other)??;
        match measured.all_succeeded() {
            true => Ok(quantile(&measured.latency, 0.99).as_secs_f64() * 1e3),
            false => Err(BenchError::NotAllSucceeded {
                what: String::from_utf8_lossy(request).lines().next().unwrap_or("").to_owned(),
                requests: measured.lateness.len(),
                succeeded: measured.succeeded,
                log: last_line(&self.log),
            }),
        }
    }

    /// How many rows sequential scans have read since the table was filled. Sessions tell it for
    /// certain when they end, so the system is ended first.
    async fn rows_scanned(&mut self) -> Result<u64, BenchError> {
        for part in self.environment.parts() {
            part.retire().await;
        }
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
                        AND datname = current_database() AND backend_type = 'client backend'";
        let deadline = Instant::now() + SESSIONS_END;
        while Instant::now() < deadline {
            let left: i64 = sqlx::query_scalar(sessions).fetch_one(&mut self.database).await?;
            if left == 0 {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let scanned = self.table.rows_read_sequentially(&mut self.database).await?;
        Ok(scanned - self.scanned_before)
    }
}

fn get(to: SocketAddr, path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {to}\r\n{headers}\r\n").into_bytes()
}
