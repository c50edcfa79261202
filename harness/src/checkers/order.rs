//! Within a producer and lane, events stand in the order of their sequence, without gaps.
//!
//! A gap is allowed where an event in the same lane announces it as dropped. A receipt that
//! named lane and sequence is kept to. For systems that promise an order; the others are not
//! given this checker.

use std::collections::{BTreeMap, HashMap};

use super::Verdict;
use super::evidence::{Wrongs, events_are};
use crate::finding::Finding;
use crate::history::{EmitView, History, Phase, Receipt, StoredEvent};

const CHECKER: &str = "order";

/// Judges order.
pub fn check(history: &History) -> Verdict {
    let Some(read) = history.final_read() else {
        return Verdict::unknown(CHECKER, history.why_unread());
    };
    let lanes = lanes(read.events);
    if lanes.is_empty() {
        return Verdict::unknown(CHECKER, "no event that was read back has a sequence");
    }
    let mut wrong = Wrong::new();
    for ((producer, name), lane) in &lanes {
        let place =
            name.map_or_else(|| (*producer).to_owned(), |name| format!("{producer}, {name}"));
        wrong.look_at(&place, lane);
    }
    wrong.compare_receipts(&history.emits(), read.events);

    let sequenced: usize = lanes.values().map(|lane| lane.sequences.len()).sum();
    let summary = wrong.summary(sequenced, lanes.len());
    Verdict::on(CHECKER, wrong.findings(), summary).counting([
        ("sequenced", sequenced as u64),
        ("lanes", lanes.len() as u64),
        ("reordered", wrong.reordered.count()),
        ("repeated", wrong.repeated.count()),
        ("gaps", wrong.gaps.count()),
        ("receipts_broken", wrong.receipts.count()),
    ])
}

/// One producer's lane, as read.
#[derive(Default)]
struct Lane {
    sequences: Vec<u64>,
    dropped: Vec<(u64, u64)>,
}

fn lanes(events: &[StoredEvent]) -> BTreeMap<(&str, Option<&str>), Lane> {
    let mut lanes: BTreeMap<_, Lane> = BTreeMap::new();
    for event in events {
        if let (Some(producer), Some(sequence)) = (event.producer.as_deref(), event.sequence) {
            let lane = lanes.entry((producer, event.lane.as_deref())).or_default();
            lane.sequences.push(sequence);
            lane.dropped.extend(event.dropped);
        }
    }
    lanes
}

/// What is wrong, by kind.
struct Wrong<'a> {
    /// A sequence and the higher one that was read right before it.
    reordered: Wrongs<(u64, u64)>,
    repeated: Wrongs<u64>,
    /// First and last of what is missing.
    gaps: Wrongs<(u64, u64)>,
    receipts: Wrongs<(&'a Receipt, &'a StoredEvent)>,
}

impl<'a> Wrong<'a> {
    fn new() -> Self {
        Self {
            reordered: Wrongs::new(),
            repeated: Wrongs::new(),
            gaps: Wrongs::new(),
            receipts: Wrongs::new(),
        }
    }

    fn look_at(&mut self, place: &str, lane: &Lane) {
        for pair in lane.sequences.windows(2) {
            if pair[1] < pair[0] {
                self.reordered.add(place, (pair[1], pair[0]));
            }
        }
        let mut sorted = lane.sequences.clone();
        sorted.sort_unstable();
        let dropped = merged(&lane.dropped);
        for pair in sorted.windows(2) {
            match pair[1] - pair[0] {
                0 => self.repeated.add(place, pair[1]),
                1 => {}
                _ => {
                    for gap in uncovered((pair[0] + 1, pair[1] - 1), &dropped) {
                        self.gaps.add(place, gap);
                    }
                }
            }
        }
    }

