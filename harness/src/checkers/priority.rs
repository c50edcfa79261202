//! An urgent event that a producer has taken goes before all that the producer takes later.
//!
//! An event of another kind that was proposed well after the urgent one had been taken, and that
//! stands before it in the system, went out while the urgent one waited. Whatever was under way at
//! that moment had been taken before. Says nothing of events that are lost, nor of those taken
//! before the urgent one. For systems that have urgent events; the others are not given this
//! checker.

use std::collections::HashMap;

use super::Verdict;
use super::evidence::{Wrongs, events_are, name_emit};
use super::facts::Facts;
use super::numbers::Numbers;
use super::table::{Table, key};
use crate::history::{Action, EmitView, Entries, Entry, FaultView, Phase, StoredEvent};

const CHECKER: &str = "priority";
const MILLISECOND: u64 = 1_000_000;

/// How long a producer may take to choose what goes next, in milliseconds: what is proposed
/// meanwhile may still come along.
const CHOOSING: u32 = 250;

/// How many producers a moment can tell apart.
const MOST_PRODUCERS: usize = 1 << 14;

/// Judges priority. Goes through the history twice, up to twice more for what is late or wrong, and
/// holds some bytes for each event.
pub fn check(history: &dyn Entries) -> Verdict {
    let facts = Facts::of(history);
    let Some(read) = facts.read else {
        return Verdict::unknown(CHECKER, facts.why_unread());
    };
    let mut known = Known::new(facts.emits);
    if !facts.emitted_before(&read) {
        history.each(&mut |entry| known.observe(entry));
    }
    let mut standing = Standing::new();
    history.each(&mut |entry| {
        known.observe(entry);
        for events in read.some_in(entry) {
            known.moments.fetch(events.iter().filter_map(|event| event.marker.as_deref().map(key)));
            events.iter().for_each(|event| standing.look(event, &mut known));
        }
    });
    if known.producers.names().len() > MOST_PRODUCERS {
        let why = format!("more than {MOST_PRODUCERS} producers cannot be told apart");
        return Verdict::unknown(CHECKER, why);
    }
    if known.urgent == 0 {
        return Verdict::unknown(CHECKER, "no urgent event was taken, so none could wait");
    }
    let overtaken = standing.overtaken;
    let names = names(history, &facts.faults(), &overtaken);
    let name = |marker: &u64| names.get(marker).cloned().unwrap_or_default();
    let summary = match (overtaken.count(), known.urgent) {
        (0, urgent) => format!("{urgent} urgent events went before all that was taken after them"),
        (count, urgent) => {
            format!("{count} of {urgent} urgent events waited while later ones went")
        }
    };
    let findings = overtaken.findings(
        "priority.overtaken",
        "send what is urgent first, whatever else waits, and look for it before each batch",
        |count| format!("{} overtaken by one that was taken later", events_are(count)),
        |(urgent, later)| format!("{}; before it went {}", name(urgent), name(later)),
    );
    Verdict::on(CHECKER, findings, summary)
        .counting([("urgent", known.urgent), ("overtaken", overtaken.count())])
}

/// How an event counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Its moment is when it was proposed.
    Other,
    /// Its moment is when it was taken.
    Urgent,
    /// It is urgent, and nobody knows when it was taken.
    Unclear,
}

/// A moment in milliseconds, the number of a producer, and a kind, in as few bytes as can be.
#[derive(Clone, Copy, Debug, Default)]
struct Moment([u16; 3]);

impl Moment {
    fn new(at: u64, producer: u16, kind: Kind) -> Self {
        let at = at / MILLISECOND;
        Self([at as u16, (at >> 16) as u16, producer << 2 | kind as u16])
    }

    fn at(self) -> u32 {
        u32::from(self.0[1]) << 16 | u32::from(self.0[0])
    }

    fn producer(self) -> u16 {
        self.0[2] >> 2
    }

    fn kind(self) -> Kind {
        match self.0[2] & 3 {
            0 => Kind::Other,
            1 => Kind::Urgent,
            _ => Kind::Unclear,
        }
    }
}

/// Each event's moment, by its marker.
struct Known {
    moments: Table<Moment>,
    producers: Numbers,
    urgent: u64,
}

impl Known {
    fn new(emits: usize) -> Self {
        Self { moments: Table::with_room_for(emits), producers: Numbers::default(), urgent: 0 }
    }

    /// To observe the same again changes nothing.
    fn observe(&mut self, entry: &Entry) {
        let Action::Emit(emit) = &entry.action else { return };
        if entry.phase == Phase::Invoke {
            let producer = self.producers.of(&emit.producer).min(MOST_PRODUCERS - 1) as u16;
            let kind = if emit.urgent { Kind::Unclear } else { Kind::Other };
            self.moments.insert(key(&emit.marker), Moment::new(entry.at, producer, kind));
        } else if emit.urgent
            && entry.phase == Phase::Ok
            && let Some(moment) = self.moments.get_mut(key(&emit.marker))
            && moment.kind() == Kind::Unclear
        {
            *moment = Moment::new(entry.at, moment.producer(), Kind::Urgent);
            self.urgent += 1;
        }
    }
}

/// What was read until now.
struct Standing {
    /// When the latest event of each producer that is not urgent was proposed, and its marker.
    latest: Vec<Option<(u32, u64)>>,
    /// Urgent events, each with a later one that stands before it.
    overtaken: Wrongs<(u64, u64)>,
}

impl Standing {
    fn new() -> Self {
        Self { latest: Vec::new(), overtaken: Wrongs::new() }
    }

