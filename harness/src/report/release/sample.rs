//! Reports that tests render.

use super::{Check, Figure, ReleaseReport, Row, Source, Table, Waived};
use crate::checkers::Outcome;
use crate::finding::{Finding, Severity};
use crate::report::{Artifact, LeftOut};

/// A release that is safe.
pub fn green() -> ReleaseReport {
    let mut checks = red().checks;
    for check in &mut checks {
        (check.outcome, check.findings) = (Outcome::Valid, Vec::new());
        check.tables.iter_mut().flat_map(|table| &mut table.rows).for_each(|row| {
            row.outcome = Outcome::Valid;
        });
    }
    ReleaseReport::new(source(), checks, Vec::new(), Vec::new())
}

/// A release that loses events.
pub fn red() -> ReleaseReport {
    let run = Check {
        findings: vec![finding("delivery.lost", "agent-2")],
        tables: vec![table("Verdicts", &["delivery", "order"])],
        figures: vec![Figure { name: "events lost".into(), value: 46.0, unit: "events".into() }],
        again: Some("harness run --plan quick --seed 1".into()),
        duration_ms: 15_200,
        files: vec![Artifact { name: "report".into(), file: "run/report.html".into() }],
        ..Check::new("run quick of sample, embedded", Outcome::Invalid, "46 events lost")
    };
    let migrations = Check {
        tables: vec![table("Every migration on every path", &["001 agents", "002 events"])],
        duration_ms: 8100,
        ..Check::new("migrations of m", Outcome::Valid, "2 migrations hold on every path")
    };
    let waived = Waived {
        check: "migrations of m".into(),
        finding: finding("round-trip.not-restored", "002_events.up.sql:4"),
        reason: "nobody goes back behind 2.0".into(),
        until: chrono::NaiveDate::from_ymd_opt(2027, 1, 31).unwrap_or_default(),
    };
    let left =
        LeftOut { what: "benchmarks".into(), why: "there is no base to compare with".into() };
    ReleaseReport::new(source(), vec![run, migrations], vec![waived], vec![left])
}

/// Every text that came from outside tries to break out.
pub fn hostile() -> ReleaseReport {
    const TEXT: &str = "<script>alert(1)</script>\u{1b}[2J\r|\"'`````\n# x ]]> --> &";
    let mut report = red();
    report.why = TEXT.into();
    report.source.commit = Some(TEXT.into());
    for check in &mut report.checks {
        (check.name, check.why, check.again) = (TEXT.into(), TEXT.into(), Some(TEXT.into()));
        check.findings = vec![hostile_finding(TEXT)];
        for table in &mut check.tables {
            table.title = TEXT.into();
            table.headings.fill(TEXT.into());
            table.rows.iter_mut().for_each(|row| row.cells.fill(TEXT.into()));
        }
        check.files = vec![Artifact { name: TEXT.into(), file: TEXT.into() }];
    }
    for waived in &mut report.waived {
        (waived.reason, waived.finding) = (TEXT.into(), hostile_finding(TEXT));
    }
    report.left_out = vec![LeftOut { what: TEXT.into(), why: TEXT.into() }];
    report
}

fn source() -> Source {
    Source { commit: Some("0123abc".into()), duration_ms: 23_300, ..Source::default() }
}

fn finding(id: &str, place: &str) -> Finding {
    Finding {
        id: id.into(),
        severity: Severity::Error,
        place: place.into(),
        evidence: "what was seen".into(),
        advice: "mend it".into(),
    }
}

fn hostile_finding(text: &str) -> Finding {
    Finding { evidence: text.into(), advice: text.into(), ..finding(text, text) }
}

/// A table whose first row did not hold.
fn table(title: &str, names: &[&str]) -> Table {
    let rows = names.iter().enumerate().map(|(number, name)| Row {
        outcome: if number == 0 { Outcome::Invalid } else { Outcome::Valid },
        cells: vec![(*name).to_owned(), "seen".to_owned()],
    });
    Table {
        title: title.into(),
        headings: vec!["what".into(), "result".into()],
        rows: rows.collect(),
    }
}
