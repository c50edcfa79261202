//! Words for findings: which event, when, beside which fault.

use std::collections::BTreeMap;

use crate::finding::{Finding, Severity};
use crate::history::{EmitView, FaultView};

/// How many events a finding names. Its evidence says how many there are.
const NAMED: usize = 20;

/// A moment of the run, as a person reads it.
pub fn moment(nanoseconds: u64) -> String {
    let milliseconds = nanoseconds / 1_000_000;
    format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
}

/// An emitted event by every name that it has, with when it was emitted and what went on then.
pub fn name_emit(emit: &EmitView<'_>, faults: &[FaultView<'_>]) -> String {
    let lane_and_sequence = emit.receipt().and_then(|receipt| {
        let sequence = receipt.sequence?;
        let lane = receipt.lane.as_deref().unwrap_or("its only lane");
        Some(format!("{lane} #{sequence}, "))
    });
    format!(
        "{} ({}{}), emitted at {}{}",
        emit.emit.marker,
        lane_and_sequence.unwrap_or_default(),
        emit.emit.kind,
        moment(emit.began),
        circumstances(emit, faults)
    )
}

/// The faults during which an event was emitted. If none of them concerns its producer, also the
/// next one that does, for that is when a buffer is lost.
fn circumstances(emit: &EmitView<'_>, faults: &[FaultView<'_>]) -> String {
    let producer = emit.emit.producer.as_str();
    let during: Vec<&FaultView<'_>> =
        faults.iter().filter(|fault| fault.covers(emit.began)).collect();
    let names: Vec<String> = during.iter().map(|fault| name_fault(fault)).collect();
    let mut text = match names.as_slice() {
        [] => String::new(),
        names => format!(", during {}", names.join(" and ")),
    };
    let ahead = |fault: &&FaultView<'_>| fault.began > emit.began && fault.concerns(producer);
    if !during.iter().any(|fault| fault.concerns(producer))
        && let Some(next) = faults.iter().find(ahead)
    {
        let distance = moment(next.began - emit.began);
        text.push_str(&format!(", {distance} before {}", name_fault(next)));
    }
    text
}

/// A fault by what it does and to what.
pub fn name_fault(fault: &FaultView<'_>) -> String {
    format!("{} of {}", fault.fault.kind, fault.fault.target)
}

/// Things of one kind that are wrong, gathered by place: one finding a place. Only those that the
/// finding names are kept.
pub struct Wrongs<T> {
    by_place: BTreeMap<String, (Vec<T>, usize)>,
}

impl<T> Wrongs<T> {
    /// None yet.
    pub fn new() -> Self {
        Self { by_place: BTreeMap::new() }
    }

    /// One more, which is made if it is kept.
    pub fn add(&mut self, place: &str, wrong: impl FnOnce() -> T) {
        if !self.by_place.contains_key(place) {
            self.by_place.insert(place.into(), (Vec::new(), 0));
        }
        if let Some((kept, count)) = self.by_place.get_mut(place) {
            *count += 1;
            if kept.len() < NAMED {
                kept.push(wrong());
            }
        }
    }

    /// Those that are kept.
    pub fn kept(&self) -> impl Iterator<Item = &T> {
        self.by_place.values().flat_map(|(kept, _)| kept)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.by_place.values().map(|(_, count)| *count as u64).sum()
    }

    /// The findings: `what` says it of a number of events, `name` names one.
    pub fn findings(
        &self,
        id: &str,
        advice: &str,
        what: impl Fn(usize) -> String,
        name: impl Fn(&T) -> String,
    ) -> Vec<Finding> {
        let finding = |(place, (kept, count)): (&String, &(Vec<T>, usize))| Finding {
            id: id.into(),
            severity: Severity::Error,
            place: place.clone(),
            evidence: list(&what(*count), kept, *count, &name),
            advice: advice.into(),
        };
        self.by_place.iter().map(finding).collect()
    }
}

/// "1 event is" or "3 events are".
pub fn events_are(count: usize) -> String {
    match count {
        1 => "1 event is".into(),
        _ => format!("{count} events are"),
    }
}

fn list<T>(what: &str, kept: &[T], count: usize, name: impl Fn(&T) -> String) -> String {
    let mut text = format!("{what}:");
    for wrong in kept {
        text.push_str("\n- ");
        text.push_str(&name(wrong));
    }
    if count > kept.len() {
        text.push_str(&format!("\n- and {} more", count - kept.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::build::HistoryBuilder;

    #[test]
    fn an_event_is_named_with_the_faults_around_it() {
        let history = HistoryBuilder::new()
            .fault_begins("latency", "link-2", "", &[])
            .emitted_but_lost("agent-1", "m-1", 1)
            .fault_ends("link-2")
            .fault_begins("cut", "link-1", "", &["agent-1"])
            .emitted_but_lost("agent-1", "m-2", 2)
            .fault_ends("link-1")
            .emitted_but_lost("agent-1", "m-3", 3)
            .finish();
        let faults = history.faults();
        let names: Vec<String> =
            history.emits().iter().map(|emit| name_emit(emit, &faults)).collect();
        assert!(names[0].ends_with(", during latency of link-2, 0.030 s before cut of link-1"));
        assert!(names[1].ends_with(", during cut of link-1"));
        assert!(names[2].ends_with("emitted at 0.090 s"), "{}", names[2]);
    }
}
