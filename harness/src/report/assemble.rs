//! Makes the model of a run from its history and its verdicts.

use std::collections::BTreeMap;

use super::series::build_series;
use super::{
    Artifact, FaultEnd, FaultTimes, LeftOut, Machine, PartResources, Redactor, RunIdentity,
    RunReport, StageTimes, StateTimes, Topology, Totals, VERSION,
};
use crate::checkers::{Outcome, Verdict};
use crate::history::{BreakerState, FaultView, History, Phase};

/// What the history does not know of its run.
#[derive(Clone, Debug)]
pub struct RunContext {
    /// The run's name, as its folder's.
    pub name: String,
    /// The defects that were asked for.
    pub defects: Vec<String>,
    /// The command that repeats the run.
    pub rerun: String,
    /// Where it ran.
    pub machine: Machine,
    /// What ran.
    pub environment: Topology,
    /// What was not checked, and why.
    pub left_out: Vec<LeftOut>,
    /// Files beside the report, relative to its folder.
    pub artifacts: Vec<Artifact>,
}

impl RunReport {
    /// The report on a run. Secrets are taken out of all its text.
    pub fn assemble(
        context: RunContext,
        history: &History,
        verdicts: Vec<Verdict>,
        redactor: &Redactor,
    ) -> Self {
        let header = history.header();
        let mut report = Self {
            version: VERSION,
            outcome: Outcome::worst(verdicts.iter().map(|verdict| verdict.outcome)),
            why: why(&verdicts),
            run: RunIdentity {
                name: context.name,
                plan: header.plan.clone(),
                seed: header.seed,
                backend: header.backend.clone(),
                system: header.system.clone(),
                defects: context.defects,
                started_at: header.started_at,
                duration_ms: milliseconds(history.duration()),
                rerun: context.rerun,
            },
            machine: context.machine,
            environment: context.environment,
            stages: stages(history),
            faults: history.faults().iter().map(fault_times).collect(),
            states: states(history),
            breakers: breakers(history),
            totals: totals(history, &verdicts),
            resources: resources(history),
            series: build_series(history),
            verdicts,
            left_out: context.left_out,
            artifacts: context.artifacts,
        };
        report.redact(redactor);
        report
    }

    /// Takes secrets out of every text that people or parts wrote.
    fn redact(&mut self, redactor: &Redactor) {
        let verdicts = self.verdicts.iter_mut().flat_map(|verdict| {
            let findings = verdict.findings.iter_mut();
            findings
                .flat_map(|finding| {
                    [&mut finding.place, &mut finding.evidence, &mut finding.advice]
                })
                .chain([&mut verdict.summary])
        });
        let parts = self.environment.parts.iter_mut().map(|part| &mut part.runs);
        let faults =
            self.faults.iter_mut().flat_map(|fault| [&mut fault.target, &mut fault.detail]);
        let left_out = self.left_out.iter_mut().map(|left| &mut left.why);
        let own = [&mut self.why, &mut self.run.system, &mut self.run.rerun];
        for text in verdicts.chain(parts).chain(faults).chain(left_out).chain(own) {
            *text = redactor.redact(text);
        }
    }
}

/// The first verdict of the worst kind speaks for the run.
fn why(verdicts: &[Verdict]) -> String {
    let worst = Outcome::worst(verdicts.iter().map(|verdict| verdict.outcome));
    let speaking = verdicts.iter().find(|verdict| verdict.outcome == worst);
    match (worst, speaking) {
        (_, None) => "nothing was checked".into(),
        (Outcome::Valid, Some(first)) => match verdicts.len() - 1 {
            0 => first.summary.clone(),
            1 => format!("{}; 1 more checker holds", first.summary),
            more => format!("{}; {more} more checkers hold", first.summary),
        },
        (_, Some(verdict)) => {
            let first_line = verdict.summary.lines().next().unwrap_or_default();
            format!("{}: {first_line}", verdict.checker)
        }
    }
}

fn stages(history: &History) -> Vec<StageTimes> {
    let times = |stage: crate::history::StageView| StageTimes {
        stage: stage.stage,
        start_ms: milliseconds(stage.began),
        end_ms: milliseconds(stage.ended),
    };
    history.stages().into_iter().map(times).collect()
}

/// What each part was doing.
fn states(history: &History) -> BTreeMap<String, Vec<StateTimes>> {
    let changes = history.part_changes().map(|one| (one.at, one.part.to_owned(), one.state));
    spans(changes, milliseconds(history.duration()))
}

/// What each circuit breaker was doing.
fn breakers(history: &History) -> BTreeMap<String, Vec<StateTimes<BreakerState>>> {
    let samples = history.breakers();
    let named = samples.map(|(at, part, breaker, is)| (at, format!("{part}, {breaker}"), is));
    spans(named, milliseconds(history.duration()))
}

/// From changes (when, in nanoseconds, of what, to which state) to states with their times, by
/// what was in them. A state that is told again goes on.
fn spans<S: PartialEq>(
    changes: impl Iterator<Item = (u64, String, S)>,
    end_ms: u64,
) -> BTreeMap<String, Vec<StateTimes<S>>> {
    let mut spans: BTreeMap<String, Vec<StateTimes<S>>> = BTreeMap::new();
    for (at, of, state) in changes {
        let start_ms = milliseconds(at);
        let spans = spans.entry(of).or_default();
        match spans.last_mut() {
            Some(last) if last.state == state => continue,
            Some(last) => last.end_ms = start_ms,
            None => {}
        }
        spans.push(StateTimes { state, start_ms, end_ms });
    }
    spans
}

fn fault_times(fault: &FaultView<'_>) -> FaultTimes {
    FaultTimes {
        kind: fault.fault.kind.clone(),
        target: fault.fault.target.clone(),
        detail: fault.fault.detail.clone(),
        start_ms: milliseconds(fault.began),
        end_ms: fault.ended.map(milliseconds),
        end: match fault.phase {
            Phase::Ok => FaultEnd::Healed,
            Phase::Fail => FaultEnd::NotInjected,
            Phase::Invoke | Phase::Indeterminate => FaultEnd::Unknown,
        },
    }
}

fn totals(history: &History, verdicts: &[Verdict]) -> Totals {
    let emits = history.emits();
    let ended = |phase| emits.iter().filter(|emit| emit.phase == phase).count() as u64;
    let counted = |name| verdicts.iter().find_map(|verdict| verdict.counts.get(name).copied());
    Totals {
        taken: ended(Phase::Ok),
        refused: ended(Phase::Fail),
        indeterminate: ended(Phase::Indeterminate),
        stored: history.final_read().map(|read| read.events.len() as u64),
        lost: counted("lost"),
        duplicated: counted("duplicated"),
    }
}

fn resources(history: &History) -> BTreeMap<String, PartResources> {
    let mut most: BTreeMap<String, PartResources> = BTreeMap::new();
    for sample in history.resources() {
        let most = most.entry(sample.part.to_owned()).or_default();
        most.resident_bytes = most.resident_bytes.max(sample.peak_resident_bytes);
        most.open_files = most.open_files.max(sample.open_files);
    }
    most
}

fn milliseconds(nanoseconds: u64) -> u64 {
    nanoseconds / 1_000_000
}
