//! Delivery and order for systems that promise less than exactly once: what their promise allows is
//! counted, and is no finding.

use std::collections::HashSet;

use super::table::key;
use super::{Checker, Verdict, delivery, order};
use crate::history::{Action, Entries, Entry, Header};

/// Nothing lost, invented or undead; copies are allowed.
pub const AT_LEAST_ONCE: Checker = Checker { name: "delivery", check: at_least_once };

/// Nothing doubled, invented or undead; losses are allowed.
pub const AT_MOST_ONCE: Checker = Checker { name: "delivery", check: at_most_once };

/// Order within producer and lane, where further copies of an event may stand anywhere.
pub const ORDER_OF_FIRST_COPIES: Checker = Checker { name: "order", check: order_of_first_copies };

/// Order within producer and lane, where any event may be missing.
pub const ORDER_WITH_GAPS: Checker = Checker { name: "order", check: order_with_gaps };

fn at_least_once(history: &dyn Entries) -> Verdict {
    allowing(delivery::check(history), "delivery.duplicated", |verdict| {
        format!(
            "all {} events that were taken are stored{}",
            taken(verdict),
            also(verdict, "duplicated", "further copies")
        )
    })
}

fn at_most_once(history: &dyn Entries) -> Verdict {
    allowing(delivery::check(history), "delivery.lost", |verdict| {
        format!(
            "of {} events that were taken none is stored twice{}",
            taken(verdict),
            also(verdict, "lost", "lost")
        )
    })
}

fn order_of_first_copies(history: &dyn Entries) -> Verdict {
    order::check(&FirstCopies(history))
}

fn order_with_gaps(history: &dyn Entries) -> Verdict {
    allowing(order::check(history), "order.gap", |verdict| {
        let sequenced = verdict.counts.get("sequenced").copied().unwrap_or(0);
        format!("{sequenced} events stand in order{}", also(verdict, "gaps", "gaps"))
    })
}

/// The verdict without what is allowed. If nothing else is wrong, `summary` says how it is.
fn allowing(verdict: Verdict, allowed: &str, summary: fn(&Verdict) -> String) -> Verdict {
    if !verdict.findings.iter().any(|finding| finding.id == allowed) {
        return verdict;
    }
    let (_, wrong): (Vec<_>, Vec<_>) =
        verdict.findings.iter().cloned().partition(|finding| finding.id == allowed);
    let told = if wrong.is_empty() { summary(&verdict) } else { verdict.summary.clone() };
    Verdict { counts: verdict.counts, ..Verdict::on(&verdict.checker, wrong, told) }
}

fn taken(verdict: &Verdict) -> u64 {
    let count = |name: &str| verdict.counts.get(name).copied().unwrap_or(0);
    count("taken").saturating_sub(count("taken_after_read"))
}

fn also(verdict: &Verdict, count: &str, what: &str) -> String {
    match verdict.counts.get(count) {
        None | Some(0) => String::new(),
        Some(count) => format!("; {count} {what}, which is allowed"),
    }
}

/// The same history, with only the first copy of each event in what was read back.
struct FirstCopies<'a>(&'a dyn Entries);

impl Entries for FirstCopies<'_> {
    fn header(&self) -> &Header {
        self.0.header()
    }

    fn each(&self, look: &mut dyn FnMut(&Entry)) {
        let mut seen = HashSet::new();
        self.0.each(&mut |entry| {
            let Action::Read { events, .. } = &entry.action else { return look(entry) };
            if events.is_empty() {
                return look(entry);
            }
            let mut page = entry.clone();
            if let Action::Read { events, .. } = &mut page.action {
                events.retain(|event| match &event.marker {
                    Some(marker) => seen.insert((entry.operation, key(marker))),
                    None => true,
                });
            }
            look(&page);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::Outcome;
    use crate::history::build::{HistoryBuilder, stored};

    fn judged(checker: Checker, history: HistoryBuilder) -> (Outcome, String) {
        let verdict = (checker.check)(&history.read_back().finish());
        (verdict.outcome, verdict.summary)
    }

    fn doubled() -> HistoryBuilder {
        let mut copy = stored("agent-1", "agent-1-1", 1);
        copy.id = "copy".into();
        HistoryBuilder::new().emitted_many("agent-1", 3).and_stored(copy)
    }

    fn with_a_loss() -> HistoryBuilder {
        HistoryBuilder::new().emitted_many("agent-1", 3).tampered(|events| {
            events.remove(1);
        })
    }

    #[test]
    fn at_least_once_allows_copies_and_no_loss() {
        let (outcome, summary) = judged(AT_LEAST_ONCE, doubled());
        assert_eq!(outcome, Outcome::Valid, "{summary}");
        assert!(summary.contains("1 further copies"), "{summary}");
        assert_eq!(judged(AT_LEAST_ONCE, with_a_loss()).0, Outcome::Invalid);
    }

    #[test]
    fn at_most_once_allows_losses_and_no_copy() {
        let (outcome, summary) = judged(AT_MOST_ONCE, with_a_loss());
        assert_eq!(outcome, Outcome::Valid, "{summary}");
        assert!(summary.contains("1 lost, which is allowed"), "{summary}");
        assert_eq!(judged(AT_MOST_ONCE, doubled()).0, Outcome::Invalid);
    }

    #[test]
    fn order_is_judged_without_what_the_promise_allows() {
        assert_eq!(judged(ORDER_OF_FIRST_COPIES, doubled()).0, Outcome::Valid);
        assert_eq!(judged(ORDER_WITH_GAPS, with_a_loss()).0, Outcome::Valid);
        let swapped = || {
            let history = HistoryBuilder::new().emitted_many("agent-1", 3);
            history.tampered(|events| events.swap(0, 2))
        };
        assert_eq!(judged(ORDER_OF_FIRST_COPIES, swapped()).0, Outcome::Invalid);
        assert_eq!(judged(ORDER_WITH_GAPS, swapped()).0, Outcome::Invalid);
        assert_eq!(judged(ORDER_OF_FIRST_COPIES, with_a_loss()).0, Outcome::Invalid);
    }

    #[test]
    fn nothing_read_back_is_unknown() {
        let unread = HistoryBuilder::new().emitted_many("agent-1", 3).finish();
        for checker in [AT_LEAST_ONCE, AT_MOST_ONCE, ORDER_OF_FIRST_COPIES, ORDER_WITH_GAPS] {
            assert_eq!((checker.check)(&unread).outcome, Outcome::Unknown);
        }
    }
}
