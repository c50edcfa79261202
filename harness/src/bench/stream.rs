//! How a live stream carries events to many subscribers, and whether a slow one holds up the others.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tokio::task::{JoinHandle, spawn_blocking};

use super::figure::{Better, Figure, Target, TargetOf};
use super::ground::{address, last_line};
use super::producers::Producers;
use super::slow_subscriber::{self, read_to};
use super::subscribers::{Given, Received, Subscribers};
use super::table::Table;
use super::{BenchError, BenchRequest};
use crate::environment::Environment;
use crate::system::{BenchContract, StreamContract, fill};
use crate::workload::engine::{Arrivals, Load, Loop, Measured, drive, quantile};

const SUBSCRIBERS: usize = 1_000;
/// Events a second.
const RATE: u32 = 1_000;
/// How many of them are given in together.
const TOGETHER: usize = 10;
const PRODUCERS: usize = 16;
const CONNECTIONS: usize = 8;
/// How many events before the end of the history the slow subscriber asks for: more than lie between
/// it and the server.
const BEHIND: u64 = 20_000;

/// One round: all subscribers read, or one does not.
struct Round {
    giving: Measured,
    received: Received,
    /// How often the slow one was cut until it had read everything.
    cuts: Option<usize>,
}

struct Streaming<'a> {
    to: SocketAddr,
    environment: &'a Environment,
    contract: StreamContract,
    producers: Arc<Mutex<Producers>>,
    lasts: Duration,
    /// The log of the part that takes events.
    log: std::path::PathBuf,
}

