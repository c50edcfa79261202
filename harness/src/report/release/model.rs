//! The one model of a release's report, and the whole content of `release.json`.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::checkers::Outcome;
use crate::finding::{Finding, Severity};
use crate::report::{Artifact, LeftOut, Machine};

/// The version of the model that this harness writes and reads.
pub const VERSION: u32 = 1;

/// Everything that a reader learns of one release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReleaseReport {
    /// Always [`VERSION`].
    pub version: u32,
    /// The worst of the checks.
    pub outcome: Outcome,
    /// One sentence that says why.
    pub why: String,
    /// What was checked, and where.
    pub source: Source,
    /// Every check, in the order in which they were made.
    pub checks: Vec<Check>,
    /// Findings that a waiver takes out of the outcome.
    pub waived: Vec<Waived>,
    /// What was not checked, and why.
    pub left_out: Vec<LeftOut>,
}

/// What a report is of, and where it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The project's commit, where git tells.
    pub commit: Option<String>,
    /// When the first check began, RFC 3339.
    pub started_at: Option<DateTime<Utc>>,
    /// How long it took from the first to the last, in milliseconds.
    pub duration_ms: u64,
    /// Where the checks were made.
    pub machines: Vec<Machine>,
}

/// What one command said. A project's own test may write one of its own, as JSON; then name,
/// outcome and why are enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, unlike that of any other check of the report.
    pub name: String,
    /// Whether it held.
    pub outcome: Outcome,
    /// Why, in one sentence.
    pub why: String,
    /// What it found.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What it measured or tried, in full.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// What can be compared with the same figure of another release.
    #[serde(default)]
    pub figures: Vec<Figure>,
    /// The command that makes it again.
    #[serde(default)]
    pub again: Option<String>,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// Its files, relative to the report's folder.
    #[serde(default)]
    pub files: Vec<Artifact>,
}

/// Something in rows and columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Its columns' headings; the first column names the row.
    pub headings: Vec<String>,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What the row says of the release.
    pub outcome: Outcome,
    /// As many texts as the table has columns.
    pub cells: Vec<String>,
}

/// A measured number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name, unlike that of any other figure of its check.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Its unit, as `events/s`.
    pub unit: String,
}

/// A finding that does not count, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waived {
    /// The check that found it.
    pub check: String,
    /// What was found.
    pub finding: Finding,
    /// Why it does not count.
    pub reason: String,
    /// The last day on which it does not count.
    pub until: chrono::NaiveDate,
}

impl Check {
    /// A check of which nothing is known but how it ended.
    pub fn new(name: impl Into<String>, outcome: Outcome, why: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            outcome,
            why: why.into(),
            findings: Vec::new(),
            tables: Vec::new(),
            figures: Vec::new(),
            again: None,
            duration_ms: 0,
            files: Vec::new(),
        }
    }

    /// What it did not hold for, each with its number among all that it found, the gravest first:
    /// errors and warnings, or information where there is nothing else. None if it held.
    pub fn reasons(&self) -> Vec<(usize, &Finding)> {
        let gravest = self.findings.iter().map(|finding| finding.severity).max();
        let Some(gravest) = gravest.filter(|_| self.outcome != Outcome::Valid) else {
            return Vec::new();
        };
        let counts = |finding: &Finding| finding.severity >= gravest.min(Severity::Warning);
        let numbered = self.findings.iter().enumerate();
        let mut reasons: Vec<_> = numbered.filter(|(_, finding)| counts(finding)).collect();
        reasons.sort_by_key(|(_, finding)| Reverse(finding.severity));
        reasons
    }
}

impl ReleaseReport {
    /// The report on these checks: its outcome is the worst of theirs.
    pub fn new(
        source: Source,
        checks: Vec<Check>,
        waived: Vec<Waived>,
        left_out: Vec<LeftOut>,
    ) -> Self {
        let outcome = Outcome::worst(checks.iter().map(|check| check.outcome));
        let why = why(outcome, &checks, waived.len());
        Self { version: VERSION, outcome, why, source, checks, waived, left_out }
    }
}

/// Names what did not hold, and with what words; else how much held.
fn why(outcome: Outcome, checks: &[Check], waived: usize) -> String {
    if checks.is_empty() {
        return "nothing was checked".to_owned();
    }
    if outcome == Outcome::Valid {
        let waived = match waived {
            0 => String::new(),
            1 => ", 1 finding waived".to_owned(),
            many => format!(", {many} findings waived"),
        };
        return match checks.len() {
            1 => format!("{} held{waived}", checks[0].name),
            many => format!("all {many} checks held{waived}"),
        };
    }
    let bad = checks.iter().filter(|check| check.outcome == outcome);
    let bad: Vec<String> = bad.map(|check| format!("{}: {}", check.name, check.why)).collect();
    bad.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(checks: Vec<Check>) -> ReleaseReport {
        ReleaseReport::new(Source::default(), checks, Vec::new(), Vec::new())
    }

    #[test]
    fn the_worst_check_decides_and_is_quoted() {
        let report = report(vec![
            Check::new("migrations", Outcome::Valid, "no finding"),
            Check::new("certify", Outcome::Unknown, "no PostgreSQL"),
            Check::new("run", Outcome::Invalid, "3 events lost"),
        ]);
        assert_eq!(report.outcome, Outcome::Invalid);
        assert_eq!(report.why, "run: 3 events lost");
    }

    #[test]
    fn a_release_of_which_nothing_was_checked_is_unknown() {
        let report = report(Vec::new());
        assert_eq!(
            (report.outcome, report.why.as_str()),
            (Outcome::Unknown, "nothing was checked")
        );
    }

    #[test]
    fn what_a_check_did_not_hold_for_is_told_gravest_first_and_without_mere_information() {
        let reasons = |outcome, severities: &[Severity]| {
            let found = |severity: &Severity| Finding {
                id: severity.word().to_owned(),
                severity: *severity,
                place: String::new(),
                evidence: String::new(),
                advice: String::new(),
            };
            let findings = severities.iter().map(found).collect();
            let check = Check { findings, ..Check::new("a", outcome, "") };
            check.reasons().iter().map(|(place, _)| *place).collect::<Vec<_>>()
        };
        let all = [Severity::Info, Severity::Warning, Severity::Error];
        assert_eq!(reasons(Outcome::Invalid, &all), [2, 1]);
        assert_eq!(reasons(Outcome::Unknown, &all[..1]), [0], "it has nothing else");
        assert_eq!(reasons(Outcome::Valid, &all), [0; 0]);
        assert_eq!(reasons(Outcome::Invalid, &[]), [0; 0]);
    }

    #[test]
    fn what_holds_says_how_much_was_checked() {
        let check = |name| Check::new(name, Outcome::Valid, "held");
        assert_eq!(report(vec![check("a"), check("b")]).why, "all 2 checks held");
    }
}
