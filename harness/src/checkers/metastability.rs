//! Once faults have ended, what gets through is soon back at its level: no load of their making
//! keeps the system down.
//!
//! What got through is what producers have taken, less what they still hold. It is at its level
//! when producers hold no more than before the first fault, or hand on as fast as events came
//! before it; and when they take what they are given. Check-ins never starve, and health answers
//! all the time, but for a part that a fault stops: to wait for a slow disk is no reason. For systems that promise it.

use std::collections::{BTreeMap, HashSet, VecDeque};

use super::evidence::{Wrongs, moment};
use super::facts::Facts;
use super::{Outcome, Verdict};
use crate::finding::{Finding, Severity};
use crate::history::{Action, Entries, Entry, FaultView, NO_ANSWER, PartState, Phase, Stage};
use crate::promises::GoodputPromise;

const CHECKER: &str = "metastability";
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1000 * MILLISECOND;
/// The fault of a part that stops nothing.
const SLOW_DISK: &str = "slow_disk";
/// What producers may always hold, in events: what is on its way when they are asked.
const ON_ITS_WAY: u64 = 20;

/// Judges what gets through after the faults.
pub fn check(history: &dyn Entries) -> Verdict {
    let Some(promise) = &history.header().promises.goodput else {
        return Verdict::unknown(CHECKER, "the system promises nothing of its goodput");
    };
    let facts = Facts::of(history);
    let mut faults = facts.faults();
    faults.retain(|fault| fault.phase != Phase::Fail);
    let mut judgement = Judgement::new(promise, &faults);
    history.each(&mut |entry| judgement.observe(entry));
    judgement.verdict()
}

/// A time when producers held too much and handed on too little.
struct Behind {
    at: u64,
    held: u64,
    handed_on: u64,
}

/// Events given to producers when they must take them again.
#[derive(Default)]
struct Late {
    proposed: u64,
    taken: u64,
    under_way: HashSet<u64>,
}

struct Judgement<'a> {
    promise: &'a GoodputPromise,
    faults: &'a [FaultView<'a>],
    disturbed: u64,
    healed: Option<u64>,
    began: Option<u64>,
    ended: u64,
    over: bool,
    taken: u64,
    /// Events that were proposed before the first fault, or before the load's end if there is
    /// too little before; and the last such time.
    proposed: u64,
    held: BTreeMap<String, u64>,
    /// The most that was held before the first fault.
    level_held: u64,
    /// What had got through at each look of the last second.
    looks: VecDeque<(u64, i64)>,
    behind: Option<Behind>,
    last_behind: bool,
    looked: bool,
    late: Late,
    check_ins: BTreeMap<String, u64>,
    silent: BTreeMap<String, u64>,
    starved: Wrongs<(u64, u64)>,
    mute: Wrongs<(u64, u64)>,
}

