//! Every event that a producer took is stored exactly once, and nothing else is.
//!
//! What ended ok is in the final read once. What is indeterminate is there once or not at all.
//! What failed is not there, and neither is anything that nobody emitted. A producer that drops
//! an event has lost it, even if it announces so.

use std::collections::{HashMap, HashSet};

use super::Verdict;
use super::evidence::{Wrongs, events_are, name_emit};
use super::facts::{Facts, FinalRead};
use super::table::{Table, key};
use crate::finding::Finding;
use crate::history::{Action, Emit, EmitView, Entries, Entry, FaultView, Phase, StoredEvent};

const CHECKER: &str = "delivery";

/// Where an event is placed that no part of the environment claims.
const SERVER: &str = "the system itself";

/// Judges delivery. Goes through the history twice, and up to twice more to name what is wrong;
/// holds some bytes for each event.
pub fn check(history: &dyn Entries) -> Verdict {
    let facts = Facts::of(history);
    if facts.emits == 0 {
        return Verdict::unknown(CHECKER, "no event was emitted, so none could be lost");
    }
    let Some(read) = facts.read else {
        return Verdict::unknown(CHECKER, facts.why_unread());
    };
    let mut tally = Tally::new(facts.emits);
    let mut ids = Vec::with_capacity(read.events);
    // What is read back was emitted before, and is known when it comes.
    history.each(&mut |entry| {
        tally.count_emit(entry, &read);
        for events in read.some_in(entry) {
            tally.known.fetch(events.iter().filter_map(|event| event.marker.as_deref().map(key)));
            for event in events {
                ids.push(key(&event.id));
                tally.count_stored(event);
            }
        }
    });
    if let Some(marker) = tally.ambiguous {
        return Verdict::unknown(
            CHECKER,
            format!(
                "the workload used the marker {marker} twice, so its events cannot be told apart"
            ),
        );
    }
    tally.repeated_ids = repeated(ids);
    if !(tally.repeated_ids.is_empty() && tally.repeated_markers.is_empty()) {
        tally.name_duplicates(history, &read);
    }
    tally.count_ended();
    if tally.wronged > 0 {
        let faults = facts.faults();
        let mut began = HashMap::new();
        history.each(&mut |entry| tally.name_wronged(entry, &mut began, &faults));
    }
    tally.verdict(facts.emits, &read)
}

/// What is there more than once.
fn repeated(mut keys: Vec<u64>) -> HashSet<u64> {
    keys.sort_unstable();
    keys.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect()
}

/// What is known of an emitted event.
#[derive(Clone, Copy, Debug, Default)]
struct Known(u8);

impl Known {
    const TAKEN: u8 = 1;
    const REFUSED: u8 = 2;
    /// Its end came after the read began.
    const LATE: u8 = 4;
    const STORED: u8 = 8;

    fn is(self, what: u8) -> bool {
        self.0 & what != 0
    }

    /// Taken before the read, and not in it.
    fn is_lost(self) -> bool {
        self.is(Self::TAKEN) && !self.is(Self::STORED | Self::LATE)
    }

    fn is_undead(self) -> bool {
        self.is(Self::REFUSED) && self.is(Self::STORED)
    }
}

/// What was found, by kind.
struct Tally {
    known: Table<Known>,
    ambiguous: Option<String>,
    /// What is stored more than once: identities, and markers of known events.
    repeated_ids: HashSet<u64>,
    repeated_markers: HashSet<u64>,
    /// How many events are lost or undead.
    wronged: u64,
    lost: Wrongs<String>,
    undead: Wrongs<String>,
    duplicated: Wrongs<String>,
    invented: Wrongs<String>,
    taken: u64,
    refused: u64,
    indeterminate_stored: u64,
    after_read: u64,
}

impl Tally {
    fn new(emits: usize) -> Self {
        Self {
            known: Table::with_room_for(emits),
            ambiguous: None,
            repeated_ids: HashSet::new(),
            repeated_markers: HashSet::new(),
            wronged: 0,
            lost: Wrongs::new(),
            undead: Wrongs::new(),
            duplicated: Wrongs::new(),
            invented: Wrongs::new(),
            taken: 0,
            refused: 0,
            indeterminate_stored: 0,
            after_read: 0,
        }
    }

    fn count_emit(&mut self, entry: &Entry, read: &FinalRead) {
        let Action::Emit(emit) = &entry.action else { return };
        let marker = key(&emit.marker);
        let end = match entry.phase {
            Phase::Invoke => {
                if !self.known.insert(marker, Known::default()) {
                    self.ambiguous.get_or_insert_with(|| emit.marker.clone());
                }
                return;
            }
            Phase::Ok => Known::TAKEN,
            Phase::Fail => Known::REFUSED,
            Phase::Indeterminate => return,
        };
        if let Some(known) = self.known.get_mut(marker) {
            known.0 |= end | if entry.at > read.began { Known::LATE } else { 0 };
        }
        self.taken += u64::from(end == Known::TAKEN);
        self.refused += u64::from(end == Known::REFUSED);
    }

