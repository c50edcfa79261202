//! A whole history, and what checkers ask of it. Every view is one pass over the entries.

use std::collections::HashMap;
use std::sync::Arc;

use super::{
    Action, Attempt, BreakerState, Call, Emit, Entry, Fault, Header, PartState, Phase, Receipt,
    Stage, StoredEvent,
};

/// What happened in one run, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    header: Header,
    entries: Vec<Arc<Entry>>,
    cut_off: Option<u64>,
}

/// An emit with its beginning and its end joined. Times are nanoseconds since the run began.
#[derive(Clone, Copy, Debug)]
pub struct EmitView<'a> {
    /// The event, as completed by the end if there is one.
    pub emit: &'a Emit,
    /// When it was proposed to the producer.
    pub began: u64,
    /// When the producer answered, if it did.
    pub ended: Option<u64>,
    /// How it ended; indeterminate if it never did.
    pub phase: Phase,
}

impl EmitView<'_> {
    /// What the producer answered when it took the event.
    pub fn receipt(&self) -> Option<&Receipt> {
        self.emit.receipt.as_ref()
    }
}

/// A call with its beginning and its end joined. Times are nanoseconds since the run began.
#[derive(Clone, Copy, Debug)]
pub struct CallView<'a> {
    /// The call, as completed by the end if there is one.
    pub call: &'a Call,
    /// When it was made.
    pub began: u64,
    /// When it was answered, if it was.
    pub ended: Option<u64>,
    /// Ok if admitted, fail if sent away, indeterminate if nobody knows.
    pub phase: Phase,
}

/// A fault and the time that it lasted, in nanoseconds since the run began.
#[derive(Clone, Copy, Debug)]
pub struct FaultView<'a> {
    /// What was disturbed and how.
    pub fault: &'a Fault,
    /// When it was injected.
    pub began: u64,
    /// When it was healed, if it was.
    pub ended: Option<u64>,
    /// Ok if healed, fail if it could not be injected, indeterminate if its end is not known.
    pub phase: Phase,
}

impl FaultView<'_> {
    /// Whether it was there at a moment.
    pub fn covers(&self, at: u64) -> bool {
        self.phase != Phase::Fail && self.began <= at && self.ended.is_none_or(|end| at <= end)
    }

    /// Whether it hits a part, or a part must come back by itself after it.
    pub fn concerns(&self, part: &str) -> bool {
        self.fault.target == part || self.fault.parts.iter().any(|named| named == part)
    }
}

/// A read that succeeded. Times are nanoseconds since the run began.
#[derive(Clone, Copy, Debug)]
pub struct ReadView<'a> {
    /// What the system held, in its own order.
    pub events: &'a [StoredEvent],
    /// When the read began. What was emitted later need not be in it.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
}

/// A part's change of state.
#[derive(Clone, Copy, Debug)]
pub struct PartChange<'a> {
    /// When, in nanoseconds since the run began.
    pub at: u64,
    /// The part.
    pub part: &'a str,
    /// What it is from now on.
    pub state: PartState,
    /// Why.
    pub detail: &'a str,
}

/// What a part took from the machine at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceSample<'a> {
    /// When, in nanoseconds since the run began.
    pub at: u64,
    /// The part.
    pub part: &'a str,
    /// Memory that was resident, in bytes.
    pub resident_bytes: u64,
    /// The most that was resident until then in this life of the part, in bytes.
    pub peak_resident_bytes: u64,
    /// Open file descriptors.
    pub open_files: u64,
}

/// A stage and the time that it lasted, in nanoseconds since the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageView {
    /// Which one.
    pub stage: Stage,
    /// When the run entered it.
    pub began: u64,
    /// When the run entered the next one, or the last entry's time.
    pub ended: u64,
}

/// An operation's entries: the first that names it, and its end if there is one.
struct Joined<'a> {
    first: &'a Entry,
    end: Option<&'a Entry>,
}

impl Joined<'_> {
    fn phase(&self) -> Phase {
        self.end.map_or(Phase::Indeterminate, |end| end.phase)
    }

    fn ended(&self) -> Option<u64> {
        self.end.map(|end| end.at)
    }
}

