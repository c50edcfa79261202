//! A limit lets in what its bucket holds, no more and no less, and says when to come back.
//!
//! A bucket holds so many calls and fills again evenly. When exactly a call was taken out of it is
//! not known, only that it was between the call's beginning and its end; each judgement is made
//! for the moments that speak for the limit. One pass over each caller's calls.

use std::collections::{BTreeMap, VecDeque};

use super::Verdict;
use super::evidence::{Wrongs, moment};
use crate::history::{Action, Call, Entries, Entry, Phase};

const CHECKER: &str = "rate limit";
const SECOND: u64 = 1_000_000_000;

/// Judges the limits on calls. Goes through the history once, and holds what is under way.
pub fn check(history: &dyn Entries) -> Verdict {
    let mut callers: BTreeMap<String, Caller> = BTreeMap::new();
    let mut wrong = Wrong { beyond: Wrongs::new(), early: Wrongs::new(), waits: Wrongs::new() };
    let (mut admitted, mut refused) = (0, 0);
    history.each(&mut |entry| {
        let Action::Call(call) = &entry.action else { return };
        if !callers.contains_key(&call.caller) {
            callers.insert(call.caller.clone(), Caller::default());
        }
        let Some(caller) = callers.get_mut(&call.caller) else { return };
        admitted += usize::from(entry.phase == Phase::Ok);
        refused += usize::from(entry.phase == Phase::Fail);
        caller.observe(entry, call, &mut wrong);
    });
    if callers.is_empty() {
        return Verdict::unknown(CHECKER, "nothing was called that is limited");
    }
    for (name, caller) in &mut callers {
        caller.finish(name, &mut wrong);
    }
    let summary = wrong.summary(admitted, refused, callers.len());
    Verdict::on(CHECKER, wrong.findings(), summary).counting([
        ("admitted", admitted as u64),
        ("refused", refused as u64),
        ("too_many", wrong.beyond.count()),
        ("sent_away_early", wrong.early.count()),
        ("waits", wrong.waits.count()),
    ])
}

/// What is wrong, by kind, with the moments of the calls.
struct Wrong {
    beyond: Wrongs<u64>,
    early: Wrongs<u64>,
    waits: Wrongs<(u64, Option<u64>)>,
}

/// Nanoseconds in which a bucket gets one call more.
fn share(call: &Call) -> u64 {
    call.fills_in * 1_000_000 / u64::from(call.holds.max(1))
}

/// A call that is under way, or waits for one before it.
struct Begun {
    operation: u64,
    began: u64,
    /// How it ended, and when.
    end: Option<(Phase, u64)>,
}

/// A call that was sent away, until it is known what became of those under way at that time.
struct Refused {
    began: u64,
    at: u64,
    /// What the bucket had given and not got back, in nanoseconds, at least.
    level: u64,
    share: u64,
    holds: u32,
    under_way: u64,
}

/// One caller's bucket.
#[derive(Default)]
struct Caller {
    /// In the order of beginnings, from the first that has not ended on.
    calls: VecDeque<Begun>,
    /// The calls admitted so far, in the order of beginnings; the latest end of any; and of those
    /// numbers the least that one of them may be the first of.
    admitted: i128,
    ended: u64,
    least: Option<i128>,
    /// What was taken out as late as can be, by the time of the last such call.
    level: u64,
    at: u64,
    refused: VecDeque<Refused>,
    share: u64,
    holds: u32,
}

impl Caller {
    fn observe(&mut self, entry: &Entry, call: &Call, wrong: &mut Wrong) {
        if entry.phase == Phase::Invoke {
            let (operation, began) = (entry.operation, entry.at);
            return self.calls.push_back(Begun { operation, began, end: None });
        }
        let known = self.calls.iter_mut().rev().find(|known| known.operation == entry.operation);
        let began = known.map_or(entry.at, |known| {
            known.end = Some((entry.phase, entry.at));
            known.began
        });
        let share = share(call);
        (self.share, self.holds) = (share, call.holds);
        if entry.phase == Phase::Fail {
            let whole = share.div_ceil(SECOND);
            if call.wait.is_none_or(|wait| wait == 0 || wait > whole) {
                wrong.waits.add(&call.caller, || (began, call.wait));
            }
            let level = self.level.saturating_sub(entry.at - self.at);
            let (at, holds) = (entry.at, call.holds);
            self.refused.push_back(Refused { began, at, level, share, holds, under_way: 0 });
        } else {
            self.level = self.level.saturating_sub(entry.at - self.at) + share;
            self.at = entry.at;
            let meanwhile = self.refused.iter_mut().filter(|refused| refused.at >= began);
            meanwhile.for_each(|refused| refused.under_way += 1);
        }
        self.look_for_too_many(&call.caller, wrong);
        let settled = self.calls.front().map_or(u64::MAX, |open| open.began);
        self.look_at_refusals(&call.caller, settled, wrong);
    }

    /// A call is too many if between the beginning of one before it and the end of all until it
    /// more were admitted than a full bucket holds and gets.
    fn look_for_too_many(&mut self, caller: &str, wrong: &mut Wrong) {
        let (share, holds) = (i128::from(self.share), i128::from(self.holds));
        while let Some(Begun { began, end: Some((phase, ended)), .. }) = self.calls.front() {
            let (began, phase, ended) = (*began, *phase, *ended);
            self.calls.pop_front();
            if phase != Phase::Ok {
                continue;
            }
            let first = self.admitted * share - i128::from(began);
            let least = self.least.map_or(first, |least| least.min(first));
            (self.least, self.ended) = (Some(least), self.ended.max(ended));
            if (self.admitted + 1 - holds) * share - i128::from(self.ended) > least {
                wrong.beyond.add(caller, || began);
            }
            self.admitted += 1;
        }
    }

