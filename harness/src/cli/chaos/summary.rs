//! What an exploration came to, for people and for programs.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use crate::checkers::Outcome;
use crate::report::RunReport;
use crate::report::text::{on_one_line, seconds};
use crate::run::Reproducer;
use crate::seed::Seed;

/// What an exploration came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    pub(super) system: String,
    pub(super) seed: Seed,
    /// Runs of generated schedules, those of the search for the smallest one not counted.
    pub(super) runs: u64,
    pub(super) valid: u64,
    pub(super) invalid: u64,
    pub(super) unknown: u64,
    /// Pairs of a fault and a phase of the system that were tried.
    pub(super) covered: usize,
    /// All that there are.
    pub(super) possible: usize,
    /// The folders of the runs that nobody can judge.
    pub(super) undecided: Vec<PathBuf>,
    /// The folders of runs that failed side by side with the one that was made small.
    pub(super) failed_too: Vec<PathBuf>,
    pub(super) failure: Option<Found>,
}

/// A failure that was found, and made small.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Found {
    pub(super) folder: PathBuf,
    /// The command that runs it again.
    pub(super) rerun: String,
    #[serde(flatten)]
    pub(super) reproducer: Reproducer,
}

/// The ids of what a run found.
pub(super) fn findings(report: &RunReport) -> BTreeSet<&str> {
    let findings = report.verdicts.iter().flat_map(|verdict| &verdict.findings);
    findings.map(|finding| finding.id.as_str()).collect()
}

/// One run among many, in a few words.
pub(super) fn told(report: &RunReport) -> String {
    let verdict = match report.outcome {
        Outcome::Valid => "held".to_owned(),
        Outcome::Invalid => {
            format!("failed ({})", findings(report).into_iter().collect::<Vec<_>>().join(", "))
        }
        Outcome::Unknown => format!("unknown ({})", on_one_line(&report.why)),
    };
    let (faults, events) = (faults(report.faults.len()), report.totals.taken);
    format!("{verdict}; {faults}, {events} events taken, {}", seconds(report.run.duration_ms))
}

impl Summary {
    pub(super) fn new(system: &str, seed: Seed) -> Self {
        Self {
            system: system.to_owned(),
            seed,
            runs: 0,
            valid: 0,
            invalid: 0,
            unknown: 0,
            covered: 0,
            possible: 0,
            undecided: Vec::new(),
            failed_too: Vec::new(),
            failure: None,
        }
    }

    pub(super) fn count(&mut self, outcome: Outcome) {
        self.runs += 1;
        *match outcome {
            Outcome::Valid => &mut self.valid,
            Outcome::Invalid => &mut self.invalid,
            Outcome::Unknown => &mut self.unknown,
        } += 1;
    }

    /// The worst that was seen.
    pub(super) fn outcome(&self) -> Outcome {
        match (self.invalid, self.unknown) {
            (0, 0) => Outcome::Valid,
            (0, _) => Outcome::Unknown,
            _ => Outcome::Invalid,
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// For a terminal.
    pub(super) fn render(&self) -> String {
        let Self { runs, valid, invalid, unknown, covered, possible, .. } = self;
        let mut text = format!(
            "{runs} schedules tried: {valid} held, {invalid} failed, {unknown} unknown; \
             {covered} of {possible} pairs of fault and phase covered\n"
        );
        for folder in &self.undecided {
            text.push_str(&format!("unknown: {}\n", folder.join("report.html").display()));
        }
        for folder in &self.failed_too {
            text.push_str(&format!("failed too: {}\n", folder.join("report.html").display()));
        }
        if let Some(found) = &self.failure {
            text.push_str(&found.render());
        }
        text
    }
}

/// "1 fault" or "3 faults".
fn faults(count: usize) -> String {
    match count {
        1 => "1 fault".into(),
        _ => format!("{count} faults"),
    }
}

impl Found {
    fn render(&self) -> String {
        let known = &self.reproducer;
        let smallest = known.plan.schedule.faults();
        let mut text = format!(
            "\nfailed with {} under {}; the smallest schedule found in {} runs has {}:\n",
            known.findings.join(", "),
            faults(known.original.faults().len()),
            known.runs,
            faults(smallest.len()),
        );
        for scheduled in smallest {
            let (fault, at, lasts) = (&scheduled.fault, scheduled.at, scheduled.lasts);
            text.push_str(&format!(
                "  at {at} ms for {lasts} ms: {} of {} ({})\n",
                fault.kind(),
                fault.target(),
                fault.detail()
            ));
        }
        text.push_str(&format!(
            "it failed in {} of {} further runs\nreport: {}\nagain   {}",
            known.failed,
            known.confirmations,
            self.folder.join("report.html").display(),
            self.rerun
        ));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::release::read::{Content, read};

    #[test]
    fn the_worst_run_decides() {
        let mut summary = Summary::new("mine", Seed(1));
        summary.count(Outcome::Valid);
        assert_eq!(summary.outcome(), Outcome::Valid);
        summary.count(Outcome::Unknown);
        assert_eq!(summary.outcome(), Outcome::Unknown);
        summary.count(Outcome::Invalid);
        assert_eq!(summary.outcome(), Outcome::Invalid);
        assert!(summary.render().starts_with("3 schedules tried: 1 held, 1 failed, 1 unknown"));
    }

    #[test]
    fn the_report_of_a_release_reads_it() {
        let mut summary = Summary::new("mine", Seed(1));
        summary.count(Outcome::Valid);
        let Content::Check(check) = read(&summary.to_json()).unwrap() else { panic!("no check") };
        assert_eq!((check.name.as_str(), check.outcome), ("chaos on mine", Outcome::Valid));
    }
}
