//! One report of many: of the machines that shared the checks of one release.

use std::collections::BTreeMap;

use super::read::Content;
use super::{Check, ReleaseReport, Source};

/// Something that was read, and the name of where it lay.
#[derive(Debug)]
pub struct Part {
    /// Tells checks apart that have the same name.
    pub origin: String,
    /// What it holds.
    pub content: Content,
}

/// Joins the parts in their order. Checks of the same name get their origin beside it; what is
/// left out somewhere is left out of the whole, once.
pub fn merge(parts: Vec<Part>, source: Source) -> ReleaseReport {
    let (mut checks, mut waived, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    let mut joined = source;
    for Part { origin, content } in parts {
        match content {
            Content::Check(check) => checks.push((origin, *check)),
            Content::Release(report) => {
                joined = join(joined, report.source);
                checks.extend(report.checks.into_iter().map(|check| (origin.clone(), check)));
                waived.extend(report.waived);
                for left in report.left_out {
                    if !left_out.contains(&left) {
                        left_out.push(left);
                    }
                }
            }
        }
    }
    let duration: u64 = checks.iter().map(|(_, check)| check.duration_ms).sum();
    joined.duration_ms = joined.duration_ms.max(duration);
    ReleaseReport::new(joined, told_apart(checks), waived, left_out)
}

/// The earliest beginning, all machines, and the commit if all are of the same.
fn join(one: Source, other: Source) -> Source {
    let commit = match (one.commit, other.commit) {
        (Some(one), Some(other)) if one != other => Some(format!("{one} and {other}")),
        (one, other) => one.or(other),
    };
    let mut machines = one.machines;
    for machine in other.machines {
        if !machines.contains(&machine) {
            machines.push(machine);
        }
    }
    let started_at = [one.started_at, other.started_at].into_iter().flatten().min();
    Source { commit, started_at, duration_ms: one.duration_ms + other.duration_ms, machines }
}

fn told_apart(checks: Vec<(String, Check)>) -> Vec<Check> {
    let mut often = BTreeMap::new();
    for (_, check) in &checks {
        *often.entry(check.name.clone()).or_insert(0) += 1;
    }
    let name = |(origin, check): (String, Check)| match often[&check.name] {
        1 => check,
        _ => Check { name: format!("{} ({origin})", check.name), ..check },
    };
    checks.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::Outcome;
    use crate::report::LeftOut;

    fn check(name: &str, outcome: Outcome) -> Content {
        Content::Check(Box::new(Check::new(name, outcome, "so it is")))
    }

    fn part(origin: &str, content: Content) -> Part {
        Part { origin: origin.to_owned(), content }
    }

    #[test]
    fn the_worst_part_decides() {
        let parts = vec![
            part("one", check("tests", Outcome::Valid)),
            part("two", check("tests", Outcome::Invalid)),
            part("two", check("run", Outcome::Valid)),
        ];
        let merged = merge(parts, Source::default());
        let names: Vec<&str> = merged.checks.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(names, ["tests (one)", "tests (two)", "run"]);
        assert_eq!(merged.outcome, Outcome::Invalid);
    }

    #[test]
    fn what_reports_of_releases_hold_is_joined() {
        let report = |commit: &str| {
            let source = Source { commit: Some(commit.to_owned()), ..Source::default() };
            let left = LeftOut { what: "containers".to_owned(), why: "no engine".to_owned() };
            let check = Check::new(commit, Outcome::Valid, "so it is");
            Content::Release(Box::new(ReleaseReport::new(
                source,
                vec![check],
                Vec::new(),
                vec![left],
            )))
        };
        let parts = vec![part("one", report("a")), part("two", report("b"))];
        let merged = merge(parts, Source::default());
        assert_eq!(merged.source.commit.as_deref(), Some("a and b"));
        assert_eq!((merged.checks.len(), merged.left_out.len()), (2, 1));
    }
}