    fn look(&mut self, event: &StoredEvent, known: &mut Known) {
        let Some(marker) = event.marker.as_deref().map(key) else { return };
        let Some(moment) = known.moments.get_mut(marker).copied() else { return };
        let producer = usize::from(moment.producer());
        if producer >= self.latest.len() {
            self.latest.resize(producer + 1, None);
        }
        let latest = &mut self.latest[producer];
        match (moment.kind(), *latest) {
            (Kind::Urgent, Some((began, later))) if began > moment.at() + CHOOSING => {
                self.overtaken.add(&known.producers.names()[producer], || (marker, later));
            }
            (Kind::Urgent | Kind::Unclear, _) => {}
            (Kind::Other, before) => {
                if before.is_none_or(|(began, _)| began < moment.at()) {
                    *latest = Some((moment.at(), marker));
                }
            }
        }
    }
}

/// The names of the events that a finding names, by the keys of their markers.
fn names(
    history: &dyn Entries,
    faults: &[FaultView<'_>],
    overtaken: &Wrongs<(u64, u64)>,
) -> HashMap<u64, String> {
    let wanted = overtaken.kept().flat_map(|(urgent, later)| [*urgent, *later]);
    let mut names: HashMap<u64, String> = wanted.map(|marker| (marker, String::new())).collect();
    if names.is_empty() {
        return names;
    }
    let mut began = HashMap::new();
    history.each(&mut |entry| {
        let Action::Emit(emit) = &entry.action else { return };
        let marker = key(&emit.marker);
        if let Some(name) = names.get_mut(&marker) {
            let began = *began.entry(marker).or_insert(entry.at);
            let ended = (entry.phase != Phase::Invoke).then_some(entry.at);
            *name = name_emit(&EmitView { emit, began, ended, phase: entry.phase }, faults);
        }
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::Outcome;
    use crate::history::build::{HistoryBuilder, stored};

    /// Three events, an urgent one, a fourth at once, and two more a second later, all taken in this
    /// order by `agent-1`; they stand in the system in the order of these markers.
    fn standing(order: &[&str]) -> Verdict {
        let taken = |history: HistoryBuilder, marker: &str| match marker {
            "urgent" => history.urgent("agent-1", marker),
            "5" => history.after(1000).emitted_but_lost("agent-1", marker, 1),
            _ => history.emitted_but_lost("agent-1", marker, 1),
        };
        let markers = ["1", "2", "3", "urgent", "4", "5", "6"];
        let history = markers.into_iter().fold(HistoryBuilder::new(), taken);
        let stand = |history: HistoryBuilder, marker: &&str| {
            history.and_stored(stored("agent-1", marker, 1))
        };
        check(&order.iter().fold(history, stand).read_back().finish())
    }

    #[test]
    fn accepts_an_urgent_event_before_all_that_was_taken_later() {
        for order in [
            ["1", "2", "3", "urgent", "4", "5", "6"],
            ["urgent", "1", "2", "3", "4", "5", "6"],
            ["1", "2", "3", "4", "urgent", "5", "6"],
        ] {
            let verdict = standing(&order);
            assert_eq!(verdict.outcome, Outcome::Valid, "{order:?}: {}", verdict.summary);
        }
    }

    #[test]
    fn rejects_an_urgent_event_behind_one_that_was_taken_later() {
        let verdict = standing(&["1", "2", "3", "4", "5", "urgent", "6"]);
        assert_eq!(verdict.outcome, Outcome::Invalid);
        assert_eq!(verdict.findings[0].id, "priority.overtaken");
        let evidence = &verdict.findings[0].evidence;
        assert!(evidence.contains("- urgent (normal #1, agent_scan/completed)"), "{evidence}");
        assert!(evidence.contains("before it went 5 ("), "{evidence}");
    }

    #[test]
    fn another_producers_events_and_doubtful_ones_do_not_count() {
        let elsewhere = HistoryBuilder::new()
            .urgent("agent-1", "urgent")
            .after(1000)
            .emitted("agent-2", "later", 1)
            .and_stored(stored("agent-1", "urgent", 1));
        assert_eq!(check(&elsewhere.read_back().finish()).outcome, Outcome::Valid);
        let lost = standing(&["1", "2", "3", "4", "5", "6"]);
        assert_eq!(lost.outcome, Outcome::Valid, "delivery speaks of what is lost");
    }

    #[test]
    fn what_is_taken_after_the_read_counts_too_and_once() {
        let read = HistoryBuilder::new()
            .and_stored(stored("agent-1", "other", 1))
            .and_stored(stored("agent-1", "urgent", 1))
            .read_back();
        let late = read.urgent("agent-1", "urgent").after(1000);
        let verdict = check(&late.emitted_but_lost("agent-1", "other", 1).finish());
        assert_eq!(verdict.outcome, Outcome::Invalid);
        assert_eq!((verdict.counts["urgent"], verdict.counts["overtaken"]), (1, 1));
    }

    #[test]
    fn more_producers_than_a_moment_tells_apart_are_unknown() {
        let many = (0..=MOST_PRODUCERS).fold(HistoryBuilder::new(), |history, number| {
            history.emitted(&format!("agent-{number}"), &format!("m-{number}"), 1)
        });
        let history = many.urgent("agent-0", "urgent").read_back().finish();
        assert_eq!(check(&history).outcome, Outcome::Unknown);
    }

    #[test]
    fn cannot_tell_without_urgent_events_or_a_read() {
        let calm = HistoryBuilder::new().emitted_many("agent-1", 3).read_back();
        assert_eq!(check(&calm.finish()).outcome, Outcome::Unknown);
        let unread = HistoryBuilder::new().urgent("agent-1", "urgent");
        assert_eq!(check(&unread.finish()).outcome, Outcome::Unknown);
    }
}
