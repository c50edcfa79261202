//! Calls that fail are made again seldom, ever more seldom, and not by all at the same moment.
//!
//! While calls of one kind fail, one for each longest wait would be enough to learn that they
//! succeed again; what a caller makes beyond that is its amplification. How waits grow and spread
//! is judged on their distribution: over all callers, by how many failures in a row came before.
//! Waits that a refusal asked for are apart from those: they need not grow, and must spread too,
//! since a whole fleet may have been asked for the same. For systems that promise it.

use std::collections::{HashMap, HashSet};

use super::Verdict;
use super::evidence::{Wrongs, moment};
use super::spread::Waits;
use crate::finding::{Finding, Severity};
use crate::history::{Action, Attempt, Entries, Entry, PartState, Phase};
use crate::promises::RetryPromise;

const CHECKER: &str = "retry";
const MILLISECOND: u64 = 1_000_000;
/// Waits after more failures in a row than this are thrown together: they are the late ones.
const LATE: usize = 3;

/// Judges retries.
pub fn check(history: &dyn Entries) -> Verdict {
    let Some(promise) = &history.header().promises.retries else {
        return Verdict::unknown(CHECKER, "the system promises nothing of its retries");
    };
    let mut judgement = Judgement::new(promise);
    history.each(&mut |entry| judgement.observe(entry));
    judgement.verdict()
}

/// Failures in a row of one caller's calls of one kind.
#[derive(Clone, Copy)]
struct Streak {
    began: u64,
    tries: u64,
    last_ended: u64,
    /// Whether the last failure asked for a wait.
    asked: bool,
    told: bool,
}

/// More tries than a failure needs.
struct Excess {
    call: String,
    from: u64,
    until: u64,
    tries: u64,
    allowed: u64,
}

struct Judgement<'a> {
    promise: &'a RetryPromise,
    /// When the calls under way began.
    under_way: HashMap<u64, u64>,
    /// By caller and call.
    streaks: HashMap<String, HashMap<String, Streak>>,
    /// By the number of failures before.
    waits: [Waits; LATE + 1],
    /// Those that a refusal asked for.
    asked: Waits,
    excess: Wrongs<Excess>,
    tries: u64,
    succeeded: u64,
    retries: u64,
    callers: HashSet<String>,
}

impl<'a> Judgement<'a> {
    fn new(promise: &'a RetryPromise) -> Self {
        Self {
            promise,
            under_way: HashMap::new(),
            streaks: HashMap::new(),
            waits: Default::default(),
            asked: Waits::default(),
            excess: Wrongs::new(),
            tries: 0,
            succeeded: 0,
            retries: 0,
            callers: HashSet::new(),
        }
    }

    fn observe(&mut self, entry: &Entry) {
        match &entry.action {
            Action::Attempt(attempt) if self.promise.is_of(&attempt.call) => match entry.phase {
                Phase::Invoke => self.began(entry, attempt),
                Phase::Ok => {
                    self.under_way.remove(&entry.operation);
                    self.succeeded += 1;
                    if let Some(streaks) = self.streaks.get_mut(&attempt.caller) {
                        streaks.remove(&attempt.call);
                    }
                }
                Phase::Fail | Phase::Indeterminate => self.failed(entry, attempt),
            },
            // What it begins anew it has not tried before.
            Action::Part { part, state: PartState::Started, .. } => {
                self.streaks.remove(part);
            }
            _ => {}
        }
    }

    fn began(&mut self, entry: &Entry, attempt: &Attempt) {
        self.under_way.insert(entry.operation, entry.at);
        self.tries += 1;
        if !self.callers.contains(&attempt.caller) {
            self.callers.insert(attempt.caller.clone());
        }
        let streaks = self.streaks.get_mut(&attempt.caller);
        let Some(streak) = streaks.and_then(|it| it.get_mut(&attempt.call)) else { return };
        self.retries += 1;
        let failures = usize::try_from(streak.tries).unwrap_or(LATE + 1);
        let waits = match streak.asked {
            true => &mut self.asked,
            false => &mut self.waits[(failures - 1).min(LATE)],
        };
        waits.add(entry.at.saturating_sub(streak.last_ended));
        streak.tries += 1;
        let lasts = entry.at - streak.began;
        let longest = self.promise.longest.max(1) * MILLISECOND;
        let allowed = u64::from(self.promise.amplification) * (longest + lasts) / longest;
        if streak.tries > allowed && !streak.told {
            streak.told = true;
            let (from, until, tries) = (streak.began, entry.at, streak.tries);
            let call = attempt.call.clone();
            self.excess.add(&attempt.caller, || Excess { call, from, until, tries, allowed });
        }
    }