/// Measures how long events take to 1,000 subscribers at 1,000 a second, alone and beside a
/// subscriber that does not read at all. `tell` is given a line for each round.
///
/// # Errors
/// The system cannot be started or has no stream; or a subscriber does not get every event once and
/// in one order; or the slow one does not come to it either when it reads at last.
pub async fn measure(
    request: &BenchRequest,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Figure>, BenchError> {
    let contract = request.subject.contract()?;
    let stream = request.subject.section(".stream", contract.stream.clone())?;
    allow_many_sockets()?;
    let folder = tempfile::tempdir()?;
    let environment = request.subject.start(contract, folder.path()).await?;
    let outcome = measure_on(&environment, request, contract, stream, folder.path(), tell).await;
    environment.stop().await?;
    outcome
}

async fn measure_on(
    environment: &Environment,
    request: &BenchRequest,
    contract: &BenchContract,
    stream: StreamContract,
    folder: &Path,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Figure>, BenchError> {
    let fill = (contract, request.rows);
    let (_, mut database) =
        Table::open_filled(fill, environment, &|line| tell(&format!("stream: {line}"))).await?;
    let to = address(environment, &contract.to)?;
    let producers =
        Producers::make(PRODUCERS, contract, environment, to, request.subject.seed).await?;
    let streaming = Streaming {
        to,
        environment,
        contract: stream,
        producers: Arc::new(Mutex::new(producers)),
        lasts: request.lasts,
        log: folder.join(format!("{}.log", contract.to)),
    };
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for number in 1..=request.rounds {
        alone.push(streaming.round(&mut database, false).await?);
        beside.push(streaming.round(&mut database, true).await?);
        let [one, other] = [&alone, &beside].map(|rounds| rounds[number - 1].milliseconds(0.99));
        let cuts = beside[number - 1].cuts.unwrap_or_default();
        tell(&format!(
            "stream, round {number} of {}: {} messages each to {SUBSCRIBERS}, p99 {one:.0} ms; \
             beside one that does not read {other:.0} ms; that one was cut {cuts} times and has all",
            request.rounds,
            alone[number - 1].received.ids.len(),
        ));
    }
    Ok(figures(&alone, &beside))
}

fn figures(alone: &[Round], beside: &[Round]) -> Vec<Figure> {
    let each = |rounds: &[Round], share: f64| -> Vec<f64> {
        rounds.iter().map(|round| round.milliseconds(share)).collect()
    };
    let answers = |share: f64| -> Vec<f64> {
        let answer = |round: &Round| quantile(&round.giving.latency, share).as_secs_f64() * 1e3;
        alone.iter().map(answer).collect()
    };
    let figure = |name, samples| Figure::new(name, "ms", Better::Lower, samples);
    vec![
        figure("stream.latency_p50", each(alone, 0.5)).beside("the answer", answers(0.5)),
        figure("stream.latency_p99", each(alone, 0.99)).beside("the answer", answers(0.99)),
        figure("stream.latency_p99_beside_slow", each(beside, 0.99))
            .beside("none slow", each(alone, 0.99))
            .with_target(Target { of: TargetOf::Ratio, number: 0.8 }),
    ]
}

impl Round {
    fn milliseconds(&self, share: f64) -> f64 {
        quantile(&self.received.latency, share).as_secs_f64() * 1e3
    }
}

impl Streaming<'_> {
    async fn round(&self, database: &mut PgConnection, slow: bool) -> Result<Round, BenchError> {
        let given = Arc::new(Given::default());
        let receiving = self.subscribe(self.request(database, 0).await?, &given).await?;
        let behind = self.request(database, BEHIND).await?;
        let unread = match slow {
            true => Some(slow_subscriber::open(self.to, &finished(&behind, None))?),
            false => None,
        };
        let giving = self.give(&given).await;
        given.end();
        let received = receiving.await.map_err(std::io::Error::other)??;
        let giving = giving?;
        let cuts = match unread {
            Some(unread) => Some(self.read_all(unread, behind, &received).await?),
            None => None,
        };
        Ok(Round { giving, received, cuts })
    }

    /// Opens all streams, and goes on to receive what comes.
    async fn subscribe(
        &self,
        request: Vec<u8>,
        given: &Arc<Given>,
    ) -> Result<JoinHandle<Result<Received, BenchError>>, BenchError> {
        let (to, given, id_at) = (self.to, Arc::clone(given), self.contract.id.clone());
        let opening = spawn_blocking(move || {
            let request = finished(&request, None);
            Subscribers::open(to, &request, SUBSCRIBERS, given, &id_at)
        });
        let subscribers = opening.await.map_err(std::io::Error::other)??;
        Ok(spawn_blocking(move || subscribers.receive()))
    }

    /// Gives events in, at a constant rate.
    async fn give(&self, given: &Arc<Given>) -> Result<Measured, BenchError> {
        let requests = RATE / u32::try_from(TOGETHER).unwrap_or(1);
        let pace = Loop::Open(Arrivals::constant(requests, self.lasts));
        let load = Load { pace, connections: CONNECTIONS, depth: 1 };
        let (to, given) = (self.to, Arc::clone(given));
        let producers = Arc::clone(&self.producers);
        let giving = spawn_blocking(move || {
            let mut producers = producers.lock().unwrap_or_else(PoisonError::into_inner);
            drive(to, &load, |request, bytes| {
                producers.write_request(request, TOGETHER, bytes);
                given.add(producers.last_ids());
            })
        });
        let measured = giving.await.map_err(std::io::Error::other)??;
        match measured.all_succeeded() {
            true => Ok(measured),
            false => Err(BenchError::NotAllSucceeded {
                what: "the events of the stream".to_owned(),
                requests: measured.lateness.len(),
                succeeded: measured.succeeded,
                log: last_line(&self.log),
            }),
        }
    }

    /// Has the slow subscriber read, and compares it with one that was not slow.
    async fn read_all(
        &self,
        unread: std::net::TcpStream,
        request: Vec<u8>,
        received: &Received,
    ) -> Result<usize, BenchError> {
        let Some(last) = received.ids.last().cloned() else { return Ok(0) };
        let to = self.to;
        let read = spawn_blocking(move || {
            let resume = |id: Option<&[u8]>| finished(&request, id);
            let slow = read_to(&last, unread, resume)?;
            let prompt = read_to(&last, slow_subscriber::open(to, &resume(None))?, resume)?;
            Ok::<_, BenchError>((slow, prompt))
        });
        let (slow, prompt) = read.await.map_err(std::io::Error::other)??;
        match slow.ids == prompt.ids && slow.ids.ends_with(&received.ids) {
            true => Ok(slow.cuts),
            false => Err(BenchError::Missed(format!(
                "a slow subscriber got {} messages in {} pieces, a prompt one {}, and the live \
                 ones {} of them: not the same",
                slow.ids.len(),
                slow.cuts + 1,
                prompt.ids.len(),
                received.ids.len()
            ))),
        }
    }

    /// The request that opens a stream so many events before the end, without the line that ends
    /// its headers.
    async fn request(
        &self,
        database: &mut PgConnection,
        behind: u64,
    ) -> Result<Vec<u8>, BenchError> {
        let values = self.environment.values().clone().with("behind", behind.to_string());
        let query = AssertSqlSafe(fill(&self.contract.after, &values)?);
        let after: String = sqlx::query_scalar(query).fetch_one(database).await?;
        let values = values.with("after", after);
        let path = fill(&self.contract.path, &values)?;
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.to);
        for (name, value) in &self.contract.headers {
            request.push_str(&format!("{name}: {}\r\n", fill(value, &values)?));
        }
        Ok(request.into_bytes())
    }
}

/// The request with its end, and before it the message after which it goes on.
fn finished(request: &[u8], last: Option<&[u8]>) -> Vec<u8> {
    let mut whole = request.to_vec();
    if let Some(last) = last {
        whole.extend_from_slice(b"Last-Event-ID: ");
        whole.extend_from_slice(last);
        whole.extend_from_slice(b"\r\n");
    }
    whole.extend_from_slice(b"\r\n");
    whole
}

/// Each subscriber is a socket here and one of the server, which inherits what is allowed.
fn allow_many_sockets() -> Result<(), BenchError> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .map_err(|error| BenchError::System(error.into()))
}
