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
use crate::history::{EmitView, History, Phase};

const CHECKER: &str = "priority";

/// How long a producer may take to choose what goes next, in nanoseconds: what is proposed
/// meanwhile may still come along.
const CHOOSING: u64 = 250_000_000;

/// Judges priority.
pub fn check(history: &History) -> Verdict {
    let emits = history.emits();
    let urgent = emits.iter().filter(|emit| emit.emit.urgent && emit.phase == Phase::Ok).count();
    if urgent == 0 {
        return Verdict::unknown(CHECKER, "no urgent event was taken, so none could wait");
    }
    let Some(read) = history.final_read() else {
        return Verdict::unknown(CHECKER, history.why_unread());
    };
    let by_marker: HashMap<&str, &EmitView<'_>> =
        emits.iter().map(|emit| (emit.emit.marker.as_str(), emit)).collect();
    let markers = read.events.iter().filter_map(|event| event.marker.as_deref());
    let overtaken = overtaken(markers.filter_map(|marker| by_marker.get(marker).copied()));

    let summary = match overtaken.count() {
        0 => format!("{urgent} urgent events went before all that was taken after them"),
        count => format!("{count} of {urgent} urgent events waited while later ones went"),
    };
    let faults = history.faults();
    let findings = overtaken.findings(
        "priority.overtaken",
        "send what is urgent first, whatever else waits, and look for it before each batch",
        |count| format!("{} overtaken by one that was taken later", events_are(count)),
        |(urgent, later)| {
            format!("{}; before it went {}", name_emit(urgent, &faults), name_emit(later, &faults))
        },
    );
    Verdict::on(CHECKER, findings, summary)
        .counting([("urgent", urgent as u64), ("overtaken", overtaken.count())])
}

/// The urgent events before which stands one that was proposed well after they were taken, each
/// with the latest of those.
fn overtaken<'a>(
    stored: impl Iterator<Item = &'a EmitView<'a>>,
) -> Wrongs<(&'a EmitView<'a>, &'a EmitView<'a>)> {
    let mut latest: HashMap<&str, &EmitView<'a>> = HashMap::new();
    let mut overtaken = Wrongs::new();
    for emit in stored {
        let producer = emit.emit.producer.as_str();
        if emit.emit.urgent {
            let taken = emit.ended.filter(|_| emit.phase == Phase::Ok);
            if let (Some(taken), Some(later)) = (taken, latest.get(producer))
                && later.began > taken + CHOOSING
            {
                overtaken.add(producer, (emit, *later));
            }
        } else {
            let before = latest.entry(producer).or_insert(emit);
            if before.began < emit.began {
                *before = emit;
            }
        }
    }
    overtaken
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
    fn cannot_tell_without_urgent_events_or_a_read() {
        let calm = HistoryBuilder::new().emitted_many("agent-1", 3).read_back();
        assert_eq!(check(&calm.finish()).outcome, Outcome::Unknown);
        let unread = HistoryBuilder::new().urgent("agent-1", "urgent");
        assert_eq!(check(&unread.finish()).outcome, Outcome::Unknown);
    }
}
