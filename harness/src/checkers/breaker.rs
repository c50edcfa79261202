//! Circuit breakers, judged from outside: by what parts say of them and by the calls that they let
//! through.
//!
//! What a part says is a look now and then, and a breaker may have moved on and back between two
//! looks; so a move is illegal only if the time between them, or the calls in it, leave no legal
//! way. The calls through a breaker are the attempts that bear its name; without them only its
//! states are judged. For systems that promise breakers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::evidence::{Wrongs, moment};
use super::facts::Facts;
use super::spread::Waits;
use super::{Outcome, Verdict};
use crate::finding::{Finding, Severity};
use crate::history::{Action, BreakerState, Entries, Entry, PartState, Phase};
use crate::promises::BreakerPromise;

const CHECKER: &str = "breaker";
const MILLISECOND: u64 = 1_000_000;

/// Judges circuit breakers.
pub fn check(history: &dyn Entries) -> Verdict {
    let Some(promise) = &history.header().promises.breakers else {
        return Verdict::unknown(CHECKER, "the system promises nothing of circuit breakers");
    };
    let mut judgement = Judgement::new(promise);
    history.each(&mut |entry| judgement.observe(entry));
    let facts = Facts::of(history);
    let ends = facts.faults().into_iter().map(|fault| fault.ended.unwrap_or(u64::MAX));
    judgement.verdict(ends.max().unwrap_or(0), facts.ended)
}

/// What was seen of one breaker.
struct Seen {
    state: BreakerState,
    /// When it was first seen so.
    since: u64,
    /// Failures in a row, and when the last of them ended.
    failures: u32,
    failed: u64,
    /// Calls that succeeded since it was last seen open.
    succeeded: u32,
    under_way: u32,
    /// Calls went through it.
    called: bool,
    /// No call has come since failures enough to open it.
    rests: bool,
}

impl Seen {
    fn new(at: u64) -> Self {
        Self {
            state: BreakerState::Closed,
            since: at,
            failures: 0,
            failed: at,
            succeeded: 0,
            under_way: 0,
            called: false,
            rests: false,
        }
    }
}

struct Judgement<'a> {
    promise: &'a BreakerPromise,
    breakers: BTreeMap<(String, String), Seen>,
    /// Calls that may yet turn out to go through a breaker.
    under_way: HashMap<u64, u64>,
    /// Parts that tell how much they hold, and those that also tell of their breakers.
    telling: BTreeSet<String>,
    showing: BTreeSet<String>,
    illegal: Wrongs<String>,
    unopened: Wrongs<String>,
    probes: Wrongs<String>,
    rests: Waits,
    opened: u64,
}

impl<'a> Judgement<'a> {
    fn new(promise: &'a BreakerPromise) -> Self {
        Self {
            promise,
            breakers: BTreeMap::new(),
            under_way: HashMap::new(),
            telling: BTreeSet::new(),
            showing: BTreeSet::new(),
            illegal: Wrongs::new(),
            unopened: Wrongs::new(),
            probes: Wrongs::new(),
            rests: Waits::default(),
            opened: 0,
        }
    }

    fn observe(&mut self, entry: &Entry) {
        match &entry.action {
            Action::Breaker { part, breaker, state } => {
                note(&mut self.showing, part);
                self.told(entry.at, part, breaker, *state);
            }
            Action::Backlog { part, .. } => note(&mut self.telling, part),
            Action::Attempt(attempt) => {
                let key = (attempt.caller.clone(), attempt.call.clone());
                // Only what somebody has said to be a breaker is one.
                if let Some(seen) = self.breakers.get_mut(&key) {
                    match entry.phase {
                        Phase::Invoke => {
                            self.under_way.insert(entry.operation, entry.at);
                            self.began(entry.at, &key);
                        }
                        end => {
                            if self.under_way.remove(&entry.operation).is_some() {
                                seen.ended(entry.at, end);
                            }
                        }
                    }
                }
            }
            // It knows nothing of its breakers' past.
            Action::Part { part, state: PartState::Started, .. } => {
                let its = self.breakers.iter_mut().filter(|((of, _), _)| of == part);
                its.for_each(|(_, seen)| *seen = Seen::new(entry.at));
            }
            _ => {}
        }
    }