impl<'a> Judgement<'a> {
    fn new(promise: &'a GoodputPromise, faults: &'a [FaultView<'a>]) -> Self {
        let ends: Option<Vec<u64>> = faults.iter().map(|fault| fault.ended).collect();
        Self {
            promise,
            faults,
            disturbed: faults.iter().map(|fault| fault.began).min().unwrap_or(u64::MAX),
            healed: ends.map(|ends| ends.into_iter().max().unwrap_or(u64::MAX)),
            began: None,
            ended: 0,
            over: false,
            taken: 0,
            proposed: 0,
            held: BTreeMap::new(),
            level_held: 0,
            looks: VecDeque::new(),
            behind: None,
            last_behind: false,
            looked: false,
            late: Late::default(),
            check_ins: BTreeMap::new(),
            silent: BTreeMap::new(),
            starved: Wrongs::new(),
            mute: Wrongs::new(),
        }
    }

    fn observe(&mut self, entry: &Entry) {
        // What happens while the environment is being ended does not count.
        self.over |= matches!(entry.action, Action::Stage { stage: Stage::Judge });
        if self.over {
            return;
        }
        self.ended = entry.at;
        match &entry.action {
            Action::Emit(emit) if !emit.probe => self.emitted(entry),
            Action::Backlog { part, events } => self.holds(entry.at, part, *events),
            Action::Attempt(attempt) => {
                let wanted = self.promise.check_ins.as_deref();
                if wanted.is_some_and(|wanted| attempt.call.ends_with(wanted)) {
                    self.checked_in(entry.at, &attempt.caller, entry.phase);
                }
            }
            Action::Part { part, state, detail } => {
                if let Some(since) = self.silent.remove(part) {
                    self.was_silent(part, since, entry.at);
                }
                if *state == PartState::Unready && detail == NO_ANSWER {
                    self.silent.insert(part.clone(), entry.at);
                }
            }
            _ => {}
        }
    }

    /// From when on what gets through must be at its level.
    fn due(&self) -> u64 {
        self.healed.unwrap_or(u64::MAX).saturating_add(self.promise.within * MILLISECOND)
    }

    fn emitted(&mut self, entry: &Entry) {
        if entry.phase == Phase::Invoke {
            self.began.get_or_insert(entry.at);
            self.proposed += u64::from(entry.at <= self.disturbed);
            if entry.at > self.due() {
                self.late.proposed += 1;
                self.late.under_way.insert(entry.operation);
            }
            return;
        }
        let late = self.late.under_way.remove(&entry.operation);
        if entry.phase == Phase::Ok {
            self.taken += 1;
            self.late.taken += u64::from(late);
        }
    }

    fn holds(&mut self, at: u64, part: &str, events: u64) {
        match self.held.get_mut(part) {
            Some(held) => *held = events,
            None => drop(self.held.insert(part.to_owned(), events)),
        }
        let held: u64 = self.held.values().sum();
        if at <= self.disturbed {
            self.level_held = self.level_held.max(held);
        }
        let through = self.taken.cast_signed() - held.cast_signed();
        self.looks.push_back((at, through));
        while self.looks.front().is_some_and(|(look, _)| look + SECOND < at) {
            self.looks.pop_front();
        }
        if self.healed.is_some_and(|healed| at < healed) {
            return;
        }
        self.looked = true;
        let (since, before) = self.looks.front().copied().unwrap_or((at, through));
        let lasted = (at - since).max(MILLISECOND);
        let handed_on = (through - before).max(0).cast_unsigned() * SECOND / lasted;
        self.last_behind = held > self.level_held.max(ON_ITS_WAY)
            && handed_on * 100 < self.level() * u64::from(self.promise.level);
        if self.last_behind {
            self.behind = Some(Behind { at, held, handed_on });
        }
    }

    /// Events that came in a second before the first fault.
    fn level(&self) -> u64 {
        let lasted = self.disturbed.min(self.ended).saturating_sub(self.began.unwrap_or(0));
        self.proposed * SECOND / lasted.max(SECOND)
    }

    fn checked_in(&mut self, at: u64, caller: &str, phase: Phase) {
        if !self.check_ins.contains_key(caller) {
            self.check_ins.insert(caller.to_owned(), at);
        }
        if phase == Phase::Ok
            && let Some(before) = self.check_ins.insert(caller.to_owned(), at)
        {
            self.went_without(caller, before, at);
        }
    }

    fn went_without(&mut self, caller: &str, before: u64, until: u64) {
        if until - before > self.promise.starves * MILLISECOND {
            let calm = longest_without(self.faults.iter(), before, until);
            if calm.1 - calm.0 > self.promise.starves * MILLISECOND {
                self.starved.add(caller, || calm);
            }
        }
    }

    fn was_silent(&mut self, part: &str, since: u64, until: u64) {
        let stops =
            |fault: &&FaultView| fault.fault.target == part && fault.fault.kind != SLOW_DISK;
        let stops = self.faults.iter().filter(stops);
        let calm = longest_without(stops, since, until);
        if calm.1 - calm.0 > self.promise.silent * MILLISECOND {
            self.mute.add(part, || calm);
        }
    }

    fn verdict(mut self) -> Verdict {
        if self.began.is_none() {
            return Verdict::unknown(CHECKER, "no event was given in, so none could get through");
        }
        for (caller, before) in std::mem::take(&mut self.check_ins) {
            self.went_without(&caller, before, self.ended);
        }
        for (part, since) in std::mem::take(&mut self.silent) {
            self.was_silent(&part, since, self.ended);
        }
        let doubt = self.doubt();
        let findings = self.findings();
        let back = self
            .behind
            .as_ref()
            .map_or(0, |behind| behind.at.saturating_sub(self.healed.unwrap_or(0)) / MILLISECOND);
        let summary = match (findings.first(), &doubt) {
            (Some(finding), _) => format!("{}: {}", finding.place, finding.evidence),
            (None, Some(doubt)) => format!("nobody can tell: {doubt}"),
            (None, None) if self.faults.is_empty() => "nothing had to come back".to_owned(),
            (None, None) => format!("what gets through was back {back} ms after the last fault"),
        };
        let mut verdict = Verdict::on(CHECKER, findings, summary).counting([
            ("level_per_second", self.level()),
            ("held_before", self.level_held),
            ("back_after_ms", back),
            ("starved", self.starved.count()),
            ("silent", self.mute.count()),
        ]);
        if doubt.is_some() {
            verdict.outcome = Outcome::worst([verdict.outcome, Outcome::Unknown]);
        }
        verdict
    }

    fn doubt(&self) -> Option<String> {
        if self.healed.is_none() {
            return Some("a fault was never healed".into());
        }
        if !self.looked && !self.faults.is_empty() {
            return Some("no producer said after the last fault what it holds".into());
        }
        let early = self.behind.as_ref().is_some_and(|behind| behind.at <= self.due());
        (self.last_behind && early).then(|| {
            let within = self.promise.within / 1000;
            format!("it is behind, and the history ends before {within} s are over")
        })
    }

    fn findings(&self) -> Vec<Finding> {
        let wrong = |id: &str, evidence: String, advice: &str| Finding {
            id: id.into(),
            severity: Severity::Error,
            place: "the whole".into(),
            evidence,
            advice: advice.into(),
        };
        let mut findings = Vec::new();
        let within = self.promise.within / 1000;
        if let Some(behind) = self.behind.as_ref().filter(|behind| behind.at > self.due()) {
            let evidence = format!(
                "more than {within} s after the last fault, at {}, producers hold {} events, \
                 before the first at most {}, and hand on {} a second, where {} came",
                moment(behind.at),
                behind.held,
                self.level_held,
                behind.handed_on,
                self.level()
            );
            let advice = "shed load early, and let nobody's retries keep others from their turn";
            findings.push(wrong("metastability.goodput", evidence, advice));
        }
        let Late { proposed, taken, .. } = self.late;
        if taken * 100 < proposed * u64::from(self.promise.level) {
            let evidence = format!(
                "of {proposed} events given in more than {within} s after the last fault {taken} \
                 were taken"
            );
            let advice = "take events again as soon as what they need is back";
            findings.push(wrong("metastability.refused", evidence, advice));
        }
        let times = |what: &'static str| move |count: usize| format!("{count} times {what}");
        let span =
            |(from, until): &(u64, u64)| format!("from {} to {}", moment(*from), moment(*until));
        findings.extend(self.starved.findings(
            "metastability.starved",
            "give check-ins a budget that nothing else uses up",
            times("no check-in got through although no fault went on"),
            span,
        ));
        findings.extend(self.mute.findings(
            "metastability.silent",
            "answer for health apart from all other work",
            times("it did not answer for its health although no fault stopped it"),
            span,
        ));
        findings
    }
}

/// The longest time between two moments that none of these faults covers. Faults come in the order
/// of their beginnings.
fn longest_without<'a>(
    faults: impl Iterator<Item = &'a FaultView<'a>>,
    mut from: u64,
    until: u64,
) -> (u64, u64) {
    let mut longest = (from, from);
    let mut keep = |from: u64, until: u64| {
        if until > from && until - from > longest.1 - longest.0 {
            longest = (from, until);
        }
    };
    for fault in faults {
        keep(from, fault.began.min(until));
        from = from.max(fault.ended.unwrap_or(u64::MAX));
    }
    keep(from, until);
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::expect::{invalid, valid};
    use crate::history::build::HistoryBuilder;
    use crate::promises::Promises;

    /// An agent that takes 50 events a second for two seconds and hands them on at once, before
    /// what disturbs it for a second.
    fn disturbed() -> HistoryBuilder {
        let goodput =
            GoodputPromise { check_ins: Some("/commands".into()), ..GoodputPromise::default() };
        let promises = Promises { goodput: Some(goodput), ..Promises::default() };
        let calm = HistoryBuilder::new().promising(promises).backlog("agent-1", 0);
        loaded(calm, 4, |_| 0).fault("cut", "agent-1-to-server", 1000, &["agent-1"])
    }

    /// Load for so many half seconds, after each of which so much is held.
    fn loaded(
        mut history: HistoryBuilder,
        halves: u64,
        held: impl Fn(u64) -> u64,
    ) -> HistoryBuilder {
        for half in 1..=halves {
            history = history.emitted_many("agent-1", 24).backlog("agent-1", held(half));
        }
        history
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
    fn accepts_a_backlog_that_is_gone_in_time() {
        accepted(loaded(disturbed().backlog("agent-1", 300), 10, |_| 0));
        let slowly = |half: u64| 300_u64.saturating_sub(20 * half);
        accepted(loaded(disturbed().backlog("agent-1", 300), 18, slowly));
    }

    #[test]
    fn accepts_a_large_backlog_that_goes_down_as_fast_as_events_came() {
        accepted(loaded(disturbed().backlog("agent-1", 5000), 40, |half| 5000 - 48 * half));
    }

    #[test]
    fn rejects_a_backlog_that_stays() {
        let history = loaded(disturbed().backlog("agent-1", 300), 30, |half| 300 + 20 * half);
        rejected(history, "metastability.goodput", "producers hold 900 events");
    }

    #[test]
    fn rejects_producers_that_take_no_more() {
        let mut history = disturbed().backlog("agent-1", 0).after(10_000);
        for number in 0..20 {
            history = history.refused("agent-1", &format!("late-{number}"));
        }
        let said = "of 20 events given in more than 10 s after the last fault 0 were taken";
        rejected(history.backlog("agent-1", 0), "metastability.refused", said);
    }

    #[test]
    fn rejects_check_ins_that_starve_in_calm_and_not_in_a_fault() {
        let check_in = |history: HistoryBuilder| {
            history.attempt("agent-1", "GET /commands", Phase::Ok).backlog("agent-1", 0)
        };
        let long = check_in(disturbed()).fault("cut", "link", 30_000, &[]);
        accepted(check_in(long));
        let starved = check_in(check_in(disturbed()).after(11_000));
        rejected(starved, "metastability.starved", "no check-in got through");
        let for_good = check_in(disturbed()).after(11_000).backlog("agent-1", 0);
        rejected(for_good, "metastability.starved", "no check-in got through");
    }

    #[test]
    fn rejects_a_part_that_is_silent_without_cause() {
        let silent = |history: HistoryBuilder| history.silent("server").after(6000).ready("server");
        rejected(
            silent(disturbed()).backlog("agent-1", 0),
            "metastability.silent",
            "it did not answer for its health",
        );
        let paused = disturbed().fault_begins("pause", "server", "", &["server"]);
        accepted(silent(paused).fault_ends("server").backlog("agent-1", 0));
        let slow = disturbed().fault_begins("slow_disk", "server", "", &["server"]);
        rejected(
            silent(slow).fault_ends("server").backlog("agent-1", 0),
            "metastability.silent",
            "it did not answer for its health",
        );
        let unready = disturbed().part("server", PartState::Unready).after(6000);
        accepted(unready.ready("server").backlog("agent-1", 0));
    }

    #[test]
    fn cannot_tell_what_the_history_does_not_hold() {
        let unknown = |history: HistoryBuilder, why: &str| {
            let verdict = check(&history.finish());
            assert_eq!(verdict.outcome, Outcome::Unknown, "{verdict:#?}");
            assert!(verdict.summary.contains(why), "{}", verdict.summary);
        };
        unknown(disturbed(), "what it holds");
        unknown(disturbed().backlog("agent-1", 90), "ends before 10 s are over");
        unknown(disturbed().fault_never_healed("cut", "link", &[]), "never healed");
        unknown(HistoryBuilder::new().emitted_many("agent-1", 3), "promises nothing");
    }

    #[test]
    fn accepts_a_run_without_faults() {
        let promises = Promises { goodput: Some(GoodputPromise::default()), ..Default::default() };
        accepted(HistoryBuilder::new().promising(promises).emitted_many("agent-1", 3));
    }
}
