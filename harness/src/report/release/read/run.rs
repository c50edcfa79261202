//! `report.json`, of a run of a plan.

use crate::checkers::Outcome;
use crate::report::release::{Check, Figure, Row, Table};
use crate::report::{ReportError, RunReport, json};

/// Reads the report of a run.
///
/// # Errors
/// It is none, or one of a later harness.
pub(super) fn read(text: &str) -> Result<Check, ReportError> {
    json::read(text).map(|report| check(&report))
}

fn check(report: &RunReport) -> Check {
    let run = &report.run;
    let name = format!("run {} of {}, {}", run.plan, run.system, run.backend);
    let findings = report.verdicts.iter().flat_map(|verdict| verdict.findings.clone()).collect();
    Check {
        findings,
        tables: vec![verdicts(report)],
        figures: figures(report),
        again: Some(run.rerun.clone()),
        duration_ms: run.duration_ms,
        ..Check::new(name, report.outcome, report.why.clone())
    }
}

fn verdicts(report: &RunReport) -> Table {
    let rows = report.verdicts.iter().map(|verdict| Row {
        outcome: verdict.outcome,
        cells: vec![
            verdict.checker.clone(),
            verdict.outcome.word().to_owned(),
            verdict.summary.clone(),
        ],
    });
    Table {
        title: "Verdicts".to_owned(),
        headings: ["checker", "verdict", "why"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// What a run counts depends on its load alone, so only what failed is worth comparing.
fn figures(report: &RunReport) -> Vec<Figure> {
    let lost = report.totals.lost.filter(|_| report.outcome != Outcome::Unknown);
    let figure =
        |value| Figure { name: "events lost".to_owned(), value, unit: "events".to_owned() };
    #[expect(clippy::cast_precision_loss, reason = "a count of events of one run")]
    lost.map(|lost| figure(lost as f64)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_run_is_a_check_with_its_verdicts() {
        let report = sample::red();
        let check = read(&json::render(&report)).unwrap();
        assert_eq!(check.name, "run quick of sample, embedded");
        assert_eq!((check.outcome, &check.why), (Outcome::Invalid, &report.why));
        assert_eq!(check.findings[0].id, "delivery.lost");
        assert_eq!(check.tables[0].rows.len(), report.verdicts.len());
        assert_eq!(check.again.as_ref(), Some(&report.run.rerun));
    }
}
