//! Within a producer and lane, events stand in the order of their sequence, without gaps.
//!
//! A gap is allowed where an event in the same lane announces it as dropped. A receipt that
//! named lane and sequence is kept to. For systems that promise an order; the others are not
//! given this checker.

use std::collections::{BTreeMap, HashMap};

use super::Verdict;
use super::evidence::{Wrongs, events_are};
use super::facts::Facts;
use super::numbers::Numbers;
use super::table::{Table, key};
use crate::finding::Finding;
use crate::history::{Action, Entries, Entry, Phase, Receipt, StoredEvent};

const CHECKER: &str = "order";

/// Judges order. Goes through the history twice, up to twice more for what is late or wrong, and
/// holds some bytes for each event.
pub fn check(history: &dyn Entries) -> Verdict {
    let facts = Facts::of(history);
    let Some(read) = facts.read else {
        return Verdict::unknown(CHECKER, facts.why_unread());
    };
    let mut promised = Table::with_room_for(facts.emits);
    if !facts.emitted_before(&read) {
        history.each(&mut |entry| note_receipt(&mut promised, entry));
    }
    let mut wrong = Wrong::new();
    let mut lanes = Lanes::default();
    let mut sequenced = 0;
    let mut stands = |event: &StoredEvent, promised: &mut Table<Promise>| {
        if let (Some(producer), Some(sequence)) = (event.producer.as_deref(), event.sequence) {
            sequenced += 1;
            let lane = lanes.of(producer, event.lane.as_deref());
            lane.dropped.extend(event.dropped);
            lane.stands(sequence, &mut wrong);
        }
        if promised.get_mut(key(&event.id)).is_some_and(|promise| !promise.is_kept_by(event)) {
            let place = event.producer.as_deref().unwrap_or("the system itself");
            wrong.receipts.add(place, || (event.id.clone(), position_of(event)));
        }
    };
    history.each(&mut |entry| {
        note_receipt(&mut promised, entry);
        for events in read.some_in(entry) {
            promised.fetch(events.iter().map(|event| key(&event.id)));
            events.iter().for_each(|event| stands(event, &mut promised));
        }
    });
    if sequenced == 0 {
        return Verdict::unknown(CHECKER, "no event that was read back has a sequence");
    }
    let lanes = lanes.into_sorted();
    lanes.iter().for_each(|lane| wrong.look_for_gaps(lane));
    let broken = wrong.broken_promises(history);
    let summary = wrong.summary(sequenced, lanes.len());
    Verdict::on(CHECKER, wrong.findings(&broken), summary).counting([
        ("sequenced", sequenced as u64),
        ("lanes", lanes.len() as u64),
        ("reordered", wrong.reordered.count()),
        ("repeated", wrong.repeated.count()),
        ("gaps", wrong.gaps.count()),
        ("receipts_broken", wrong.receipts.count()),
    ])
}

/// What a receipt promised: which of lane and sequence it named, and 30 bits of the hash of these.
#[derive(Clone, Copy, Debug, Default)]
struct Promise(u32);

impl Promise {
    const LANE: u32 = 1;
    const SEQUENCE: u32 = 2;

    fn of(lane: Option<&str>, sequence: Option<u64>) -> Self {
        let named =
            u32::from(lane.is_some()) * Self::LANE + u32::from(sequence.is_some()) * Self::SEQUENCE;
        let spread = sequence.unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = (lane.map_or(0, key) ^ spread) >> 32;
        Self((hash as u32) << 2 | named)
    }

    /// Whether a stored event keeps to it; what the receipt leaves out is free.
    fn is_kept_by(self, event: &StoredEvent) -> bool {
        let lane = event.lane.as_deref().filter(|_| self.0 & Self::LANE != 0);
        let sequence = event.sequence.filter(|_| self.0 & Self::SEQUENCE != 0);
        self.0 == Self::of(lane, sequence).0
    }
}

fn note_receipt(promised: &mut Table<Promise>, entry: &Entry) {
    if let Some(receipt) = receipt_of(entry)
        && let Some(id) = &receipt.id
    {
        promised.insert(key(id), Promise::of(receipt.lane.as_deref(), receipt.sequence));
    }
}

fn receipt_of(entry: &Entry) -> Option<&Receipt> {
    match &entry.action {
        Action::Emit(emit) if entry.phase == Phase::Ok => emit.receipt.as_ref(),
        _ => None,
    }
}

/// Lanes by producer and name: a producer has few.
#[derive(Default)]
struct Lanes {
    producers: Numbers,
    of_producers: Vec<Vec<Lane>>,
}