    fn failed(&mut self, entry: &Entry, attempt: &Attempt) {
        let began = self.under_way.remove(&entry.operation).unwrap_or(entry.at);
        let new = Streak { began, tries: 1, last_ended: 0, asked: false, told: false };
        let streaks = self.streaks.entry(attempt.caller.clone()).or_default();
        let streak = streaks.entry(attempt.call.clone()).or_insert(new);
        (streak.last_ended, streak.asked) = (entry.at, attempt.wait.is_some());
    }

    fn verdict(self) -> Verdict {
        if self.tries == 0 {
            return Verdict::unknown(CHECKER, "no call was seen that would be retried");
        }
        let mut findings = self.excess.findings(
            "retry.amplification",
            "wait after each failure, longer each time, and as long as a refusal asks",
            |count| match count {
                1 => "1 failure was answered with a storm of tries".into(),
                _ => format!("{count} failures were answered with storms of tries"),
            },
            |one| {
                let Excess { call, from, until, tries, allowed } = one;
                let (from, until) = (moment(*from), moment(*until));
                format!("{call}: {tries} tries from {from} to {until}, where {allowed} are allowed")
            },
        );
        findings.extend(self.waits_that_do_not_grow());
        findings.extend(self.waits_in_step());
        let (retries, callers) = (self.retries, self.callers.len());
        let summary = match (findings.first(), retries) {
            (Some(finding), _) => finding.evidence.lines().take(2).collect::<Vec<_>>().join(" "),
            (None, 0) => format!("{callers} callers had nothing to try again"),
            (None, _) => format!("{callers} callers tried again {retries} times, within bounds"),
        };
        Verdict::on(CHECKER, findings, summary).counting([
            ("tries", self.tries),
            ("succeeded", self.succeeded),
            ("retries", retries),
            ("callers", callers as u64),
            ("storms", self.excess.count()),
        ])
    }

    fn waits_that_do_not_grow(&self) -> Option<Finding> {
        let (early, late) = (&self.waits[0], &self.waits[LATE]);
        if !early.tell() || !late.tell() || late.median() >= 2 * early.median().max(1) {
            return None;
        }
        Some(wrong(
            "retry.waits",
            format!(
                "after the first failure callers waited {} (the middle of {}), after {} and more \
                 {} (the middle of {})",
                moment(early.median()),
                early.count(),
                LATE + 1,
                moment(late.median()),
                late.count()
            ),
            "let the wait grow with each failure in a row, as by doubling it",
        ))
    }

    /// One caller alone is no fleet.
    fn waits_in_step(&self) -> Option<Finding> {
        if self.callers.len() < 2 {
            return None;
        }
        let after = |failures: usize| match failures {
            1 => "1 failure".to_owned(),
            _ => format!("{failures} failures in a row"),
        };
        let own = (1..).map(after).zip(&self.waits);
        let asked = std::iter::once(("a refusal that asked for a wait".to_owned(), &self.asked));
        let worst = own.chain(asked).filter(|(_, waits)| waits.tell());
        let (before, waits) = worst.max_by_key(|(_, waits)| waits.in_step())?;
        (waits.in_step() > self.promise.lock_step).then(|| {
            wrong(
                "retry.lock_step",
                format!(
                    "of {} waits after {before} {} % are the same to a tenth, about {}",
                    waits.count(),
                    waits.in_step(),
                    moment(waits.median())
                ),
                "draw each wait by chance, those that were asked for too, so that callers that \
                 failed together do not come back together",
            )
        })
    }
}