    fn told(&mut self, at: u64, part: &str, breaker: &str, state: BreakerState) {
        let rests = self.promise.rests * MILLISECOND;
        let key = (part.to_owned(), breaker.to_owned());
        let seen = self.breakers.entry(key).or_insert_with(|| Seen::new(at));
        if seen.state == state {
            return;
        }
        self.opened += u64::from(state == BreakerState::Open);
        let since = at - seen.since;
        let wrong = match (seen.state, state) {
            // On the way it was open, for a whole rest.
            (BreakerState::Closed, BreakerState::HalfOpen) if since < rests => {
                Some("probes, but cannot have rested")
            }
            // On the way a probe succeeded.
            (BreakerState::Open, BreakerState::Closed) if seen.called && seen.succeeded == 0 => {
                Some("closed, but no probe succeeded")
            }
            (BreakerState::Closed, BreakerState::Open)
                if seen.called && seen.failures < self.promise.failures =>
            {
                Some("opened, but not by failures in a row")
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.illegal.add(part, || format!("{breaker} {wrong}, at {}", moment(at)));
        }
        (seen.state, seen.since) = (state, at);
        if state == BreakerState::Open {
            seen.succeeded = 0;
        }
    }

    fn began(&mut self, at: u64, key: &(String, String)) {
        let (limit, rests) = (self.promise.probes, self.promise.rests * MILLISECOND);
        let Some(seen) = self.breakers.get_mut(key) else { return };
        let (part, breaker) = key;
        seen.called = true;
        if seen.failures >= self.promise.failures {
            let rested = at - seen.failed;
            if rested < rests && !seen.rests {
                let after = seen.failures;
                let failed = seen.failed;
                self.unopened.add(part, || {
                    let (at, failed) = (moment(at), moment(failed));
                    format!(
                        "{breaker} let a call through at {at} after {after} failures in a row, \
                         the last at {failed}"
                    )
                });
            } else if seen.under_way >= limit {
                let probes = seen.under_way + 1;
                let at = moment(at);
                self.probes
                    .add(part, || format!("{breaker} has {probes} probes under way at {at}"));
            }
            if !seen.rests {
                self.rests.add(rested);
            }
            seen.rests = true;
        }
        seen.under_way += 1;
    }

    fn verdict(self, healed: u64, ended: u64) -> Verdict {
        let invisible: Vec<&String> = self.telling.difference(&self.showing).collect();
        if self.showing.is_empty() && invisible.is_empty() {
            return Verdict::unknown(CHECKER, "nobody was asked about circuit breakers");
        }
        let bound = healed.saturating_add(self.promise.closes_within * MILLISECOND);
        let left_open: Vec<(&str, String)> = self
            .breakers
            .iter()
            .filter(|(_, seen)| seen.state != BreakerState::Closed)
            .map(|((part, breaker), seen)| {
                let since = moment(seen.since);
                (part.as_str(), format!("{breaker} is {} since {since}", word(seen.state)))
            })
            .collect();
        let mut stuck = Wrongs::new();
        let undecided = !left_open.is_empty() && ended <= bound;
        if !undecided {
            left_open.iter().for_each(|(part, what)| stuck.add(part, || what.clone()));
        }
        let findings = self.findings(&invisible, &stuck, healed);
        let summary = match findings.first() {
            Some(finding) => format!("{}: {}", finding.place, finding.evidence.replace('\n', " ")),
            None if undecided => format!(
                "nobody can tell whether what is open closes: {} and {} more, and the history \
                 ends before {} s are over",
                left_open[0].1,
                left_open.len() - 1,
                self.promise.closes_within / 1000
            ),
            None => format!(
                "{} breakers opened {} times and are closed",
                self.breakers.len(),
                self.opened
            ),
        };
        let mut verdict = Verdict::on(CHECKER, findings, summary).counting([
            ("breakers", self.breakers.len() as u64),
            ("opened", self.opened),
            ("illegal", self.illegal.count()),
            ("not_opened", self.unopened.count()),
            ("probes", self.probes.count()),
            ("stuck", stuck.count()),
        ]);
        if undecided {
            verdict.outcome = Outcome::worst([verdict.outcome, Outcome::Unknown]);
        }
        verdict
    }

    fn findings(&self, invisible: &[&String], stuck: &Wrongs<String>, healed: u64) -> Vec<Finding> {
        let counted = |what: &'static str| move |count: usize| format!("{count} times {what}");
        let mut findings = self.illegal.findings(
            "breaker.illegal",
            "closed opens by failures, open rests and then probes, and only probes close",
            counted("a breaker moved as none may"),
            String::clone,
        );
        findings.extend(self.unopened.findings(
            "breaker.not_opened",
            "count failures in a row, and let nothing through once there are enough",
            counted("a call went through a breaker that must be open"),
            String::clone,
        ));
        findings.extend(self.probes.findings(
            "breaker.probes",
            "let the next probe through when the one before has ended",
            counted("more probes than allowed were under way"),
            String::clone,
        ));
        findings.extend(stuck.findings(
            "breaker.stuck",
            "let an open breaker probe after a rest that has a longest",
            |count| {
                let (within, healed) = (self.promise.closes_within / 1000, moment(healed));
                format!(
                    "{count} not closed {within} s after the last fault, which ended at {healed}"
                )
            },
            String::clone,
        ));
        findings.extend(invisible.iter().map(|part| Finding {
            id: "breaker.invisible".into(),
            severity: Severity::Error,
            place: (*part).clone(),
            evidence: "it says how much it holds, and nothing of its breakers".into(),
            advice: "show each breaker's state where health is asked for".into(),
        }));
        if self.rests.tell() && self.rests.in_step() > self.promise.lock_step {
            findings.push(Finding {
                id: "breaker.lock_step".into(),
                severity: Severity::Error,
                place: "the fleet".into(),
                evidence: format!(
                    "of {} rests {} % are the same to a tenth, about {}",
                    self.rests.count(),
                    self.rests.in_step(),
                    moment(self.rests.median())
                ),
                advice: "draw each rest by chance".into(),
            });
        }
        findings
    }
}

impl Seen {
    fn ended(&mut self, at: u64, phase: Phase) {
        self.under_way = self.under_way.saturating_sub(1);
        self.rests = false;
        if phase == Phase::Ok {
            (self.failures, self.succeeded) = (0, self.succeeded + 1);
        } else {
            (self.failures, self.failed) = (self.failures + 1, at);
        }
    }
}

fn note(parts: &mut BTreeSet<String>, part: &str) {
    if !parts.contains(part) {
        parts.insert(part.to_owned());
    }
}

fn word(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::Open => "open",
        BreakerState::HalfOpen => "half open",
    }
}

