//! Every part came back by itself, and afterwards the whole still works.
//!
//! A part is in the state that it last changed to. It must have been ready once, must be ready
//! when judgement begins, and must never have ended unasked. Then a fresh event for every
//! producer, the probe, must go all the way to the final read. What parts do after judgement has
//! begun (the environment is being ended) does not count. A producer that does not take a probe
//! may be given another: one that it takes is enough.

use std::collections::{BTreeMap, HashSet};

use super::evidence::{moment, name_fault};
use super::facts::Facts;
use super::{Outcome, Verdict};
use crate::finding::{Finding, Severity};
use crate::history::{Action, Emit, Entries, Entry, FaultView, PartState, Phase};

const CHECKER: &str = "recovery";

/// Judges recovery. Goes through the history three times, and holds what parts and probes did.
pub fn check(history: &dyn Entries) -> Verdict {
    let facts = Facts::of(history);
    let faults: Vec<FaultView<'_>> =
        facts.faults().into_iter().filter(|fault| fault.phase != Phase::Fail).collect();
    let healed = faults.iter().map(|fault| fault.ended).max().flatten();
    let mut seen = Seen::new(&faults, facts.judged.unwrap_or(u64::MAX), healed.unwrap_or(0));
    history.each(&mut |entry| seen.observe(entry));
    let mut judgement = Judgement::default();
    for (name, changes) in &seen.parts {
        judgement.look_at_part(name, changes, &faults);
    }
    let mut arrived = HashSet::new();
    if let Some(read) = facts.read.filter(|_| !seen.markers.is_empty()) {
        read.each(history, |event| {
            let marker = event.marker.as_deref().filter(|marker| seen.markers.contains(*marker));
            arrived.extend(marker.map(str::to_owned));
        });
    }
    let stored = facts.read.map(|read| (read.began, arrived));
    judgement.look_at_probes(&seen.probes, &faults, stored.as_ref());
    judgement.verdict(seen.parts.len(), faults.len())
}

/// A part's change of state.
struct Change {
    at: u64,
    state: PartState,
    detail: String,
}

/// A probe, with how it ended.
struct Probe {
    operation: u64,
    marker: String,
    began: u64,
    ended: Option<u64>,
    phase: Phase,
    error: Option<String>,
}

/// What the parts and the probes did.
struct Seen {
    judged: u64,
    healed: u64,
    /// Every part that changed its state or that a fault says must come back.
    parts: BTreeMap<String, Vec<Change>>,
    /// The probes after the last fault of everybody who was given events.
    probes: BTreeMap<String, Vec<Probe>>,
    markers: HashSet<String>,
}

