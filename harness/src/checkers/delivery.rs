//! Every event that a producer took is stored exactly once, and nothing else is.
//!
//! What ended ok is in the final read once. What is indeterminate is there once or not at all.
//! What failed is not there, and neither is anything that nobody emitted. A producer that drops
//! an event has lost it, even if it announces so.

use std::collections::{HashMap, HashSet};

use super::Verdict;
use super::evidence::{Wrongs, events_are, name_emit};
use crate::finding::Finding;
use crate::history::{EmitView, FaultView, History, Phase, ReadView, StoredEvent};

const CHECKER: &str = "delivery";

/// Where an event is placed that no part of the environment claims.
const SERVER: &str = "the system itself";

/// Judges delivery.
pub fn check(history: &History) -> Verdict {
    let emits = history.emits();
    if emits.is_empty() {
        return Verdict::unknown(CHECKER, "no event was emitted, so none could be lost");
    }
    let Some(read) = history.final_read() else {
        return Verdict::unknown(CHECKER, history.why_unread());
    };
    let mut by_marker = HashMap::with_capacity(emits.len());
    for (index, emit) in emits.iter().enumerate() {
        if by_marker.insert(emit.emit.marker.as_str(), index).is_some() {
            let marker = &emit.emit.marker;
            return Verdict::unknown(
                CHECKER,
                format!(
                    "the workload used the marker {marker} twice, so its events cannot be told apart"
                ),
            );
        }
    }
    let mut tally = Tally::new(&emits);
    tally.count_stored(&read, &by_marker);
    tally.judge_emits(&emits, &read);
    tally.verdict(&emits, &read, &history.faults())
}

/// What was found, by kind. Emits are named by their index.
struct Tally<'a> {
    copies: Vec<u32>,
    lost: Wrongs<usize>,
    undead: Wrongs<usize>,
    duplicated: Wrongs<&'a StoredEvent>,
    invented: Wrongs<&'a StoredEvent>,
    taken: u64,
    refused: u64,
    indeterminate: u64,
    indeterminate_stored: u64,
    after_read: u64,
}

