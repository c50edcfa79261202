//! Writes down what happens, as the recorder of a real run does.

use harness::history::{Action, Attempt, Emit, Entry, Header, History, Phase, Stage};
use harness::promises::Promises;
use harness::seed::Seed;

/// A history in the making. Times are in microseconds.
#[derive(Debug, Default)]
pub struct Journal {
    entries: Vec<Entry>,
    operations: u64,
}

impl Journal {
    /// Something begins.
    pub fn begin(&mut self, at: u64, process: &str, action: Action) -> u64 {
        self.operations += 1;
        self.end(at, process, self.operations, Phase::Invoke, action);
        self.operations
    }

    /// Something ends.
    pub fn end(&mut self, at: u64, process: &str, operation: u64, phase: Phase, action: Action) {
        let (at, process) = (at * 1000, process.to_owned());
        self.entries.push(Entry { at, process, operation, phase, action });
    }

    /// Something that has no duration.
    pub fn note(&mut self, at: u64, action: Action) {
        self.operations += 1;
        self.end(at, "harness", self.operations, Phase::Ok, action);
    }

    /// The run enters a stage.
    pub fn stage(&mut self, at: u64, stage: Stage) {
        self.note(at, Action::Stage { stage });
    }

    /// The history of a run from this seed of a system that promises this.
    pub fn finish(self, seed: Seed, promises: Promises) -> History {
        let started_at = chrono::DateTime::UNIX_EPOCH;
        let header = Header {
            promises,
            started_at,
            ..Header::new(seed, "simulation", "virtual", "redflag")
        };
        History::new(header, self.entries)
    }
}

/// A call of an agent to the server.
pub fn attempt(caller: &str, call: &str) -> Action {
    Action::Attempt(Attempt::new(caller, call))
}

/// An event given to an agent.
pub fn emit(producer: &str, marker: String, urgent: bool, probe: bool) -> Emit {
    let kind = if urgent { "urgent" } else { "plain" };
    Emit {
        producer: producer.to_owned(),
        marker,
        kind: kind.to_owned(),
        urgent,
        probe,
        receipt: None,
        error: None,
    }
}
