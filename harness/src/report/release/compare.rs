//! What changed between two releases.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use owo_colors::OwoColorize;
use serde::Serialize;

use super::{Check, ReleaseReport};
use crate::checkers::Outcome;
use crate::finding::Finding;
use crate::report::text::on_one_line;

/// What changed from one report to a later one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Findings that only the later one has.
    pub new: Vec<Found>,
    /// Findings that only the earlier one has, of checks that both have.
    pub mended: Vec<Found>,
    /// Checks whose outcome became worse or better.
    pub turned: Vec<Turned>,
    /// Checks that only the earlier one has.
    pub no_longer_checked: Vec<String>,
    /// Figures that both have.
    pub figures: Vec<Moved>,
}

/// A finding of a check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Found {
    /// The check.
    pub check: String,
    /// The finding's id.
    pub id: String,
    /// Where.
    pub place: String,
}

/// A check whose outcome is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turned {
    /// The check.
    pub check: String,
    /// What it was.
    pub before: Outcome,
    /// What it is.
    pub after: Outcome,
}

/// A figure, before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// The check.
    pub check: String,
    /// The figure's name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// What it was.
    pub before: f64,
    /// What it is.
    pub after: f64,
}

/// Compares two reports. A finding is the same when check, id and place are.
pub fn compare(before: &ReleaseReport, after: &ReleaseReport) -> Comparison {
    let (old, new) = (found(&before.checks), found(&after.checks));
    let later = |name: &str| after.checks.iter().find(|check| check.name == name);
    let mut comparison = Comparison {
        new: new.difference(&old).cloned().collect(),
        mended: old
            .difference(&new)
            .filter(|found| later(&found.check).is_some())
            .cloned()
            .collect(),
        ..Comparison::default()
    };
    for check in &before.checks {
        let Some(now) = later(&check.name) else {
            comparison.no_longer_checked.push(check.name.clone());
            continue;
        };
        if now.outcome != check.outcome {
            comparison.turned.push(Turned {
                check: check.name.clone(),
                before: check.outcome,
                after: now.outcome,
            });
        }
        comparison.figures.extend(moved(check, now));
    }
    comparison
}

fn found(checks: &[Check]) -> BTreeSet<Found> {
    let of = |check: &Check, finding: &Finding| Found {
        check: check.name.clone(),
        id: finding.id.clone(),
        place: finding.place.clone(),
    };
    checks
        .iter()
        .flat_map(|check| check.findings.iter().map(move |finding| of(check, finding)))
        .collect()
}

fn moved(before: &Check, after: &Check) -> Vec<Moved> {
    let now = |name: &str| after.figures.iter().find(|figure| figure.name == name);
    let both = before.figures.iter().filter_map(|figure| Some((figure, now(&figure.name)?)));
    both.map(|(figure, now)| Moved {
        check: before.name.clone(),
        name: figure.name.clone(),
        unit: figure.unit.clone(),
        before: figure.value,
        after: now.value,
    })
    .collect()
}

impl Comparison {
    /// Whether the later report is worse: it has a new finding, a check that turned worse, or one
    /// that is missing. Figures alone decide nothing, since one measurement knows no noise.
    pub fn is_worse(&self) -> bool {
        let worse = |turned: &Turned| turned.after > turned.before;
        !self.new.is_empty() || self.turned.iter().any(worse) || !self.no_longer_checked.is_empty()
    }

    /// The comparison for a screen.
    pub fn render(&self) -> String {
        let mut text = match self.is_worse() {
            true => format!("{}\n", "Worse than before".red().bold()),
            false => format!("{}\n", "Not worse than before".green().bold()),
        };
        let mut list = |title: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                let _ = writeln!(text, "\n{}", title.bold());
            }
            for line in lines {
                let _ = writeln!(text, "  {}", on_one_line(&line));
            }
        };
        let found = |list: &[Found]| {
            list.iter().map(|f| format!("{}: {} at {}", f.check, f.id, f.place)).collect()
        };
        list("new findings", found(&self.new));
        list("mended", found(&self.mended));
        let turned =
            |t: &Turned| format!("{}: {}, was {}", t.check, t.after.word(), t.before.word());
        list("another outcome", self.turned.iter().map(turned).collect());
        list("no longer checked", self.no_longer_checked.clone());
        let moved = |m: &Moved| {
            let change = match m.before == 0.0 {
                true => String::new(),
                false => format!(" ({:+.1} %)", (m.after / m.before - 1.0) * 100.0),
            };
            format!(
                "{}: {} {:.3} {}, was {:.3}{change}",
                m.check, m.name, m.after, m.unit, m.before
            )
        };
        list("figures", self.figures.iter().map(moved).collect());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::report::release::{Figure, Source};

    fn report(checks: Vec<Check>) -> ReleaseReport {
        ReleaseReport::new(Source::default(), checks, Vec::new(), Vec::new())
    }

    fn check(name: &str, outcome: Outcome, places: &[&str], figure: f64) -> Check {
        let finding = |place: &&str| Finding {
            id: "delivery.lost".to_owned(),
            severity: Severity::Error,
            place: (*place).to_owned(),
            evidence: "seen".to_owned(),
            advice: "mend it".to_owned(),
        };
        let figure = Figure { name: "rate".to_owned(), value: figure, unit: "1/s".to_owned() };
        Check {
            findings: places.iter().map(finding).collect(),
            figures: vec![figure],
            ..Check::new(name, outcome, "so it is")
        }
    }

    #[test]
    fn what_is_new_mended_and_slower_is_told_apart() {
        let before = report(vec![check("run", Outcome::Invalid, &["agent-1", "agent-2"], 100.0)]);
        let after = report(vec![check("run", Outcome::Invalid, &["agent-2", "agent-3"], 80.0)]);
        let compared = compare(&before, &after);
        assert_eq!(compared.new[0].place, "agent-3");
        assert_eq!(compared.mended[0].place, "agent-1");
        assert!(compared.is_worse());
        let text = anstream::adapter::strip_str(&compared.render()).to_string();
        assert!(text.contains("rate 80.000 1/s, was 100.000 (-20.0 %)"), "{text}");
    }

    #[test]
    fn the_same_again_is_not_worse_and_a_missing_check_is() {
        let one = report(vec![check("run", Outcome::Valid, &[], 1.0)]);
        assert!(!compare(&one, &one).is_worse());
        let none = compare(&one, &report(Vec::new()));
        assert_eq!(none.no_longer_checked, ["run"]);
        assert!(none.is_worse() && none.mended.is_empty());
    }

    #[test]
    fn a_check_that_turned_worse_counts_without_a_finding() {
        let valid = report(vec![check("run", Outcome::Valid, &[], 1.0)]);
        let unknown = report(vec![check("run", Outcome::Unknown, &[], 1.0)]);
        assert!(compare(&valid, &unknown).is_worse());
        assert!(!compare(&unknown, &valid).is_worse());
    }
}