    fn compare_receipts(&mut self, emits: &[EmitView<'a>], events: &'a [StoredEvent]) {
        let mut receipts: HashMap<&str, &'a Receipt> = HashMap::with_capacity(emits.len());
        for emit in emits.iter().filter(|emit| emit.phase == Phase::Ok) {
            if let Some(receipt) = &emit.emit.receipt
                && let Some(id) = receipt.id.as_deref()
            {
                receipts.insert(id, receipt);
            }
        }
        for event in events {
            if let Some(receipt) = receipts.get(event.id.as_str())
                && !agree(receipt, event)
            {
                let place = event.producer.as_deref().unwrap_or("the system itself");
                self.receipts.add(place, (receipt, event));
            }
        }
    }

    fn summary(&self, sequenced: usize, lanes: usize) -> String {
        let counts = [
            (self.reordered.count(), "out of order"),
            (self.repeated.count(), "with a sequence used twice"),
            (self.gaps.count(), "gaps that nobody announced"),
            (self.receipts.count(), "stored otherwise than their receipt says"),
        ];
        let wrong: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if wrong.is_empty() {
            return format!("{sequenced} events in {lanes} lanes stand in order, without a gap");
        }
        format!("of {sequenced} events in {lanes} lanes: {}", wrong.join(", "))
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings = self.reordered.findings(
            "order.reordered",
            "send a lane oldest first, one batch at a time, and let readers go by commit order",
            |count| format!("{} behind one of a higher sequence", events_are(count)),
            |(sequence, before)| format!("#{sequence} comes after #{before}"),
        );
        findings.extend(self.repeated.findings(
            "order.repeated",
            "take sequences from a counter that survives a crash, and make them unique in the \
             database",
            |count| format!("{} stored under a sequence already used", events_are(count)),
            |sequence| format!("#{sequence}"),
        ));
        findings.extend(self.gaps.findings(
            "order.gap",
            "do not let later events overtake one that failed; announce what is dropped",
            |count| match count {
                1 => "1 range of sequences is missing and was not announced as dropped".into(),
                _ => format!(
                    "{count} ranges of sequences are missing and were not announced as dropped"
                ),
            },
            |(first, last)| match first == last {
                true => format!("#{first}"),
                false => format!("#{first} to #{last}"),
            },
        ));
        findings.extend(self.receipts.findings(
            "order.receipt",
            "give lane and sequence once, where the event is taken, and carry them unchanged",
            |count| format!("{} stored otherwise than the receipt says", events_are(count)),
            |(receipt, event)| {
                let promised = position(receipt.lane.as_deref(), receipt.sequence);
                let kept = position(event.lane.as_deref(), event.sequence);
                format!("id {}: receipt says {promised}, stored is {kept}", event.id)
            },
        ));
        findings
    }
}

/// Whether a stored event keeps to what its receipt promised; what the receipt leaves out is free.
fn agree(receipt: &Receipt, event: &StoredEvent) -> bool {
    let lane = receipt.lane.is_none() || receipt.lane == event.lane;
    let sequence = receipt.sequence.is_none() || receipt.sequence == event.sequence;
    lane && sequence
}

fn position(lane: Option<&str>, sequence: Option<u64>) -> String {
    let sequence = sequence.map_or_else(|| "no sequence".into(), |number| format!("#{number}"));
    format!("{} {sequence}", lane.unwrap_or("no lane"))
}

/// Ranges in order, those that touch joined. A range whose end comes before its start is empty.
fn merged(ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut sorted: Vec<_> = ranges.iter().copied().filter(|(first, last)| first <= last).collect();
    sorted.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (first, last) in sorted {
        match merged.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// What of a range no merged range covers.
fn uncovered((mut first, last): (u64, u64), covers: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut open = Vec::new();
    let begin = covers.partition_point(|cover| cover.1 < first);
    for cover in covers[begin..].iter().take_while(|cover| cover.0 <= last) {
        if first < cover.0 {
            open.push((first, cover.0 - 1));
        }
        if cover.1 >= last {
            return open;
        }
        first = cover.1 + 1;
    }
    open.push((first, last));
    open
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::Outcome;
    use crate::history::build::{HistoryBuilder, stored};

    fn judged(history: HistoryBuilder) -> (Outcome, Vec<String>) {
        let verdict = check(&history.read_back().finish());
        let ids = verdict.findings.into_iter().map(|finding| finding.id);
        (verdict.outcome, ids.collect())
    }

    /// A lane of `agent-1` with these sequences, in this order.
    fn lane(sequences: &[u64]) -> HistoryBuilder {
        sequences.iter().enumerate().fold(HistoryBuilder::new(), |history, (index, sequence)| {
            history.and_stored(stored("agent-1", &format!("m-{index}"), *sequence))
        })
    }

    fn announcement(sequence: u64, dropped: (u64, u64)) -> StoredEvent {
        let mut event = stored("agent-1", "announcement", sequence);
        (event.marker, event.dropped) = (None, Some(dropped));
        event
    }

    fn rejected(history: HistoryBuilder, id: &str) {
        assert_eq!(judged(history), (Outcome::Invalid, vec![id.to_owned()]));
    }

    #[test]
    fn accepts_increasing_sequences_lane_by_lane() {
        let mut critical = stored("agent-1", "urgent", 1);
        critical.lane = Some("critical".into());
        let history = lane(&[1, 2, 3])
            .and_stored(critical)
            .and_stored(stored("agent-2", "other", 1))
            .and_stored(stored("agent-1", "m-last", 4));
        assert_eq!(judged(history), (Outcome::Valid, vec![]));
    }

    #[test]
    fn accepts_receipts_that_are_kept() {
        let history = HistoryBuilder::new().emitted_many("agent-1", 5);
        assert_eq!(judged(history), (Outcome::Valid, vec![]));
    }

    #[test]
    fn accepts_a_gap_that_is_announced() {
        let history = lane(&[1, 2, 6]).and_stored(announcement(7, (3, 5)));
        assert_eq!(judged(history), (Outcome::Valid, vec![]));
        let in_two =
            lane(&[1, 6]).and_stored(announcement(7, (4, 5))).and_stored(announcement(8, (2, 3)));
        assert_eq!(judged(in_two), (Outcome::Valid, vec![]));
    }

    #[test]
    fn rejects_events_out_of_order() {
        rejected(lane(&[1, 3, 2, 4]), "order.reordered");
    }

    #[test]
    fn rejects_a_sequence_used_twice() {
        rejected(lane(&[1, 2, 2, 3]), "order.repeated");
    }

    #[test]
    fn rejects_a_gap() {
        let verdict = check(&lane(&[1, 2, 5, 7]).read_back().finish());
        assert_eq!(verdict.findings[0].place, "agent-1, normal");
        assert!(verdict.findings[0].evidence.ends_with(":\n- #3 to #4\n- #6"));
        assert_eq!(verdict.counts["gaps"], 2);
    }

    #[test]
    fn rejects_a_gap_that_is_announced_in_part() {
        let history = lane(&[1, 9]).and_stored(announcement(10, (3, 5)));
        let verdict = check(&history.read_back().finish());
        assert!(verdict.findings[0].evidence.ends_with(":\n- #2\n- #6 to #8"));
    }

    #[test]
    fn rejects_a_receipt_that_is_not_kept() {
        let history = HistoryBuilder::new()
            .emitted_many("agent-1", 3)
            .tampered(|events| events[2].lane = Some("critical".into()));
        rejected(history, "order.receipt");
    }

    #[test]
    fn cannot_tell_without_sequences_or_a_read() {
        let unnumbered = HistoryBuilder::new()
            .emitted_many("agent-1", 3)
            .tampered(|events| events.iter_mut().for_each(|event| event.sequence = None));
        assert_eq!(judged(unnumbered).0, Outcome::Unknown);
        let unread = HistoryBuilder::new().emitted_many("agent-1", 3).finish();
        assert_eq!(check(&unread).outcome, Outcome::Unknown);
    }

    #[test]
    fn hostile_numbers_do_no_harm() {
        let history = lane(&[0, u64::MAX]).and_stored(announcement(1, (1, u64::MAX)));
        let verdict = check(&history.read_back().finish());
        assert_eq!(verdict.counts["gaps"], 0);
        assert_eq!(verdict.counts["reordered"], 1);
    }
}