#[cfg(test)]
mod tests {
    use super::BreakerState::{Closed, HalfOpen, Open};
    use super::*;
    use crate::checkers::expect::{invalid, valid};
    use crate::history::build::HistoryBuilder;
    use crate::promises::Promises;

    /// A breaker that opens after 3 failures in a row, rests 1 s and must close within 10 s.
    fn watched() -> HistoryBuilder {
        let promise = BreakerPromise {
            failures: 3,
            rests: 1000,
            closes_within: 10_000,
            ..Default::default()
        };
        HistoryBuilder::new()
            .promising(Promises { breakers: Some(promise), ..Promises::default() })
            .breaker("agent-1", "apt", Closed)
    }

    fn tries(history: HistoryBuilder, phases: &[Phase]) -> HistoryBuilder {
        phases.iter().fold(history, |history, phase| history.attempt("agent-1", "apt", *phase))
    }

    fn opened() -> HistoryBuilder {
        tries(watched(), &[Phase::Fail; 3]).breaker("agent-1", "apt", Open)
    }

    fn healed(history: HistoryBuilder) -> HistoryBuilder {
        let probed = tries(history.after(1000), &[Phase::Ok]);
        probed.breaker("agent-1", "apt", Closed)
    }

    #[track_caller]
    fn accepted(history: HistoryBuilder) {
        valid(&check(&history.finish()));
    }