impl Lanes {
    fn of(&mut self, producer: &str, name: Option<&str>) -> &mut Lane {
        let number = self.producers.of(producer);
        if number == self.of_producers.len() {
            self.of_producers.push(Vec::new());
        }
        let lanes = &mut self.of_producers[number];
        let known = lanes.iter().position(|lane| lane.name.as_deref() == name);
        let number = known.unwrap_or_else(|| {
            lanes.push(Lane::new(producer, name));
            lanes.len() - 1
        });
        &mut lanes[number]
    }

    /// By producer and name.
    fn into_sorted(self) -> Vec<Lane> {
        let mut producers: Vec<_> = self.producers.names().iter().zip(self.of_producers).collect();
        producers.sort_by_key(|(producer, _)| *producer);
        let sorted = producers.into_iter().flat_map(|(_, mut lanes)| {
            lanes.sort_by(|one, two| one.name.cmp(&two.name));
            lanes
        });
        sorted.collect()
    }
}

/// One producer's lane, as read.
#[derive(Default)]
struct Lane {
    name: Option<String>,
    place: String,
    last: Option<u64>,
    /// The sequences that were read, as ranges that do not touch: their last by their first.
    ranges: BTreeMap<u64, u64>,
    dropped: Vec<(u64, u64)>,
}

impl Lane {
    fn new(producer: &str, name: Option<&str>) -> Self {
        let place = name.map_or_else(|| producer.to_owned(), |name| format!("{producer}, {name}"));
        Self { name: name.map(str::to_owned), place, ..Self::default() }
    }

    fn stands(&mut self, sequence: u64, wrong: &mut Wrong) {
        if let Some(last) = self.last.replace(sequence)
            && sequence < last
        {
            wrong.reordered.add(&self.place, || (sequence, last));
        }
        // Nearly every event stands right behind all others, which is soonest seen.
        if let Some(mut newest) = self.ranges.last_entry()
            && newest.get().checked_add(1) == Some(sequence)
        {
            newest.insert(sequence);
            return;
        }
        let before = self.ranges.range_mut(..=sequence).next_back();
        let first = match before {
            Some((_, last)) if *last >= sequence => {
                wrong.repeated.add(&self.place, || sequence);
                return;
            }
            Some((first, last)) if *last + 1 == sequence => {
                *last = sequence;
                *first
            }
            _ => {
                self.ranges.insert(sequence, sequence);
                sequence
            }
        };
        let after = sequence.checked_add(1).and_then(|next| self.ranges.remove(&next));
        if let Some(last) = after {
            self.ranges.insert(first, last);
        }
    }
}

/// What is wrong, by kind.
struct Wrong {
    /// A sequence and the higher one that was read right before it.
    reordered: Wrongs<(u64, u64)>,
    repeated: Wrongs<u64>,
    /// First and last of what is missing.
    gaps: Wrongs<(u64, u64)>,
    /// An event's identity, and where it stands.
    receipts: Wrongs<(String, String)>,
}

impl Wrong {
    fn new() -> Self {
        Self {
            reordered: Wrongs::new(),
            repeated: Wrongs::new(),
            gaps: Wrongs::new(),
            receipts: Wrongs::new(),
        }
    }

    fn look_for_gaps(&mut self, lane: &Lane) {
        let dropped = merged(&lane.dropped);
        let ends = lane.ranges.values();
        for (end, next) in ends.zip(lane.ranges.keys().skip(1)) {
            for gap in uncovered((end + 1, next - 1), &dropped) {
                self.gaps.add(&lane.place, || gap);
            }
        }
    }

    /// What the receipts promised that were not kept, by identity.
    fn broken_promises(&self, history: &dyn Entries) -> HashMap<String, String> {
        let mut broken: HashMap<String, String> =
            self.receipts.kept().map(|(id, _)| (id.clone(), String::new())).collect();
        if !broken.is_empty() {
            history.each(&mut |entry| {
                if let Some(receipt) = receipt_of(entry)
                    && let Some(promised) = receipt.id.as_ref().and_then(|id| broken.get_mut(id))
                {
                    *promised = position(receipt.lane.as_deref(), receipt.sequence);
                }
            });
        }
        broken
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

    fn findings(&self, broken: &HashMap<String, String>) -> Vec<Finding> {
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
            |(id, kept)| {
                let promised = broken.get(id).map_or("", String::as_str);
                format!("id {id}: receipt says {promised}, stored is {kept}")
            },
        ));
        findings
    }
}

fn position_of(event: &StoredEvent) -> String {
    position(event.lane.as_deref(), event.sequence)
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
    fn rejects_a_receipt_that_is_not_kept_and_comes_after_the_read() {
        let history = lane(&[1]).and_stored(stored("agent-1", "late", 2)).read_back();
        let verdict = check(&history.emitted_but_lost("agent-1", "late", 3).finish());
        assert_eq!(verdict.findings[0].id, "order.receipt");
        assert_eq!(verdict.counts["receipts_broken"], 1);
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
