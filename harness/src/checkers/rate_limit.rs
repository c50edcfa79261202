//! A limit lets in what its bucket holds, no more and no less, and says when to come back.
//!
//! A bucket holds so many calls and fills again evenly. When exactly a call was taken out of it is
//! not known, only that it was between the call's beginning and its end; each judgement is made
//! for the moments that speak for the limit. One pass over each caller's calls.

use std::collections::BTreeMap;

use super::Verdict;
use super::evidence::{Wrongs, moment};
use crate::history::{Call, CallView, History, Phase};

const CHECKER: &str = "rate limit";
const SECOND: u64 = 1_000_000_000;

/// Judges the limits on calls.
pub fn check(history: &History) -> Verdict {
    let calls = history.calls();
    if calls.is_empty() {
        return Verdict::unknown(CHECKER, "nothing was called that is limited");
    }
    let mut by_caller: BTreeMap<&str, Vec<&CallView<'_>>> = BTreeMap::new();
    for call in &calls {
        by_caller.entry(&call.call.caller).or_default().push(call);
    }
    let mut wrong = Wrong { beyond: Wrongs::new(), early: Wrongs::new(), waits: Wrongs::new() };
    for (caller, calls) in &by_caller {
        wrong.look_for_too_many(caller, calls);
        wrong.look_at_refusals(caller, calls);
    }
    let admitted = calls.iter().filter(|call| call.phase == Phase::Ok).count();
    let refused = calls.iter().filter(|call| call.phase == Phase::Fail).count();
    let summary = wrong.summary(admitted, refused, by_caller.len());
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

impl Wrong {
    /// A call is too many if between the beginning of one before it and the end of all until it
    /// more were admitted than a full bucket holds and gets.
    fn look_for_too_many(&mut self, caller: &str, calls: &[&CallView<'_>]) {
        // With the calls numbered as they began: the least that one before may be the first of.
        let (mut least, mut ended) = (i128::MAX, 0);
        let admitted = calls.iter().filter(|call| call.phase == Phase::Ok);
        for (number, call) in admitted.enumerate() {
            let (number, share) = (number as i128, i128::from(share(call.call)));
            least = least.min(number * share - i128::from(call.began));
            ended = ended.max(call.ended.unwrap_or(u64::MAX));
            let until = (number + 1 - i128::from(call.call.holds)) * share - i128::from(ended);
            if until > least {
                self.beyond.add(caller, call.began);
            }
        }
    }

    /// A caller is sent away wrongly if a call is left even when all others that may have come
    /// before were taken out as late as can be.
    fn look_at_refusals(&mut self, caller: &str, calls: &[&CallView<'_>]) {
        let end = |call: &CallView<'_>| call.ended.unwrap_or(u64::MAX);
        // What nobody knows the end of may have been taken out, too.
        let taken = calls.iter().filter(|call| call.phase != Phase::Fail);
        let mut latest: Vec<u64> = taken.clone().map(|call| end(call)).collect();
        latest.sort_unstable();
        let mut refused: Vec<_> = calls.iter().filter(|call| call.phase == Phase::Fail).collect();
        refused.sort_unstable_by_key(|call| end(call));
        let begun: Vec<u64> = taken.map(|call| call.began).collect();

        let (mut level, mut at, mut next) = (0_u64, 0, 0);
        for call in refused {
            let (share, now) = (share(call.call), end(call));
            while next < latest.len() && latest[next] <= now {
                level = level.saturating_sub(latest[next] - at) + share;
                (at, next) = (latest[next], next + 1);
            }
            let under_way = begun.partition_point(|began| *began <= now) - next;
            let level = level.saturating_sub(now - at) + under_way as u64 * share;
            if level + share <= u64::from(call.call.holds) * share {
                self.early.add(caller, call.began);
            }
            let whole = share.div_ceil(SECOND);
            if call.call.wait.is_none_or(|wait| wait == 0 || wait > whole) {
                self.waits.add(caller, (call.began, call.call.wait));
            }
        }
    }

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
