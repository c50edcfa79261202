//! The loop that sends what is due and takes what comes.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use rustix::time::{ClockId, clock_gettime};

use super::connection::Connection;
use super::{Arrivals, Measured};

/// How long answers are waited for once nothing more is sent.
const GRACE: Duration = Duration::from_secs(5);
/// The longest sleep: what is due meanwhile is sent this much late.
const TICK: Duration = Duration::from_millis(1);
/// How long the engine rests after it has sent something: requests that fall due meanwhile go out
/// together, and answers that come meanwhile are read together.
const REST: Duration = Duration::from_micros(200);

/// What decides when a request is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Loop {
    /// The plan, whatever the server does.
    Open(Arrivals),
    /// The server: each answer lets the next request go, for so long.
    Closed(Duration),
}

/// How a server is loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// What decides when a request is sent.
    pub pace: Loop,
    /// How many connections are kept open.
    pub connections: usize,
    /// How many requests may be in flight on each, from 1. More than 1 needs a server that takes
    /// pipelined requests.
    pub depth: usize,
}

/// Loads a server from this thread, and returns when all is answered, or 5 s after the last
/// request. `write` appends the bytes of a request, of which the first is 0.
///
/// # Errors
/// The system refuses sockets, or the server takes no connection. Connections that break later are
/// opened again, and their requests counted as lost.
pub fn drive(
    to: SocketAddr,
    load: &Load,
    write: impl FnMut(u64, &mut Vec<u8>),
) -> io::Result<Measured> {
    // Readiness of a connection is known when it breaks, not when it is made: try it first.
    drop(std::net::TcpStream::connect(to)?);
    Engine::new(to, load, write)?.run()
}

struct Engine<'a, W> {
    to: SocketAddr,
    load: &'a Load,
    write: W,
    poll: Poll,
    connections: Vec<Connection>,
    /// The connections that can take a request, the longest unused first.
    free: VecDeque<usize>,
    /// The connections with requests that are not sent yet.
    unsent: Vec<usize>,
    start: Instant,
    /// The request that is sent next.
    next: u64,
    /// Since when the next request could have been sent, had it been due.
    free_since: Duration,
    measured: Measured,
}

impl<'a, W: FnMut(u64, &mut Vec<u8>)> Engine<'a, W> {
    fn new(to: SocketAddr, load: &'a Load, write: W) -> io::Result<Self> {
        let poll = Poll::new()?;
        let count = load.connections.max(1);
        let connections = (0..count)
            .map(|index| Connection::open(to, poll.registry(), Token(index)))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            to,
            load,
            write,
            poll,
            connections,
            free: (0..count).collect(),
            unsent: Vec::new(),
            start: Instant::now(),
            next: 0,
            free_since: Duration::ZERO,
            measured: Measured::new(),
        })
    }

    fn run(mut self) -> io::Result<Measured> {
        let used = processor_time();
        let mut events = Events::with_capacity(1024);
        self.start = Instant::now();
        let mut last_answer = Duration::ZERO;
        loop {
            let now = self.start.elapsed();
            self.send(now)?;
            let in_flight = self.in_flight();
            if self.is_over(now) && in_flight == 0 {
                break;
            }
            if now > self.ends_at() + GRACE {
                self.measured.lost += in_flight + self.never_sent();
                break;
            }
            self.poll.poll(&mut events, Some(self.sleep(now)))?;
            let answered = self.measured.latency.len();
            for event in &events {
                self.serve(event.token().0, event.is_writable())?;
            }
            if self.measured.latency.len() > answered {
                last_answer = self.start.elapsed();
                std::thread::sleep(REST);
            }
        }
        self.measured.lasted = last_answer;
        self.measured.processor_time = processor_time().saturating_sub(used);
        Ok(self.measured)
    }

    /// Sends what is due and has a connection.
    fn send(&mut self, now: Duration) -> io::Result<()> {
        while let Some(due) = self.next_due(now)
            && due <= now
            && let Some(index) = self.free.pop_front()
        {
            let connection = &mut self.connections[index];
            let (write, request) = (&mut self.write, self.next);
            connection.push(due, |bytes| write(request, bytes));
            if connection.in_flight() < self.load.depth.max(1) {
                self.free.push_back(index);
            }
            if self.unsent.last() != Some(&index) {
                self.unsent.push(index);
            }
            self.measured.sent(now.saturating_sub(due.max(self.free_since)));
            self.next += 1;
        }
        for index in std::mem::take(&mut self.unsent) {
            if self.connections[index].flush().is_err() {
                self.reopen(index)?;
            }
        }
        Ok(())
    }

    /// Takes what a connection has for us, and gives it what it did not take before.
    fn serve(&mut self, index: usize, writable: bool) -> io::Result<()> {
        let connection = &mut self.connections[index];
        let was_full = connection.in_flight() >= self.load.depth.max(1);
        let (now, measured) = (self.start.elapsed(), &mut self.measured);
        let received =
            connection.receive(|status, due| measured.answer(status, now.saturating_sub(due)));
        let flushed = if writable { connection.flush() } else { Ok(()) };
        if received.and(flushed).is_err() {
            return self.reopen(index);
        }
        if was_full && connection.in_flight() < self.load.depth.max(1) {
            self.make_free(index, now);
        }
        Ok(())
    }

    /// Replaces a broken connection; what was in flight on it is lost.
    fn reopen(&mut self, index: usize) -> io::Result<()> {
        let broken = &self.connections[index];
        self.measured.lost += broken.in_flight() as u64;
        let was_full = broken.in_flight() >= self.load.depth.max(1);
        self.connections[index] = Connection::open(self.to, self.poll.registry(), Token(index))?;
        if was_full {
            self.make_free(index, self.start.elapsed());
        }
        Ok(())
    }

    fn make_free(&mut self, index: usize, now: Duration) {
        if self.free.is_empty() {
            self.free_since = now;
        }
        self.free.push_back(index);
    }

    /// When the next request is due, if there is one.
    fn next_due(&self, now: Duration) -> Option<Duration> {
        match &self.load.pace {
            Loop::Open(arrivals) => (self.next < arrivals.count()).then(|| arrivals.due(self.next)),
            Loop::Closed(lasts) => (now < *lasts).then_some(now),
        }
    }

    fn is_over(&self, now: Duration) -> bool {
        self.next_due(now).is_none()
    }

    /// When the last request is due.
    fn ends_at(&self) -> Duration {
        match &self.load.pace {
            Loop::Open(arrivals) => match arrivals.count() {
                0 => Duration::ZERO,
                count => arrivals.due(count - 1),
            },
            Loop::Closed(lasts) => *lasts,
        }
    }

    fn in_flight(&self) -> u64 {
        self.next - self.measured.latency.len() - self.measured.lost
    }

    /// Those that were due and found no connection to the end.
    fn never_sent(&self) -> u64 {
        match &self.load.pace {
            Loop::Open(arrivals) => arrivals.count() - self.next,
            Loop::Closed(_) => 0,
        }
    }

    /// How long nothing is due.
    fn sleep(&self, now: Duration) -> Duration {
        match self.next_due(now) {
            Some(due) if !self.free.is_empty() => due.saturating_sub(now).min(TICK),
            _ => TICK,
        }
    }
}

/// What this thread has used, in user mode and in the system's.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