impl<'a> Tally<'a> {
    fn new(emits: &[EmitView<'_>]) -> Self {
        Self {
            copies: vec![0; emits.len()],
            lost: Wrongs::new(),
            undead: Wrongs::new(),
            duplicated: Wrongs::new(),
            invented: Wrongs::new(),
            taken: 0,
            refused: 0,
            indeterminate: 0,
            indeterminate_stored: 0,
            after_read: 0,
        }
    }

    fn count_stored(&mut self, read: &ReadView<'a>, by_marker: &HashMap<&str, usize>) {
        let mut ids = HashSet::with_capacity(read.events.len());
        for event in read.events {
            let place = event.producer.as_deref().unwrap_or(SERVER);
            let mut repeated = !ids.insert(event.id.as_str());
            match event.marker.as_deref().map(|marker| by_marker.get(marker)) {
                Some(Some(&index)) => {
                    repeated |= self.copies[index] > 0;
                    self.copies[index] += 1;
                }
                Some(None) => self.invented.add(place, event),
                None => {}
            }
            if repeated {
                self.duplicated.add(place, event);
            }
        }
    }

    fn judge_emits(&mut self, emits: &[EmitView<'_>], read: &ReadView<'_>) {
        for (index, emit) in emits.iter().enumerate() {
            let stored = self.copies[index] > 0;
            let place = &emit.emit.producer;
            match emit.phase {
                Phase::Ok => {
                    self.taken += 1;
                    let in_time = emit.ended.is_some_and(|ended| ended <= read.began);
                    match (stored, in_time) {
                        (true, _) => {}
                        (false, true) => self.lost.add(place, index),
                        (false, false) => self.after_read += 1,
                    }
                }
                Phase::Fail => {
                    self.refused += 1;
                    if stored {
                        self.undead.add(place, index);
                    }
                }
                Phase::Invoke | Phase::Indeterminate => {
                    self.indeterminate += 1;
                    self.indeterminate_stored += u64::from(stored);
                }
            }
        }
    }

    fn verdict(
        &self,
        emits: &[EmitView<'_>],
        read: &ReadView<'_>,
        faults: &[FaultView<'_>],
    ) -> Verdict {
        let findings = self.findings(emits, faults);
        Verdict::on(CHECKER, findings, self.summary()).counting([
            ("emitted", emits.len() as u64),
            ("taken", self.taken),
            ("refused", self.refused),
            ("indeterminate", self.indeterminate),
            ("indeterminate_stored", self.indeterminate_stored),
            ("taken_after_read", self.after_read),
            ("stored", read.events.len() as u64),
            ("lost", self.lost.count()),
            ("duplicated", self.duplicated.count()),
            ("invented", self.invented.count()),
            ("undead", self.undead.count()),
        ])
    }

    fn summary(&self) -> String {
        let wrong: Vec<String> = [
            (self.lost.count(), "lost"),
            (self.duplicated.count(), "stored twice"),
            (self.invented.count(), "stored but never emitted"),
            (self.undead.count(), "refused and stored all the same"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        let taken = self.taken - self.after_read;
        if wrong.is_empty() {
            return format!("all {taken} events that were taken are stored exactly once");
        }
        format!("of {taken} events that were taken: {}", wrong.join(", "))
    }

    fn findings(&self, emits: &[EmitView<'_>], faults: &[FaultView<'_>]) -> Vec<Finding> {
        let name_index = |index: &usize| name_emit(&emits[*index], faults);
        let name_stored = |event: &&StoredEvent| name_stored(event);
        let mut findings = self.lost.findings(
            "delivery.lost",
            "write an event through to disk before it counts as taken, and keep it until the \
             server has acknowledged it",
            |count| format!("{} taken but not in the final read", events_are(count)),
            name_index,
        );
        findings.extend(self.duplicated.findings(
            "delivery.duplicated",
            "give every event an identity where it is made, and let the database refuse it the \
             second time",
            |count| format!("{} stored once more than emitted", events_are(count)),
            name_stored,
        ));
        findings.extend(self.invented.findings(
            "delivery.invented",
            "look for other writers to the same database, or for events changed on their way",
            |count| format!("{} stored with a marker that nobody emitted", events_are(count)),
            name_stored,
        ));
        findings.extend(self.undead.findings(
            "delivery.undead",
            "refuse an event only when it will certainly never be stored",
            |count| format!("{} stored although the producer refused", events_are(count)),
            name_index,
        ));
        findings
    }
}

fn name_stored(event: &StoredEvent) -> String {
    let marker = event.marker.as_deref().unwrap_or("no marker");
    let sequence = event.sequence.map(|sequence| {
        let lane = event.lane.as_deref().unwrap_or("its only lane");
        format!(", {lane} #{sequence}")
    });
    format!("{marker} (id {}{})", event.id, sequence.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::Outcome;
    use crate::history::build::{HistoryBuilder, stored};

    /// What the checker says of a history in short: outcome and the findings' names.
    fn judged(history: HistoryBuilder) -> (Outcome, Vec<String>) {
        let verdict = check(&history.finish());
        let ids = verdict.findings.into_iter().map(|finding| finding.id);
        (verdict.outcome, ids.collect())
    }

    fn rejected(history: HistoryBuilder, id: &str) {
        assert_eq!(judged(history), (Outcome::Invalid, vec![id.to_owned()]));
    }

    fn accepted(history: HistoryBuilder) {
        assert_eq!(judged(history), (Outcome::Valid, vec![]));
    }

    #[test]
    fn accepts_every_event_stored_once() {
        accepted(
            HistoryBuilder::new().emitted_many("agent-1", 3).emitted_many("agent-2", 2).read_back(),
        );
    }

    #[test]
    fn accepts_indeterminate_events_both_ways() {
        accepted(
            HistoryBuilder::new()
                .indeterminate("agent-1", "m-1")
                .indeterminate("agent-1", "m-2")
                .unanswered("agent-1", "m-3")
                .and_stored(stored("agent-1", "m-1", 1))
                .and_stored(stored("agent-1", "m-3", 2))
                .read_back(),
        );
    }

    #[test]
    fn accepts_refused_events_that_are_not_there() {
        accepted(
            HistoryBuilder::new()
                .emitted("agent-1", "m-1", 1)
                .refused("agent-1", "m-2")
                .read_back(),
        );
    }

    #[test]
    fn accepts_what_the_system_says_of_itself() {
        let mut own = stored("agent-1", "m-9", 9);
        (own.marker, own.producer) = (None, None);
        accepted(HistoryBuilder::new().emitted("agent-1", "m-1", 1).and_stored(own).read_back());
    }

    #[test]
    fn does_not_ask_for_what_was_taken_after_the_read() {
        let history = HistoryBuilder::new()
            .emitted("agent-1", "m-1", 1)
            .read_back()
            .emitted("agent-1", "m-2", 2)
            .finish();
        let verdict = check(&history);
        assert_eq!(verdict.outcome, Outcome::Valid);
        assert_eq!(verdict.counts["taken_after_read"], 1);
    }

    #[test]
    fn rejects_a_lost_event_and_names_it() {
        let history = HistoryBuilder::new()
            .emitted("agent-1", "m-1", 1)
            .emitted_but_lost("agent-1", "m-2", 2)
            .killed_and_started("agent-1")
            .read_back()
            .finish();
        let verdict = check(&history);
        assert_eq!(verdict.outcome, Outcome::Invalid);
        let finding = &verdict.findings[0];
        assert_eq!((finding.id.as_str(), finding.place.as_str()), ("delivery.lost", "agent-1"));
        assert_eq!(
            finding.evidence,
            "1 event is taken but not in the final read:\n\
             - m-2 (normal #2, agent_scan/completed), emitted at 0.030 s, \
             0.020 s before kill of agent-1"
        );
        assert_eq!(verdict.counts["lost"], 1);
    }

    #[test]
    fn names_the_first_of_many_and_counts_all() {
        let mut history = HistoryBuilder::new();
        for number in 0..25 {
            history = history.emitted_but_lost("agent-1", &format!("m-{number}"), number);
        }
        let verdict = check(&history.read_back().finish());
        let evidence = &verdict.findings[0].evidence;
        assert!(evidence.starts_with("25 events are taken"), "{evidence}");
        assert!(evidence.ends_with("- and 5 more"), "{evidence}");
        assert_eq!(evidence.lines().count(), 22);
    }

    #[test]
    fn rejects_a_marker_stored_twice() {
        let mut again = stored("agent-1", "m-1", 2);
        again.id = "another".into();
        rejected(
            HistoryBuilder::new().emitted("agent-1", "m-1", 1).and_stored(again).read_back(),
            "delivery.duplicated",
        );
    }

    #[test]
    fn rejects_an_id_stored_twice() {
        let mut again = stored("agent-1", "m-1", 1);
        again.marker = None;
        rejected(
            HistoryBuilder::new().emitted("agent-1", "m-1", 1).and_stored(again).read_back(),
            "delivery.duplicated",
        );
    }

    #[test]
    fn rejects_an_indeterminate_event_stored_twice() {
        rejected(
            HistoryBuilder::new()
                .indeterminate("agent-1", "m-1")
                .and_stored(stored("agent-1", "m-1", 1))
                .and_stored(stored("agent-1", "m-1", 1))
                .read_back(),
            "delivery.duplicated",
        );
    }

    #[test]
    fn rejects_an_invented_event() {
        rejected(
            HistoryBuilder::new()
                .emitted("agent-1", "m-1", 1)
                .and_stored(stored("agent-1", "never", 2))
                .read_back(),
            "delivery.invented",
        );
    }

    #[test]
    fn rejects_an_undead_event() {
        rejected(
            HistoryBuilder::new()
                .refused("agent-1", "m-1")
                .and_stored(stored("agent-1", "m-1", 1))
                .read_back(),
            "delivery.undead",
        );
    }

    #[test]
    fn cannot_tell_without_a_final_read() {
        let history = HistoryBuilder::new().emitted("agent-1", "m-1", 1);
        assert_eq!(judged(history).0, Outcome::Unknown);
        let failed = HistoryBuilder::new().emitted("agent-1", "m-1", 1).read_failed();
        let verdict = check(&failed.finish());
        assert_eq!(verdict.outcome, Outcome::Unknown);
        assert!(verdict.summary.ends_with("never read back: connection refused"), "{verdict:?}");
    }

    #[test]
    fn cannot_tell_without_any_emit() {
        assert_eq!(judged(HistoryBuilder::new().read_back()).0, Outcome::Unknown);
    }

    #[test]
    fn cannot_tell_events_of_one_marker_apart() {
        let history = HistoryBuilder::new()
            .emitted("agent-1", "m-1", 1)
            .emitted("agent-2", "m-1", 1)
            .read_back();
        assert_eq!(judged(history).0, Outcome::Unknown);
    }
}
