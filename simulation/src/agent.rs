//! A producer of events: its buffer as a model, its delivery as it is.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use harness::history::{Receipt, StoredEvent};
use redflag_agent::agent::delivery;
use redflag_agent::backoff::Backoff;
use redflag_agent::buffer::Backlog;
use redflag_agent::delivery::{Consequence, Delivery, Outcome, Step};
use redflag_protocol::{Defect, DefectSet, Lane};

use crate::server::Parcel;

/// As many events are written through together with AL-FLUSH, or after this many microseconds.
const FLUSH: (usize, u64) = (100, 5_000_000);

/// An agent. Times are in microseconds.
pub struct Agent {
    /// Its name, as `agent-1`.
    pub name: Rc<str>,
    /// The link from it to the server.
    pub link: Rc<str>,
    /// How often it was started.
    pub life: u64,
    seed: u64,
    defects: DefectSet,
    delivery: Delivery,
    started: u64,
    critical: VecDeque<Parcel>,
    normal: VecDeque<Parcel>,
    /// Taken, but not on disk: only with AL-FLUSH.
    held: Vec<(Lane, Parcel)>,
    flushed: u64,
    /// The last number of each lane, critical first, and those that a kill leaves.
    last: [u64; 2],
    durable: [u64; 2],
}

impl Agent {
    /// An agent that starts now; its waits follow from the seed.
    pub fn new(name: &str, seed: u64, defects: &DefectSet) -> Self {
        Self {
            name: name.into(),
            link: format!("{name}-to-server").into(),
            life: 0,
            seed,
            defects: defects.clone(),
            delivery: delivery(Backoff::new(seed), defects),
            started: 0,
            critical: VecDeque::new(),
            normal: VecDeque::new(),
            held: Vec::new(),
            flushed: 0,
            last: [0; 2],
            durable: [0; 2],
        }
    }

    /// It ends: what is not on disk is lost.
    pub fn end(&mut self) {
        self.life += 1;
        self.held.clear();
        self.last = self.durable;
    }

    /// It starts again.
    pub fn start(&mut self, at: u64) {
        let backoff = Backoff::new(self.seed.wrapping_add(self.life));
        self.delivery = delivery(backoff, &self.defects);
        (self.started, self.flushed) = (at, at);
    }

    /// Takes an event, and says what it answers.
    pub fn take(&mut self, at: u64, number: u64, marker: &str, urgent: bool) -> Receipt {
        let lane = if urgent { Lane::Critical } else { Lane::Normal };
        let last = &mut self.last[usize::from(!urgent)];
        *last += 1;
        let (id, sequence) = (format!("id-{number}"), *last);
        let name = lane_name(lane);
        let event = StoredEvent {
            id: id.clone(),
            producer: Some(self.name.to_string()),
            lane: Some(name.to_owned()),
            sequence: Some(sequence),
            marker: Some(marker.to_owned()),
            dropped: None,
        };
        self.held.push((lane, Parcel { number, event: Rc::new(event) }));
        self.flush_when_due(at);
        Receipt { id: Some(id), lane: Some(name.to_owned()), sequence: Some(sequence) }
    }

    fn flush_when_due(&mut self, at: u64) {
        let (many, long) = FLUSH;
        let waits = self.defects.contains(Defect::AlFlush)
            && self.held.len() < many
            && at < self.flushed + long;
        if waits {
            return;
        }
        for (lane, parcel) in std::mem::take(&mut self.held) {
            self.lane(lane).push_back(parcel);
        }
        (self.flushed, self.durable) = (at, self.last);
    }

    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Parcel> {
        match lane {
            Lane::Critical => &mut self.critical,
            Lane::Normal => &mut self.normal,
        }
    }

    /// What it holds.
    pub fn backlog(&mut self, at: u64) -> Backlog {
        self.flush_when_due(at);
        Backlog {
            critical: self.critical.len() as u64,
            normal: self.normal.len() as u64,
            held: self.held.len() as u64,
        }
    }

    /// What its delivery wants to do now; a time to wait until counts as all times here.
    pub fn step(&mut self, at: u64) -> Step {
        let backlog = self.backlog(at);
        match self.delivery.step(self.since_start(at), backlog) {
            Step::WaitUntil(time) => Step::WaitUntil(Duration::from_micros(self.started) + time),
            step => step,
        }
    }

    /// The oldest events of a lane.
    pub fn oldest(&mut self, lane: Lane, limit: usize) -> Vec<Parcel> {
        self.lane(lane).iter().take(limit).cloned().collect()
    }

    /// Tells the delivery what became of a batch that held so many of a lane's oldest events.
    pub fn finished(&mut self, at: u64, lane: Lane, events: usize, outcome: Outcome) {
        let consequence = self.delivery.finished(self.since_start(at), outcome);
        if consequence == Consequence::Settle {
            self.lane(lane).drain(..events);
        }
    }

    fn since_start(&self, at: u64) -> Duration {
        Duration::from_micros(at - self.started)
    }
}

fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Critical => "critical",
        Lane::Normal => "normal",
    }
}
