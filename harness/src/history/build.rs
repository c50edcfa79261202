//! Canned histories that read well, for tests.

use std::collections::BTreeMap;

use chrono::DateTime;

use super::{
    Action, Attempt, BreakerState, Call, Emit, Entry, Fault, Header, History, NO_ANSWER, PartState,
    Phase, Receipt, Stage, StoredEvent,
};
use crate::promises::Promises;
use crate::seed::Seed;

const MILLISECOND: u64 = 1_000_000;

/// Writes a history down entry by entry. Its clock moves 10 ms an entry, and by more where a
/// step says so. What producers take is stored until a step tampers with it.
#[derive(Default)]
pub struct HistoryBuilder {
    entries: Vec<Entry>,
    now: u64,
    next_operation: u64,
    stored: Vec<StoredEvent>,
    sequences: BTreeMap<String, u64>,
    open_faults: BTreeMap<String, (u64, Action)>,
    promises: Promises,
}

/// An emit's action; with a sequence it carries a receipt in lane `normal`.
pub fn emit(producer: &str, marker: &str, sequence: Option<u64>) -> Action {
    Action::Emit(Emit {
        producer: producer.into(),
        marker: marker.into(),
        kind: "agent_scan/completed".into(),
        urgent: false,
        probe: false,
        receipt: sequence.map(|sequence| Receipt {
            id: Some(format!("id-{marker}")),
            lane: Some("normal".into()),
            sequence: Some(sequence),
        }),
        error: None,
    })
}

/// The event that such an emit leaves in the system.
pub fn stored(producer: &str, marker: &str, sequence: u64) -> StoredEvent {
    StoredEvent {
        id: format!("id-{marker}"),
        producer: Some(producer.into()),
        lane: Some("normal".into()),
        sequence: Some(sequence),
        marker: Some(marker.into()),
        dropped: None,
    }
}

impl HistoryBuilder {
    /// An empty history.
    pub fn new() -> Self {
        Self::default()
    }

    /// The history as written.
    pub fn finish(self) -> History {
        let header = Header {
            started_at: DateTime::from_timestamp(1_767_323_045, 0).unwrap(),
            promises: self.promises,
            ..Header::new(Seed(7), "quick", "embedded", "sample")
        };
        History::new(header, self.entries)
    }

    /// The system promises this.
    pub fn promising(self, promises: Promises) -> Self {
        Self { promises, ..self }
    }

    /// The system takes the event and stores it, with this sequence in lane `normal`.
    pub fn emitted(self, producer: &str, marker: &str, sequence: u64) -> Self {
        self.emitted_but_lost(producer, marker, sequence)
            .and_stored(stored(producer, marker, sequence))
    }

    /// The producer takes the event, and it is never seen again.
    pub fn emitted_but_lost(self, producer: &str, marker: &str, sequence: u64) -> Self {
        let end = emit(producer, marker, Some(sequence));
        self.operation(producer, emit(producer, marker, None), Phase::Ok, end)
    }

    /// As [`Self::emitted`] for many events with the next sequences of the producer.
    pub fn emitted_many(mut self, producer: &str, count: u64) -> Self {
        for _ in 0..count {
            let sequence = self.sequences.entry(producer.into()).or_insert(0);
            *sequence += 1;
            let sequence = *sequence;
            self = self.emitted(producer, &format!("{producer}-{sequence}"), sequence);
        }
        self
    }

    /// The producer takes an urgent event. A step must say where it stands in the system.
    pub fn urgent(self, producer: &str, marker: &str) -> Self {
        let urgent = |action| match action {
            Action::Emit(emit) => Action::Emit(Emit { urgent: true, ..emit }),
            other => other,
        };
        let begin = urgent(emit(producer, marker, None));
        self.operation(producer, begin, Phase::Ok, urgent(emit(producer, marker, Some(1))))
    }

    /// The producer refuses the event.
    pub fn refused(self, producer: &str, marker: &str) -> Self {
        let action = emit(producer, marker, None);
        self.operation(producer, action.clone(), Phase::Fail, action)
    }