    /// A caller is sent away wrongly if a call is left even when all others that may have come
    /// before were taken out as late as can be. What was under way, and was not sent away itself,
    /// may have come before; what that was is known of all that began before `settled`.
    fn look_at_refusals(&mut self, caller: &str, settled: u64, wrong: &mut Wrong) {
        while let Some(refused) = self.refused.pop_front_if(|refused| refused.at < settled) {
            let level = refused.level + refused.under_way * refused.share;
            if level + refused.share <= u64::from(refused.holds) * refused.share {
                wrong.early.add(caller, || refused.began);
            }
        }
    }

    /// What never ended may have been taken out.
    fn finish(&mut self, caller: &str, wrong: &mut Wrong) {
        for call in self.calls.iter().filter(|call| call.end.is_none()) {
            let meanwhile = self.refused.iter_mut().filter(|refused| refused.at >= call.began);
            meanwhile.for_each(|refused| refused.under_way += 1);
        }
        self.look_at_refusals(caller, u64::MAX, wrong);
        // The calls behind one that never ended wait for it no longer.
        self.calls.retain(|call| call.end.is_some());
        self.look_for_too_many(caller, wrong);
    }
}

impl Wrong {
    fn summary(&self, admitted: usize, refused: usize, callers: usize) -> String {
        let counts = [
            (self.beyond.count(), "admitted beyond the bucket"),
            (self.early.count(), "sent away while calls were left"),
            (self.waits.count(), "told a wait that is not the bucket's"),
        ];
        let wrong = counts.into_iter().filter(|(count, _)| *count > 0);
        let wrong: Vec<String> = wrong.map(|(count, what)| format!("{count} {what}")).collect();
        if wrong.is_empty() {
            return format!("{admitted} calls of {callers} callers admitted, {refused} sent away");
        }
        format!("of {} calls: {}", admitted + refused, wrong.join(", "))
    }

    fn findings(&self) -> Vec<crate::finding::Finding> {
        let calls = |count: usize| match count {
            1 => "1 call was".to_owned(),
            _ => format!("{count} calls were"),
        };
        let at = |began: &u64| format!("the call of {}", moment(*began));
        let mut findings = self.beyond.findings(
            "rate-limit.too-many",
            "take a call out of the bucket in the same step that looks whether it has one",
            |count| format!("{} admitted beyond what the bucket holds", calls(count)),
            at,
        );
        findings.extend(self.early.findings(
            "rate-limit.too-few",
            "let nobody else's calls, and none that were sent away, count against a caller",
            |count| format!("{} sent away while the bucket had some left", calls(count)),
            at,
        ));
        findings.extend(self.waits.findings(
            "rate-limit.wait",
            "say in Retry-After when the next call's share is there, in whole seconds, rounded up",
            |count| format!("{} told a wait that is not the bucket's", calls(count)),
            |(began, wait)| match wait {
                Some(wait) => format!("the call of {}: {wait} s", moment(*began)),
                None => format!("the call of {}: none", moment(*began)),
            },
        ));
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::Outcome;
    use crate::history::build::HistoryBuilder;

    fn judged(history: HistoryBuilder) -> (Outcome, Vec<String>) {
        let verdict = check(&history.finish());
        let ids = verdict.findings.into_iter().map(|finding| finding.id);
        (verdict.outcome, ids.collect())
    }

    /// A caller who has used up a bucket of 2 that fills in 2 s.
    fn used_up() -> HistoryBuilder {
        HistoryBuilder::new().call("a", None).call("a", None)
    }

    fn rejected(history: HistoryBuilder, id: &str) {
        assert_eq!(judged(history), (Outcome::Invalid, vec![id.to_owned()]));
    }

    #[test]
    fn accepts_a_bucket_that_is_used_up_and_fills_again() {
        let history = used_up().call("a", Some(1)).after(1000).call("a", None).call("a", Some(1));
        assert_eq!(judged(history), (Outcome::Valid, vec![]));
        let rested = used_up().after(5000).call("a", None).call("a", None).call("a", Some(1));
        assert_eq!(judged(rested), (Outcome::Valid, vec![]));
    }

    #[test]
    fn accepts_callers_with_buckets_of_their_own() {
        let history = used_up().call("b", None).call("b", None).call("a", Some(1));
        assert_eq!(judged(history), (Outcome::Valid, vec![]));
    }

    #[test]
    fn rejects_a_call_beyond_the_bucket() {
        rejected(used_up().call("a", None), "rate-limit.too-many");
        let soon = used_up().after(1000).call("a", None).call("a", None);
        rejected(soon, "rate-limit.too-many");
    }

    #[test]
    fn rejects_a_refusal_while_calls_are_left() {
        rejected(HistoryBuilder::new().call("a", Some(1)), "rate-limit.too-few");
        rejected(used_up().after(1000).call("a", Some(1)), "rate-limit.too-few");
        let of_another = HistoryBuilder::new().call("b", None).call("b", None).call("a", Some(1));
        rejected(of_another, "rate-limit.too-few");
    }

    #[test]
    fn rejects_a_wait_that_is_not_the_buckets() {
        rejected(used_up().call("a", Some(0)), "rate-limit.wait");
        rejected(used_up().call("a", Some(2)), "rate-limit.wait");
    }

    #[test]
    fn cannot_tell_without_calls() {
        assert_eq!(judged(HistoryBuilder::new().emitted_many("agent-1", 3)).0, Outcome::Unknown);
    }
}
