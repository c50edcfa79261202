//! What most checkers must know of a history before they go through it: its faults, its final
//! read, and how much there is of everything.

use std::collections::HashMap;
use std::slice::Chunks;

use crate::history::{Action, Entries, Entry, Fault, FaultView, Phase, Stage, StoredEvent};

/// How many events of a read are looked at together.
const TOGETHER: usize = 256;

/// The final read: the last one that succeeded.
#[derive(Clone, Copy, Debug)]
pub struct FinalRead {
    operation: u64,
    /// When it began.
    pub began: u64,
    /// How many events it brought.
    pub events: usize,
}

/// A fault, with when it began, and when and how it ended.
#[derive(Debug)]
struct KnownFault {
    operation: u64,
    fault: Fault,
    began: u64,
    end: Option<(u64, Phase)>,
}

/// What was gathered in one pass.
#[derive(Debug, Default)]
pub struct Facts {
    faults: Vec<KnownFault>,
    reads: HashMap<u64, (u64, usize)>,
    /// The final read, if there is one.
    pub read: Option<FinalRead>,
    unread: Option<String>,
    /// How many events were given to producers.
    pub emits: usize,
    /// When the last was given to one, or its end was known.
    emitted: u64,
    /// When judgement began.
    pub judged: Option<u64>,
    /// The last entry's time.
    pub ended: u64,
}

impl Facts {
    /// Those of a history.
    pub fn of(history: &dyn Entries) -> Self {
        let mut facts = Self::default();
        history.each(&mut |entry| facts.observe(entry));
        facts
    }

    fn observe(&mut self, entry: &Entry) {
        self.ended = entry.at;
        match &entry.action {
            Action::Emit(_) => {
                self.emits += usize::from(entry.phase == Phase::Invoke);
                self.emitted = entry.at;
            }
            Action::Fault(fault) => {
                let operation = entry.operation;
                let mut known = self.faults.iter_mut().rev();
                let known = known.find(|known| known.operation == operation);
                let end = (entry.phase != Phase::Invoke).then_some((entry.at, entry.phase));
                match known {
                    Some(known) => known.end = known.end.or(end),
                    None => {
                        let (fault, began) = (fault.clone(), entry.at);
                        self.faults.push(KnownFault { operation, fault, began, end });
                    }
                }
            }
            Action::Read { events, error } => self.reads(entry, events.len(), error.as_deref()),
            Action::Stage { stage: Stage::Judge } => {
                self.judged.get_or_insert(entry.at);
            }
            _ => {}
        }
    }

    /// A read's events come with its end, or in pages before it.
    fn reads(&mut self, entry: &Entry, events: usize, error: Option<&str>) {
        let read = self.reads.entry(entry.operation).or_insert((entry.at, 0));
        read.1 += events;
        if entry.phase == Phase::Ok {
            let (began, events) = *read;
            self.read = Some(FinalRead { operation: entry.operation, began, events });
        }
        self.unread = error.map(str::to_owned).or(self.unread.take());
    }

    /// Whether every event was given in, and its end known, before the final read began. Then one
    /// pass knows all of an event that is read when it comes.
    pub fn emitted_before(&self, read: &FinalRead) -> bool {
        self.emitted < read.began
    }

    /// Every fault, in the order of injection.
    pub fn faults(&self) -> Vec<FaultView<'_>> {
        let view = |known| {
            let KnownFault { fault, began, end, .. }: &KnownFault = known;
            let phase = end.map_or(Phase::Indeterminate, |(_, phase)| phase);
            FaultView { fault, began: *began, ended: end.map(|(at, _)| at), phase }
        };
        self.faults.iter().map(view).collect()
    }

    /// Why there is no final read, in words.
    pub fn why_unread(&self) -> String {
        let never = "what the system holds was never read back";
        let error = self.unread.as_deref();
        error.map_or_else(|| never.to_owned(), |error| format!("{never}: {error}"))
    }
}

impl FinalRead {
    /// Looks at every event that it brought, in the system's order.
    pub fn each(&self, history: &dyn Entries, mut look: impl FnMut(&StoredEvent)) {
        history.each(&mut |entry| self.events_in(entry).iter().for_each(&mut look));
    }

    /// The events that it brought with this entry, some at a time: few enough that what is known
    /// of all of them fits into the cache.
    pub fn some_in<'a>(&self, entry: &'a Entry) -> Chunks<'a, StoredEvent> {
        self.events_in(entry).chunks(TOGETHER)
    }

    /// The events that it brought with this entry: none with most.
    pub fn events_in<'a>(&self, entry: &'a Entry) -> &'a [StoredEvent] {
        match &entry.action {
            Action::Read { events, .. } if entry.operation == self.operation => events,
            _ => &[],
        }
    }
}
