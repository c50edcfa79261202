//! The harness's own workload engine, against a server that only answers.

use std::io;
use std::time::Duration;

use super::bare_exchange::bare_exchange;
use super::figure::{Better, Figure, Target, TargetOf};
use super::trivial_server::{ANSWER, TrivialServer};
use crate::workload::engine::{Arrivals, Load, Loop, Measured, drive, highest_rate, quantile};

/// Agents that the requests come from, each named in its own.
const AGENTS: u64 = 5_000;
const CONNECTIONS: usize = 16;
const DEPTH: usize = 64;
/// How late the engine may be with one request in a hundred.
const LATENESS: Duration = Duration::from_millis(5);
/// How close the search comes to the highest rate.
const PRECISION: f64 = 0.05;
/// No search goes beyond this, in requests a second.
const MOST: u32 = 4_000_000;

/// One round: the limit, and the engine at the highest rate at which it is on time.
struct Round {
    limit: f64,
    closed: f64,
    open: Measured,
}

/// Measures the engine: the highest rate, open loop, at which each request is answered and the
/// engine is not late; how late it is then; and what a request costs its one thread. `tell` is
/// given a line for each round.
///
/// # Errors
/// The system refuses sockets, or even the lowest rate is not kept.
pub fn measure(rounds: usize, lasts: Duration, tell: &dyn Fn(&str)) -> io::Result<Vec<Figure>> {
    let server = TrivialServer::start()?;
    let measured = (1..=rounds)
        .map(|number| {
            let round = measure_round(&server, lasts)?;
            tell(&format!(
                "engine, round {number} of {rounds}: {:.0} requests/s open loop, {:.0} closed",
                round.open.rate(),
                round.closed
            ));
            Ok(round)
        })
        .collect::<io::Result<Vec<_>>>()?;
    let each = |number: fn(&Round) -> f64| measured.iter().map(number).collect::<Vec<_>>();
    let limits = each(|round| round.limit);
    let value = |number| Target { of: TargetOf::Value, number };
    Ok(vec![
        Figure::new("engine.rate", "requests/s", Better::Higher, each(|round| round.open.rate()))
            .beside("bare sockets", limits.clone())
            .with_target(value(80_000.0)),
        Figure::new("engine.closed_loop_rate", "requests/s", Better::Higher, each(|r| r.closed))
            .beside("bare sockets", limits),
        Figure::new("engine.lateness_p99", "ms", Better::Lower, each(Round::lateness))
            .with_target(value(5.0)),
        Figure::new("engine.processor_time", "µs/request", Better::Lower, each(Round::cost))
            .with_target(value(4.0)),
    ])
}

impl Round {
    fn lateness(&self) -> f64 {
        quantile(&self.open.lateness, 0.99).as_secs_f64() * 1e3
    }

    fn cost(&self) -> f64 {
        self.open.processor_time_each().as_secs_f64() * 1e6
    }
}

fn measure_round(server: &TrivialServer, lasts: Duration) -> io::Result<Round> {
    let mut request = Vec::new();
    write_request(0, &mut request);
    let to = server.address();
    let limit = bare_exchange(to, (CONNECTIONS, DEPTH), &request, ANSWER.len(), lasts)?;
    let closed = load(server, Loop::Closed(lasts))?.rate();
    let mut best = None;
    let mut failure = None;
    highest_rate(closed as u32, MOST, PRECISION, |rate| {
        match load(server, Loop::Open(Arrivals::constant(rate, lasts))) {
            Ok(open) => {
                let held = open.all_succeeded() && quantile(&open.lateness, 0.99) < LATENESS;
                if held {
                    best = Some(open);
                }
                held
            }
            Err(error) => {
                failure = Some(error);
                false
            }
        }
    });
    match (failure, best) {
        (Some(error), _) => Err(error),
        (None, Some(open)) => Ok(Round { limit, closed, open }),
        (None, None) => Err(io::Error::other(
            "the engine is late at every rate; is this machine busy with something else?",
        )),
    }
}

fn load(server: &TrivialServer, pace: Loop) -> io::Result<Measured> {
    let load = Load { pace, connections: CONNECTIONS, depth: DEPTH };
    drive(server.address(), &load, write_request)
}

/// A request of one of the agents, as long as one with a token is.
fn write_request(request: u64, bytes: &mut Vec<u8>) {
    let agent = 10_000 + request % AGENTS;
    bytes.extend_from_slice(b"GET /agents/");
    bytes.extend_from_slice(agent.to_string().as_bytes());
    bytes.extend_from_slice(b" HTTP/1.1\r\nHost: localhost\r\n\r\n");
}
