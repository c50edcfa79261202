//! `certification.json`, of a server's own migration runner.

use crate::checkers::Outcome;
use crate::finding::{Finding, Severity};
use crate::migrations::certify;
use crate::report::release::{Check, Row, Table};

/// The check that a certification is.
pub(super) fn check(certification: &certify::Certification) -> Check {
    let bad: Vec<&certify::Row> =
        certification.rows.iter().filter(|row| row.outcome != Outcome::Valid).collect();
    let why = match bad.as_slice() {
        [] => format!("{} cases hold", certification.rows.len()),
        [first, ..] => {
            let problem = first.problems.first().map_or(first.expected.as_str(), String::as_str);
            let all = certification.rows.len();
            format!("{} of {all} cases do not hold, first {}: {problem}", bad.len(), first.case)
        }
    };
    Check {
        findings: bad.into_iter().map(finding).collect(),
        tables: vec![table(certification)],
        duration_ms: certification.duration_ms,
        ..Check::new(
            format!("certification of {}", certification.server),
            certification.outcome,
            why,
        )
    }
}

fn finding(row: &certify::Row) -> Finding {
    Finding {
        id: format!("certify.{}", row.group),
        severity: Severity::Error,
        place: row.case.clone(),
        evidence: row.problems.join("\n"),
        advice: format!("when {}: {}", row.what, row.expected),
    }
}

fn table(certification: &certify::Certification) -> Table {
    let rows = certification.rows.iter().map(|row| Row {
        outcome: row.outcome,
        cells: vec![
            row.case.clone(),
            row.outcome.word().to_owned(),
            format!("{} ms", row.ready_while_incomplete_ms),
            row.what.clone(),
        ],
    });
    let headings = ["case", "verdict", "ready too early", "what was done"];
    Table {
        title: "Every situation that a release meets".to_owned(),
        headings: headings.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::certification::sample;

    #[test]
    fn a_failing_case_is_a_finding() {
        let certification = sample::red();
        let check = check(&certification);
        assert_eq!(check.outcome, Outcome::Invalid);
        let bad = certification.rows.iter().filter(|row| row.outcome != Outcome::Valid).count();
        assert_eq!(check.findings.len(), bad);
        assert!(check.why.contains(&check.findings[0].place), "{}", check.why);
        assert_eq!(check.tables[0].rows.len(), certification.rows.len());
    }
}