    fn count_stored(&mut self, event: &StoredEvent) {
        let Some(marker) = event.marker.as_deref().map(key) else { return };
        match self.known.get_mut(marker) {
            Some(known) if known.is(Known::STORED) => {
                self.repeated_markers.insert(marker);
            }
            Some(known) => known.0 |= Known::STORED,
            None => self.invented.add(place_of(event), || name_stored(event)),
        }
    }

    /// Names what is stored once more, by its identity or its marker.
    fn name_duplicates(&mut self, history: &dyn Entries, read: &FinalRead) {
        let (mut ids, mut markers) = (self.repeated_ids.clone(), self.repeated_markers.clone());
        read.each(history, |event| {
            let id = key(&event.id);
            // The first of each is the one that may be there.
            let again = self.repeated_ids.contains(&id) && !ids.remove(&id);
            let marker = event.marker.as_deref().map(key);
            let again_by_marker = marker.is_some_and(|marker| {
                self.repeated_markers.contains(&marker) && !markers.remove(&marker)
            });
            if again || again_by_marker {
                self.duplicated.add(place_of(event), || name_stored(event));
            }
        });
    }

    /// What never ends is indeterminate.
    fn count_ended(&mut self) {
        for known in self.known.values() {
            self.wronged += u64::from(known.is_lost() || known.is_undead());
            let stored = known.is(Known::STORED);
            let late = known.is(Known::TAKEN) && known.is(Known::LATE) && !stored;
            self.after_read += u64::from(late);
            let unclear = stored && !known.is(Known::TAKEN | Known::REFUSED);
            self.indeterminate_stored += u64::from(unclear);
        }
    }

    /// Names what is lost or undead when it ends. `began` holds the events under way: when they
    /// were proposed, by operation.
    fn name_wronged(
        &mut self,
        entry: &Entry,
        began: &mut HashMap<u64, u64>,
        faults: &[FaultView<'_>],
    ) {
        let Action::Emit(emit) = &entry.action else { return };
        if entry.phase == Phase::Invoke {
            began.insert(entry.operation, entry.at);
            return;
        }
        let began = began.remove(&entry.operation).unwrap_or(entry.at);
        let known = self.known.get_mut(key(&emit.marker)).copied().unwrap_or_default();
        let name = || name_ended(emit, entry, began, faults);
        match entry.phase {
            Phase::Ok if known.is_lost() => self.lost.add(&emit.producer, name),
            Phase::Fail if known.is_undead() => self.undead.add(&emit.producer, name),
            _ => {}
        }
    }

    fn verdict(self, emits: usize, read: &FinalRead) -> Verdict {
        let emitted = emits as u64;
        Verdict::on(CHECKER, self.findings(), self.summary()).counting([
            ("emitted", emitted),
            ("taken", self.taken),
            ("refused", self.refused),
            ("indeterminate", emitted.saturating_sub(self.taken + self.refused)),
            ("indeterminate_stored", self.indeterminate_stored),
            ("taken_after_read", self.after_read),
            ("stored", read.events as u64),
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

    fn findings(&self) -> Vec<Finding> {
        let mut findings = self.lost.findings(
            "delivery.lost",
            "write an event through to disk before it counts as taken, and keep it until the \
             server has acknowledged it",
            |count| format!("{} taken but not in the final read", events_are(count)),
            String::clone,
        );
        findings.extend(self.duplicated.findings(
            "delivery.duplicated",
            "give every event an identity where it is made, and let the database refuse it the \
             second time",
            |count| format!("{} stored once more than emitted", events_are(count)),
            String::clone,
        ));
        findings.extend(self.invented.findings(
            "delivery.invented",
            "look for other writers to the same database, or for events changed on their way",
            |count| format!("{} stored with a marker that nobody emitted", events_are(count)),
            String::clone,
        ));
        findings.extend(self.undead.findings(
            "delivery.undead",
            "refuse an event only when it will certainly never be stored",
            |count| format!("{} stored although the producer refused", events_are(count)),
            String::clone,
        ));
        findings
    }
}

fn name_ended(emit: &Emit, entry: &Entry, began: u64, faults: &[FaultView<'_>]) -> String {
    name_emit(&EmitView { emit, began, ended: Some(entry.at), phase: entry.phase }, faults)
}

fn place_of(event: &StoredEvent) -> &str {
    event.producer.as_deref().unwrap_or(SERVER)
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