impl History {
    /// A history of these entries.
    pub fn new(header: Header, entries: impl IntoIterator<Item = Entry>) -> Self {
        Self::of_parts(header, entries.into_iter().map(Arc::new).collect(), None)
    }

    pub(super) fn of_parts(header: Header, entries: Vec<Arc<Entry>>, cut_off: Option<u64>) -> Self {
        Self { header, entries, cut_off }
    }

    /// Which run this is of.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The number of the last line of its file, if that line was cut off and left out.
    pub fn cut_off(&self) -> Option<u64> {
        self.cut_off
    }

    /// Everything, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(Arc::as_ref)
    }

    /// The last entry's time, in nanoseconds since the run began.
    pub fn duration(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.at)
    }

    /// Every emit, in the order of beginnings.
    pub fn emits(&self) -> Vec<EmitView<'_>> {
        let joined = self.joined(|action| matches!(action, Action::Emit(_)));
        joined
            .iter()
            .filter_map(|operation| {
                let Action::Emit(emit) = &operation.end.unwrap_or(operation.first).action else {
                    return None;
                };
                Some(EmitView {
                    emit,
                    began: operation.first.at,
                    ended: operation.ended(),
                    phase: operation.phase(),
                })
            })
            .collect()
    }

    /// Every call to what is limited, in the order of beginnings.
    pub fn calls(&self) -> Vec<CallView<'_>> {
        let joined = self.joined(|action| matches!(action, Action::Call(_)));
        joined
            .iter()
            .filter_map(|operation| {
                let Action::Call(call) = &operation.end.unwrap_or(operation.first).action else {
                    return None;
                };
                Some(CallView {
                    call,
                    began: operation.first.at,
                    ended: operation.ended(),
                    phase: operation.phase(),
                })
            })
            .collect()
    }

    /// Every fault, in the order of injection.
    pub fn faults(&self) -> Vec<FaultView<'_>> {
        let joined = self.joined(|action| matches!(action, Action::Fault(_)));
        joined
            .iter()
            .filter_map(|operation| {
                let Action::Fault(fault) = &operation.first.action else {
                    return None;
                };
                Some(FaultView {
                    fault,
                    began: operation.first.at,
                    ended: operation.ended(),
                    phase: operation.phase(),
                })
            })
            .collect()
    }

    /// The last read that succeeded.
    pub fn final_read(&self) -> Option<ReadView<'_>> {
        let joined = self.joined(|action| matches!(action, Action::Read { .. }));
        joined.iter().rev().find_map(|operation| {
            let end = operation.end.filter(|end| end.phase == Phase::Ok)?;
            let Action::Read { events, .. } = &end.action else {
                return None;
            };
            Some(ReadView { events, began: operation.first.at, ended: end.at })
        })
    }

    /// Why there is no read that succeeded, in words.
    pub fn why_unread(&self) -> String {
        let joined = self.joined(|action| matches!(action, Action::Read { .. }));
        let error = joined.iter().rev().find_map(|operation| match &operation.end?.action {
            Action::Read { error, .. } => error.as_deref(),
            _ => None,
        });
        let never = "what the system holds was never read back";
        error.map_or_else(|| never.to_owned(), |error| format!("{never}: {error}"))
    }

    /// Every part's changes of state, in order.
    pub fn part_changes(&self) -> impl Iterator<Item = PartChange<'_>> {
        self.entries().filter_map(|entry| match &entry.action {
            Action::Part { part, state, detail } => {
                Some(PartChange { at: entry.at, part, state: *state, detail })
            }
            _ => None,
        })
    }

    /// The ends of the calls of parts to each other: when (nanoseconds), how, and which.
    pub fn attempts_ended(&self) -> impl Iterator<Item = (u64, Phase, &Attempt)> {
        self.entries().filter_map(|entry| match &entry.action {
            Action::Attempt(attempt) if entry.phase != Phase::Invoke => {
                Some((entry.at, entry.phase, attempt))
            }
            _ => None,
        })
    }

    /// The samples of circuit breakers: when (nanoseconds), of which part, which, in what state.
    pub fn breakers(&self) -> impl Iterator<Item = (u64, &str, &str, BreakerState)> {
        self.entries().filter_map(|entry| match &entry.action {
            Action::Breaker { part, breaker, state } => {
                Some((entry.at, &**part, &**breaker, *state))
            }
            _ => None,
        })
    }

    /// The samples of how many events each part holds: when (nanoseconds), which part, events.
    pub fn backlogs(&self) -> impl Iterator<Item = (u64, &str, u64)> {
        self.entries().filter_map(|entry| match &entry.action {
            Action::Backlog { part, events } => Some((entry.at, part.as_str(), *events)),
            _ => None,
        })
    }

    /// The samples of what each part takes from the machine, in order.
    pub fn resources(&self) -> impl Iterator<Item = ResourceSample<'_>> {
        self.entries().filter_map(|entry| match &entry.action {
            Action::Resources { part, resident_bytes, peak_resident_bytes, open_files, .. } => {
                Some(ResourceSample {
                    at: entry.at,
                    part,
                    resident_bytes: *resident_bytes,
                    peak_resident_bytes: *peak_resident_bytes,
                    open_files: *open_files,
                })
            }
            _ => None,
        })
    }

    /// The stages that the run went through.
    pub fn stages(&self) -> Vec<StageView> {
        let mut stages: Vec<StageView> = Vec::new();
        for entry in self.entries() {
            if let Action::Stage { stage } = entry.action {
                if let Some(last) = stages.last_mut() {
                    last.ended = entry.at;
                }
                stages.push(StageView { stage, began: entry.at, ended: self.duration() });
            }
        }
        stages
    }

    /// Joins the entries of operations of one kind. An end without a beginning stands for both.
    fn joined(&self, kind: impl Fn(&Action) -> bool) -> Vec<Joined<'_>> {
        let mut operations: Vec<Joined<'_>> = Vec::new();
        let mut places: HashMap<u64, usize> = HashMap::new();
        for entry in self.entries().filter(|entry| kind(&entry.action)) {
            let end = (entry.phase != Phase::Invoke).then_some(entry);
            let place = *places.entry(entry.operation).or_insert_with(|| {
                operations.push(Joined { first: entry, end: None });
                operations.len() - 1
            });
            let operation = &mut operations[place];
            operation.end = operation.end.or(end);
        }
        operations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::build::HistoryBuilder;

    #[test]
    fn an_emit_without_an_end_is_indeterminate() {
        let history = HistoryBuilder::new()
            .emitted("agent-1", "m-1", 1)
            .unanswered("agent-1", "m-2")
            .finish();
        let phases: Vec<Phase> = history.emits().iter().map(|emit| emit.phase).collect();
        assert_eq!(phases, [Phase::Ok, Phase::Indeterminate]);
        assert_eq!(history.emits()[1].ended, None);
    }

    #[test]
    fn a_fault_is_an_interval() {
        let history = HistoryBuilder::new().fault("cut", "link-1", 1_000, &["agent-1"]).finish();
        let faults = history.faults();
        let (began, ended) = (faults[0].began, faults[0].ended.unwrap());
        assert_eq!(ended - began, 1_000_000_000);
        assert!(faults[0].covers(began) && faults[0].covers(ended));
        assert!(!faults[0].covers(began - 1) && !faults[0].covers(ended + 1));
        assert!(faults[0].concerns("agent-1") && !faults[0].concerns("agent-2"));
    }

    #[test]
    fn the_final_read_is_the_last_that_succeeded() {
        let history =
            HistoryBuilder::new().emitted("agent-1", "m-1", 1).read_back().read_failed().finish();
        assert_eq!(history.final_read().unwrap().events.len(), 1);
        assert!(HistoryBuilder::new().read_failed().finish().final_read().is_none());
    }

    #[test]
    fn stages_follow_each_other() {
        let history = HistoryBuilder::new()
            .stage(Stage::Disturb)
            .emitted("agent-1", "m-1", 1)
            .stage(Stage::Heal)
            .finish();
        let stages = history.stages();
        assert_eq!(stages[0].ended, stages[1].began);
        assert_eq!(stages[1].ended, history.duration());
    }
}