    #[track_caller]
    fn rejected(history: HistoryBuilder, id: &str, evidence: &str) {
        invalid(&check(&history.finish()), id, evidence);
    }

    #[test]
    fn accepts_a_breaker_that_opens_rests_probes_and_closes() {
        accepted(healed(opened()));
        let told = opened().after(1000).breaker("agent-1", "apt", HalfOpen);
        accepted(tries(told, &[Phase::Ok]).breaker("agent-1", "apt", Closed));
    }

    #[test]
    fn accepts_a_probe_that_fails_and_a_rest_after_it() {
        accepted(healed(tries(opened().after(1000), &[Phase::Fail])));
    }

    #[test]
    fn accepts_states_alone_with_what_lay_between_two_looks() {
        accepted(
            watched()
                .breaker("agent-1", "apt", Open)
                .after(2000)
                .breaker("agent-1", "apt", Closed)
                .after(2000)
                .breaker("agent-1", "apt", HalfOpen)
                .breaker("agent-1", "apt", Closed),
        );
    }

    #[test]
    fn rejects_moves_that_no_legal_way_explains() {
        let half = |history: HistoryBuilder| history.breaker("agent-1", "apt", HalfOpen);
        let closed = |history: HistoryBuilder| history.breaker("agent-1", "apt", Closed);
        rejected(closed(half(watched())), "breaker.illegal", "cannot have rested, at 0.020 s");
        rejected(closed(opened()), "breaker.illegal", "no probe succeeded");
        let early = tries(watched(), &[Phase::Fail; 2]).breaker("agent-1", "apt", Open);
        rejected(healed(early), "breaker.illegal", "not by failures in a row");
    }

    #[test]
    fn rejects_a_breaker_that_does_not_open() {
        let history = tries(watched(), &[Phase::Fail, Phase::Fail, Phase::Fail, Phase::Ok]);
        rejected(history, "breaker.not_opened", "at 0.080 s after 3 failures in a row");
    }

    #[test]
    fn rejects_probes_side_by_side() {
        let rested = opened().after(1000).unanswered_attempt("agent-1", "apt");
        rejected(healed(rested), "breaker.probes", "apt has 2 probes under way");
    }

    #[test]
    fn rejects_a_breaker_that_stays_open() {
        let history = opened().fault("cut", "link", 1000, &[]).after(10_000).ready("agent-1x");
        rejected(history, "breaker.stuck", "apt is open since 0.080 s");
    }

    #[test]
    fn rejects_a_part_that_does_not_show_its_breakers() {
        rejected(watched().backlog("agent-2", 3), "breaker.invisible", "nothing of its breakers");
    }

    #[test]
    fn rejects_a_fleet_in_lock_step() {
        let mut history = watched();
        for number in 0..20 {
            let part = format!("agent-{number}");
            history = history.breaker(&part, "apt", Closed);
            for _ in 0..3 {
                history = history.attempt(&part, "apt", Phase::Fail);
            }
            history = history.after(1000).attempt(&part, "apt", Phase::Ok);
        }
        rejected(history, "breaker.lock_step", "of 20 rests 100 % are the same");
    }

    #[test]
    fn cannot_tell_before_the_bound_or_without_breakers() {
        let verdict = check(&opened().finish());
        assert_eq!(verdict.outcome, Outcome::Unknown, "{verdict:#?}");
        assert!(verdict.summary.contains("ends before 10 s are over"), "{}", verdict.summary);
        let promises = Promises { breakers: Some(BreakerPromise::default()), ..Default::default() };
        let silent = HistoryBuilder::new().promising(promises).ready("agent-1");
        assert_eq!(check(&silent.finish()).outcome, Outcome::Unknown);
        let unpromised = HistoryBuilder::new().breaker("agent-1", "apt", Closed);
        assert_eq!(check(&unpromised.finish()).outcome, Outcome::Unknown);
    }
}