impl Seen {
    fn new(faults: &[FaultView<'_>], judged: u64, healed: u64) -> Self {
        let named = faults.iter().flat_map(|fault| &fault.fault.parts);
        let parts = named.map(|part| (part.clone(), Vec::new())).collect();
        Self { judged, healed, parts, probes: BTreeMap::new(), markers: HashSet::new() }
    }

    fn observe(&mut self, entry: &Entry) {
        match &entry.action {
            Action::Part { part, state, detail } if entry.at <= self.judged => {
                let change = Change { at: entry.at, state: *state, detail: detail.clone() };
                self.parts.entry(part.clone()).or_default().push(change);
            }
            Action::Emit(emit) => {
                if !self.probes.contains_key(&emit.producer) {
                    self.probes.insert(emit.producer.clone(), Vec::new());
                }
                if emit.probe {
                    self.probe(entry, emit);
                }
            }
            _ => {}
        }
    }

    fn probe(&mut self, entry: &Entry, emit: &Emit) {
        let Some(probes) = self.probes.get_mut(&emit.producer) else { return };
        if let Some(known) = probes.iter_mut().find(|known| known.operation == entry.operation) {
            (known.ended, known.phase) = (Some(entry.at), entry.phase);
            known.error.clone_from(&emit.error);
        } else if entry.at >= self.healed {
            self.markers.insert(emit.marker.clone());
            probes.push(Probe {
                operation: entry.operation,
                marker: emit.marker.clone(),
                began: entry.at,
                ended: None,
                phase: Phase::Indeterminate,
                error: None,
            });
        }
    }
}

/// What was found until now.
#[derive(Default)]
struct Judgement {
    findings: Vec<Finding>,
    doubts: Vec<String>,
    kills: u64,
    probes: u64,
    longest_unready: u64,
}

impl Judgement {
    fn look_at_part(&mut self, name: &str, changes: &[Change], faults: &[FaultView<'_>]) {
        self.measure(changes);
        self.look_for_exits(name, changes, faults);
        let ready = |change: &Change| change.state == PartState::Ready;
        let Some(last_ready) = changes.iter().rposition(ready) else {
            self.wrong(
                "recovery.never_ready",
                name,
                "it was never ready in the whole run".into(),
                "read its log: it did not start, or its readiness call never answered",
            );
            return;
        };
        // The first change after it was last ready is when it went away for good.
        if let Some(gone) = changes.get(last_ready + 1) {
            let evidence = format!(
                "{} at {}{}{}, and not ready again until judgement",
                word(gone.state),
                moment(gone.at),
                reason(gone),
                cause(name, gone.at, faults),
            );
            self.wrong(
                "recovery.not_ready",
                name,
                evidence,
                "let the part retry until what it needs is back, instead of giving up or hanging",
            );
        }
    }

    /// A part that exits once it was killed has died once, seen twice.
    fn look_for_exits(&mut self, name: &str, changes: &[Change], faults: &[FaultView<'_>]) {
        let mut before = None;
        for change in changes {
            if change.state == PartState::Exited && before != Some(PartState::Killed) {
                let evidence = format!(
                    "it ended at {}{}{} although nobody asked it to",
                    moment(change.at),
                    reason(change),
                    cause(name, change.at, faults),
                );
                self.wrong(
                    "recovery.exited",
                    name,
                    evidence,
                    "an outage of what a part needs must not end it: let it retry",
                );
            }
            before = Some(change.state);
        }
    }

    fn measure(&mut self, changes: &[Change]) {
        let mut gone: Option<u64> = None;
        let mut was_ready = false;
        for change in changes {
            self.kills += u64::from(change.state == PartState::Killed);
            if change.state == PartState::Ready {
                let unready = gone.take().map_or(0, |since| change.at - since);
                self.longest_unready = self.longest_unready.max(unready);
                was_ready = true;
            } else if was_ready {
                gone.get_or_insert(change.at);
            }
        }
    }

    fn look_at_probes(
        &mut self,
        probes: &BTreeMap<String, Vec<Probe>>,
        faults: &[FaultView<'_>],
        stored: Option<&(u64, HashSet<String>)>,
    ) {
        if let Some(open) = faults.iter().find(|fault| fault.ended.is_none()) {
            let fault = name_fault(open);
            self.doubts.push(format!("the {fault} was never healed"));
            return;
        }
        self.probes = probes.values().map(|probes| probes.len() as u64).sum();
        if self.probes == 0 {
            self.doubts.push("nothing was probed after the last fault".into());
            return;
        }
        for (producer, probes) in probes {
            self.look_at_producer(producer, probes, stored);
        }
    }

    fn look_at_producer(
        &mut self,
        producer: &str,
        probes: &[Probe],
        stored: Option<&(u64, HashSet<String>)>,
    ) {
        let taken = |probe: &&Probe| probe.phase == Phase::Ok;
        for probe in probes.iter().filter(taken) {
            self.look_at_taken(producer, probe, stored);
        }
        if probes.iter().any(|probe| taken(&probe)) {
            return;
        }
        let Some(last) = probes.last() else {
            self.doubts.push(format!("{producer} was not probed"));
            return;
        };
        if last.ended.is_none() {
            self.doubts.push(format!("the probe of {producer} never ended"));
            return;
        }
        let error = last.error.as_deref().unwrap_or("it gave no reason");
        self.wrong(
            "recovery.probe_failed",
            producer,
            format!(
                "none of {} probes was taken; the last, of {}: {error}",
                probes.len(),
                moment(last.began)
            ),
            "read this part's log from the drain on: it runs but takes no events",
        );
    }

    fn look_at_taken(
        &mut self,
        producer: &str,
        probe: &Probe,
        stored: Option<&(u64, HashSet<String>)>,
    ) {
        let Some((read_began, markers)) = stored else {
            self.doubts.push("what the system holds was never read back".into());
            return;
        };
        if markers.contains(&probe.marker) {
            return;
        }
        if probe.ended.is_none_or(|ended| ended > *read_began) {
            self.doubts.push(format!("nothing was read back after the probe of {producer}"));
            return;
        }
        self.wrong(
            "recovery.probe_lost",
            producer,
            format!(
                "the probe {} of {} was taken but is not in the final read",
                probe.marker,
                moment(probe.began)
            ),
            "read the logs from the drain on: events are taken but go no further",
        );
    }

    fn wrong(&mut self, id: &str, place: &str, evidence: String, advice: &str) {
        self.findings.push(Finding {
            id: id.into(),
            severity: Severity::Error,
            place: place.into(),
            evidence,
            advice: advice.into(),
        });
    }

    fn verdict(mut self, parts: usize, faults: usize) -> Verdict {
        self.doubts.dedup();
        let summary = match (self.findings.len(), self.doubts.len()) {
            (0, 0) => format!(
                "after {faults} faults all {parts} parts are ready again, and {} probes arrived",
                self.probes
            ),
            (0, _) => format!("nobody can tell: {}", self.doubts.join("; ")),
            (1, _) => format!("{}: {}", self.findings[0].place, self.findings[0].evidence),
            (count, _) => format!(
                "{count} things did not recover; the first, {}: {}",
                self.findings[0].place, self.findings[0].evidence
            ),
        };
        let mut verdict = Verdict::on(CHECKER, self.findings, summary).counting([
            ("parts", parts as u64),
            ("faults", faults as u64),
            ("kills", self.kills),
            ("probes", self.probes),
            ("longest_unready_ms", self.longest_unready / 1_000_000),
        ]);
        if !self.doubts.is_empty() {
            verdict.outcome = Outcome::worst([verdict.outcome, Outcome::Unknown]);
        }
        verdict
    }
}

/// The last fault that concerned a part before a moment, as the likely cause.
fn cause(part: &str, at: u64, faults: &[FaultView<'_>]) -> String {
    let last = faults.iter().rev().find(|fault| fault.began <= at && fault.concerns(part));
    last.map_or_else(String::new, |fault| {
        format!(", after {} at {}", name_fault(fault), moment(fault.began))
    })
}

fn reason(change: &Change) -> String {
    match change.detail.as_str() {
        "" => String::new(),
        detail => format!(" ({detail})"),
    }
}

fn word(state: PartState) -> &'static str {
    match state {
        PartState::Started => "started",
        PartState::Ready => "ready",
        PartState::Killed => "killed",
        PartState::Exited => "ended by itself",
        PartState::Unready => "no longer ready",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Stage;
    use crate::history::build::HistoryBuilder;

    /// A server and an agent that come through a cut and a kill, up to the drain.
    fn disturbed() -> HistoryBuilder {
        HistoryBuilder::new()
            .ready("server")
            .ready("agent-1")
            .stage(Stage::Disturb)
            .emitted_many("agent-1", 3)
            .fault("cut", "agent-1 to server", 1_000, &["agent-1"])
            .killed_and_started("server")
            .part("server", PartState::Ready)
            .stage(Stage::Drain)
    }

    fn probed(history: HistoryBuilder) -> HistoryBuilder {
        history.probe("agent-1", "probe-1", 4, Phase::Ok).read_back()
    }

    fn judged(history: HistoryBuilder) -> (Outcome, Vec<String>) {
        let verdict = check(&history.finish());
        let ids = verdict.findings.into_iter().map(|finding| finding.id);
        (verdict.outcome, ids.collect())
    }

    fn rejected(history: HistoryBuilder, id: &str) {
        assert_eq!(judged(history), (Outcome::Invalid, vec![id.to_owned()]));
    }

    #[track_caller]
    fn cannot_tell(history: HistoryBuilder, why: &str) {
        let verdict = check(&history.finish());
        assert_eq!(verdict.outcome, Outcome::Unknown);
        assert!(verdict.summary.contains(why), "{}", verdict.summary);
    }

    #[test]
    fn accepts_parts_that_came_back() {
        let verdict = check(&probed(disturbed()).finish());
        assert_eq!(verdict.outcome, Outcome::Valid, "{}", verdict.summary);
        assert_eq!(verdict.counts["kills"], 1);
        assert_eq!(verdict.counts["longest_unready_ms"], 1_020);
    }

    #[test]
    fn accepts_a_part_that_was_unready_for_a_while() {
        let history =
            disturbed().part("server", PartState::Unready).part("server", PartState::Ready);
        assert_eq!(judged(probed(history)).0, Outcome::Valid);
    }

    #[test]
    fn accepts_a_killed_part_whose_end_is_seen_too() {
        let history = disturbed()
            .part("server", PartState::Killed)
            .part("server", PartState::Exited)
            .ready("server");
        assert_eq!(judged(probed(history)).0, Outcome::Valid);
    }

    #[test]
    fn accepts_the_end_of_the_environment_after_judgement_began() {
        let history = probed(disturbed()).stage(Stage::Judge).part("server", PartState::Killed);
        assert_eq!(judged(history).0, Outcome::Valid);
    }

    #[test]
    fn rejects_a_killed_part_that_did_not_come_back() {
        let history = probed(disturbed().killed_and_started("agent-1"));
        let verdict = check(&history.finish());
        assert_eq!(verdict.outcome, Outcome::Invalid);
        assert_eq!(verdict.findings[0].id, "recovery.not_ready");
        assert_eq!(
            verdict.findings[0].evidence,
            "killed at 2.190 s, after kill of agent-1 at 2.180 s, and not ready again until judgement"
        );
    }

    #[test]
    fn accepts_a_producer_that_takes_the_second_probe() {
        let history = disturbed().probe("agent-1", "probe-0", 0, Phase::Fail);
        assert_eq!(judged(probed(history)).0, Outcome::Valid);
    }

    #[test]
    fn rejects_a_part_that_is_unready_in_the_end() {
        let history = disturbed().part("agent-1", PartState::Unready);
        rejected(probed(history), "recovery.not_ready");
    }

    #[test]
    fn rejects_a_part_that_ended_unasked_even_if_it_came_back() {
        let history = disturbed().part("agent-1", PartState::Exited).ready("agent-1");
        rejected(probed(history), "recovery.exited");
    }

    #[test]
    fn rejects_a_part_that_never_was_ready() {
        let history = disturbed().part("agent-2", PartState::Started);
        rejected(probed(history), "recovery.never_ready");
        let only_named = disturbed().fault("cut", "link", 100, &["agent-3"]);
        rejected(probed(only_named), "recovery.never_ready");
    }

    #[test]
    fn rejects_a_probe_that_was_not_taken() {
        let failed = disturbed().probe("agent-1", "probe-1", 4, Phase::Fail);
        rejected(failed.read_back(), "recovery.probe_failed");
        let unclear = disturbed().probe("agent-1", "probe-1", 4, Phase::Indeterminate);
        rejected(unclear.read_back(), "recovery.probe_failed");
    }

    #[test]
    fn rejects_a_probe_that_did_not_arrive() {
        let history = disturbed()
            .probe("agent-1", "probe-1", 4, Phase::Ok)
            .tampered(|events| events.retain(|event| event.marker.as_deref() != Some("probe-1")))
            .read_back();
        rejected(history, "recovery.probe_lost");
    }

    #[test]
    fn cannot_tell_without_a_probe_after_the_last_fault() {
        cannot_tell(disturbed().read_back(), "nothing was probed");
        let too_early = disturbed()
            .probe("agent-1", "probe-1", 4, Phase::Ok)
            .fault("cut", "agent-1 to server", 100, &[])
            .read_back();
        cannot_tell(too_early, "nothing was probed");
    }

    #[test]
    fn cannot_tell_of_a_producer_without_a_probe() {
        let history = disturbed().emitted("agent-2", "m-1", 1);
        cannot_tell(probed(history), "agent-2 was not probed");
    }

    #[test]
    fn cannot_tell_when_a_probe_never_ended() {
        let history = disturbed().unanswered_probe("agent-1", "probe-1");
        cannot_tell(history.read_back(), "never ended");
    }

    #[test]
    fn cannot_tell_when_nothing_was_read_after_the_probe() {
        let unread = disturbed().probe("agent-1", "probe-1", 4, Phase::Ok);
        cannot_tell(unread, "never read back");
        let early = disturbed().read_back().probe("agent-1", "probe-1", 4, Phase::Ok);
        cannot_tell(early, "nothing was read back after the probe");
    }

    #[test]
    fn cannot_tell_while_a_fault_lasts() {
        let history = probed(disturbed().fault_never_healed("cut", "link", &[]));
        cannot_tell(history, "the cut of link was never healed");
    }

    #[test]
    fn what_is_wrong_outweighs_what_nobody_can_tell() {
        let history = disturbed().part("agent-1", PartState::Exited).ready("agent-1");
        let verdict = check(&history.read_back().finish());
        assert_eq!(verdict.outcome, Outcome::Invalid);
    }
}