    /// Nobody knows whether the producer took the event.
    pub fn indeterminate(self, producer: &str, marker: &str) -> Self {
        let action = emit(producer, marker, None);
        self.operation(producer, action.clone(), Phase::Indeterminate, action)
    }

    /// The producer never answers.
    pub fn unanswered(mut self, producer: &str, marker: &str) -> Self {
        self.begin(producer, emit(producer, marker, None));
        self
    }

    /// A probe ends so. If ok, it is stored.
    pub fn probe(self, producer: &str, marker: &str, sequence: u64, phase: Phase) -> Self {
        let receipt = (phase == Phase::Ok).then_some(sequence);
        let begin = probe(emit(producer, marker, None));
        let end = probe(emit(producer, marker, receipt));
        let probed = self.operation(producer, begin, phase, end);
        match phase {
            Phase::Ok => probed.and_stored(stored(producer, marker, sequence)),
            _ => probed,
        }
    }

    /// A probe that the producer never answers.
    pub fn unanswered_probe(mut self, producer: &str, marker: &str) -> Self {
        self.begin(producer, probe(emit(producer, marker, None)));
        self
    }

    /// This event stands in the system too, last.
    pub fn and_stored(mut self, event: StoredEvent) -> Self {
        self.stored.push(event);
        self
    }

    /// Changes what stands in the system.
    pub fn tampered(mut self, change: impl FnOnce(&mut Vec<StoredEvent>)) -> Self {
        change(&mut self.stored);
        self
    }

    /// Everything that is stored is read.
    pub fn read_back(self) -> Self {
        let events = self.stored.clone();
        let begin = Action::Read { events: Vec::new(), error: None };
        self.operation("harness", begin, Phase::Ok, Action::Read { events, error: None })
    }

    /// A read that fails.
    pub fn read_failed(self) -> Self {
        let read = |error| Action::Read { events: Vec::new(), error };
        let failed = read(Some("connection refused".into()));
        self.operation("harness", read(None), Phase::Fail, failed)
    }

    /// A fault that is healed after some milliseconds.
    pub fn fault(mut self, kind: &str, target: &str, milliseconds: u64, parts: &[&str]) -> Self {
        let action = fault(kind, target, parts);
        let operation = self.begin("nemesis", action.clone());
        self.now += (milliseconds - 10) * MILLISECOND;
        self.end("nemesis", operation, Phase::Ok, action);
        self
    }

    /// A fault whose healing is not in the history.
    pub fn fault_never_healed(mut self, kind: &str, target: &str, parts: &[&str]) -> Self {
        self.begin("nemesis", fault(kind, target, parts));
        self
    }

    /// A fault that lasts until [`Self::fault_ends`] names its target.
    pub fn fault_begins(mut self, kind: &str, target: &str, detail: &str, parts: &[&str]) -> Self {
        let Action::Fault(mut planned) = fault(kind, target, parts) else {
            unreachable!("a fault's action is a fault");
        };
        planned.detail = detail.into();
        let action = Action::Fault(planned);
        let operation = self.begin("nemesis", action.clone());
        self.open_faults.insert(target.into(), (operation, action));
        self
    }

    /// The fault that began on this target is healed.
    pub fn fault_ends(mut self, target: &str) -> Self {
        let (operation, action) = self.open_faults.remove(target).expect("a fault that began");
        self.end("nemesis", operation, Phase::Ok, action);
        self
    }

    /// A `kill` fault: the part is killed and started again. Says nothing of readiness.
    pub fn killed_and_started(mut self, part: &str) -> Self {
        let action = fault("kill", part, &[part]);
        let operation = self.begin("nemesis", action.clone());
        self = self.part(part, PartState::Killed).after(990).part(part, PartState::Started);
        self.end("nemesis", operation, Phase::Ok, action);
        self
    }

    /// A caller calls what holds 2 calls and fills in 2 s, and is admitted, or sent away for so many
    /// seconds.
    pub fn call(self, caller: &str, sent_away: Option<u64>) -> Self {
        let call =
            |wait| Action::Call(Call { caller: caller.into(), holds: 2, fills_in: 2000, wait });
        let phase = if sent_away.is_some() { Phase::Fail } else { Phase::Ok };
        self.operation(caller, call(None), phase, call(sent_away))
    }