fn wrong(id: &str, evidence: String, advice: &str) -> Finding {
    let place = "the callers together".to_owned();
    Finding { id: id.into(), severity: Severity::Error, place, evidence, advice: advice.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::Outcome;
    use crate::history::build::HistoryBuilder;
    use crate::promises::Promises;
    use rand::RngExt;

    const CALL: &str = "POST /events";

    fn history() -> HistoryBuilder {
        let retries = RetryPromise { calls: vec!["/events".into()], ..RetryPromise::default() };
        HistoryBuilder::new().promising(Promises { retries: Some(retries), ..Promises::default() })
    }

    /// Callers that one after the other fail some times, wait as they are told after each, and
    /// succeed.
    fn outage(callers: usize, failures: usize, wait: impl Fn(usize, usize) -> u64) -> Verdict {
        let mut built = history();
        for caller in 0..callers {
            let name = format!("agent-{caller}");
            for failure in 0..failures {
                built = built.attempt(&name, CALL, Phase::Fail).after(wait(caller, failure));
            }
            built = built.attempt(&name, CALL, Phase::Ok);
        }
        check(&built.finish())
    }

    #[track_caller]
    fn rejected(verdict: &Verdict, ids: &[&str]) {
        assert_eq!(verdict.outcome, Outcome::Invalid, "{}", verdict.summary);
        let found: Vec<&str> = verdict.findings.iter().map(|finding| &*finding.id).collect();
        assert_eq!(found, ids, "{:#?}", verdict.findings);
    }

    #[test]
    fn accepts_waits_that_grow_and_are_drawn_by_chance() {
        for seed in 0..20 {
            let random = std::cell::RefCell::new(crate::seed::Seed(seed).stream("waits"));
            let wait = |_: usize, failure: usize| {
                let longest = (100_u64 << failure).min(2000);
                random.borrow_mut().random_range(0..=longest)
            };
            let verdict = outage(20, 8, wait);
            assert_eq!(verdict.outcome, Outcome::Valid, "seed {seed}: {:#?}", verdict.findings);
            assert_eq!(verdict.counts["retries"], 160);
        }
    }

    #[test]
    fn accepts_calls_that_never_fail() {
        let verdict = check(&history().attempt("agent-1", CALL, Phase::Ok).finish());
        assert_eq!(verdict.outcome, Outcome::Valid);
        assert!(verdict.summary.contains("nothing to try again"), "{}", verdict.summary);
    }

    #[test]
    fn rejects_a_storm_and_names_it() {
        let verdict = outage(1, 40, |_, _| 0);
        rejected(&verdict, &["retry.amplification"]);
        let finding = &verdict.findings[0];
        assert_eq!(finding.place, "agent-0");
        assert!(
            finding
                .evidence
                .ends_with("- POST /events: 9 tries from 0.010 s to 0.170 s, where 8 are allowed"),
            "{}",
            finding.evidence
        );
    }

    #[test]
    fn a_part_that_starts_again_begins_anew() {
        let mut built = history();
        for _ in 0..20 {
            built = built.attempt("agent-1", CALL, Phase::Fail).part("agent-1", PartState::Started);
        }
        assert_eq!(check(&built.finish()).outcome, Outcome::Valid);
    }

    #[test]
    fn rejects_waits_that_do_not_grow() {
        let verdict =
            outage(20, 7, |caller, failure| 500 + (caller * 7 + failure * 3) as u64 % 20 * 50);
        rejected(&verdict, &["retry.waits"]);
    }

    #[test]
    fn rejects_callers_in_lock_step() {
        rejected(&outage(20, 7, |_, failure| 100_u64 << failure), &["retry.lock_step"]);
    }

    /// Callers that are refused twice and told to wait for a second, wait as long, and fail four
    /// times more after waits of their own.
    fn refused_first(wait: impl Fn(usize) -> u64) -> Verdict {
        let mut built = history();
        for caller in 0..20 {
            let name = format!("agent-{caller}");
            for _ in 0..2 {
                built = built.refused_attempt(&name, CALL, 1).after(wait(caller));
            }
            for failure in 2..7 {
                let own = (100 << failure).min(2000) * (caller as u64 + 1) / 20;
                built = built.attempt(&name, CALL, Phase::Fail).after(own);
            }
            built = built.attempt(&name, CALL, Phase::Ok);
        }
        check(&built.finish())
    }

    #[test]
    fn waits_that_were_asked_for_need_not_grow_and_must_spread() {
        let spread = refused_first(|caller| 1000 + caller as u64 * 50);
        assert_eq!(spread.outcome, Outcome::Valid, "{:#?}", spread.findings);
        let in_step = refused_first(|caller| 1000 + caller as u64 % 5);
        rejected(&in_step, &["retry.lock_step"]);
        let said = "of 40 waits after a refusal that asked for a wait 100 % are the same";
        assert!(in_step.summary.starts_with(said), "{}", in_step.summary);
    }

    #[test]
    fn cannot_tell_without_calls_or_a_promise() {
        let other = history().attempt("agent-1", "GET /commands", Phase::Fail);
        assert_eq!(check(&other.finish()).outcome, Outcome::Unknown);
        let unpromised = HistoryBuilder::new().attempt("agent-1", CALL, Phase::Ok);
        assert_eq!(check(&unpromised.finish()).outcome, Outcome::Unknown);
    }
}