    /// A part calls another, which ends so.
    pub fn attempt(self, caller: &str, call: &str, phase: Phase) -> Self {
        let action = attempt(caller, call);
        self.operation(caller, action.clone(), phase, action)
    }

    /// A part's call that is refused, and told to wait for so many seconds.
    pub fn refused_attempt(self, caller: &str, call: &str, wait: u64) -> Self {
        let begun = Attempt::new(caller, call);
        let ended = Attempt { wait: Some(wait), ..begun.clone() };
        self.operation(caller, Action::Attempt(begun), Phase::Fail, Action::Attempt(ended))
    }

    /// A part's call that is never answered.
    pub fn unanswered_attempt(mut self, caller: &str, call: &str) -> Self {
        self.begin(caller, attempt(caller, call));
        self
    }

    /// A part says that its breaker is so.
    pub fn breaker(self, part: &str, breaker: &str, state: BreakerState) -> Self {
        self.noted(Action::Breaker { part: part.into(), breaker: breaker.into(), state })
    }

    /// A part changes its state.
    pub fn part(self, part: &str, state: PartState) -> Self {
        let detail = match state {
            PartState::Exited => "exit code 1",
            _ => "",
        };
        self.noted(Action::Part { part: part.into(), state, detail: detail.into() })
    }

    /// A part does not answer when it is asked whether it is ready.
    pub fn silent(self, part: &str) -> Self {
        let (part, detail) = (part.into(), NO_ANSWER.into());
        self.noted(Action::Part { part, state: PartState::Unready, detail })
    }

    /// A part starts and is ready.
    pub fn ready(self, part: &str) -> Self {
        self.part(part, PartState::Started).part(part, PartState::Ready)
    }

    /// The run enters a stage.
    pub fn stage(self, stage: Stage) -> Self {
        self.noted(Action::Stage { stage })
    }

    /// A part says how many events it holds.
    pub fn backlog(self, part: &str, events: u64) -> Self {
        self.noted(Action::Backlog { part: part.into(), events })
    }

    /// A part is seen with so many bytes resident, never more until then, and so many open files.
    pub fn resources(self, part: &str, resident_bytes: u64, open_files: u64) -> Self {
        self.takes(part, resident_bytes, 0, open_files)
    }

    /// As [`Self::resources`], with so many bytes in its files.
    pub fn takes(self, part: &str, resident_bytes: u64, disk_bytes: u64, open_files: u64) -> Self {
        self.noted(Action::Resources {
            part: part.into(),
            resident_bytes,
            peak_resident_bytes: resident_bytes,
            open_files,
            disk_bytes,
        })
    }

    /// Time passes.
    pub fn after(mut self, milliseconds: u64) -> Self {
        self.now += milliseconds * MILLISECOND;
        self
    }

    fn noted(mut self, action: Action) -> Self {
        let operation = self.next_operation;
        self.next_operation += 1;
        self.end("harness", operation, Phase::Ok, action);
        self
    }

    fn operation(mut self, process: &str, begin: Action, phase: Phase, end: Action) -> Self {
        let operation = self.begin(process, begin);
        self.end(process, operation, phase, end);
        self
    }

    fn begin(&mut self, process: &str, action: Action) -> u64 {
        let operation = self.next_operation;
        self.next_operation += 1;
        self.end(process, operation, Phase::Invoke, action);
        operation
    }

    fn end(&mut self, process: &str, operation: u64, phase: Phase, action: Action) {
        self.now += 10 * MILLISECOND;
        self.entries.push(Entry {
            at: self.now,
            process: process.into(),
            operation,
            phase,
            action,
        });
    }
}

fn probe(action: Action) -> Action {
    match action {
        Action::Emit(emit) => Action::Emit(Emit { probe: true, ..emit }),
        other => other,
    }
}

fn attempt(caller: &str, call: &str) -> Action {
    Action::Attempt(Attempt::new(caller, call))
}

fn fault(kind: &str, target: &str, parts: &[&str]) -> Action {
    Action::Fault(Fault {
        kind: kind.into(),
        target: target.into(),
        detail: String::new(),
        parts: parts.iter().map(ToString::to_string).collect(),
    })
}
