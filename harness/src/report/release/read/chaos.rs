//! What `chaos --json` writes.

use serde::Deserialize;

use crate::checkers::Outcome;
use crate::faults::Schedule;
use crate::finding::{Finding, Severity};
use crate::report::release::{Check, Figure};

/// The part of the file that a release's report needs.
#[derive(Debug, Deserialize)]
pub(super) struct Exploration {
    system: String,
    runs: u64,
    valid: u64,
    unknown: u64,
    covered: usize,
    possible: usize,
    failure: Option<Failure>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    rerun: String,
    findings: Vec<String>,
    plan: Plan,
}

#[derive(Debug, Deserialize)]
struct Plan {
    schedule: Schedule,
}

/// The check that an exploration is.
pub(super) fn check(exploration: Exploration) -> Check {
    let Exploration { system, runs, valid, unknown, covered, possible, failure } = exploration;
    let figure = |name: &str, value: usize, unit: &str| Figure {
        name: name.to_owned(),
        #[expect(clippy::cast_precision_loss, reason = "a count of pairs")]
        value: value as f64,
        unit: unit.to_owned(),
    };
    let figures = vec![figure("pairs of fault and phase covered", covered, "pairs")];
    let tried =
        format!("{valid} of {runs} generated schedules held, {covered} of {possible} pairs");
    let (outcome, why) = match (&failure, unknown) {
        (Some(failure), _) => {
            let faults = failure.plan.schedule.faults().len();
            let said = failure.findings.join(", ");
            (Outcome::Invalid, format!("{said} under a schedule of {faults} faults"))
        }
        (None, 0) if runs > 0 => (Outcome::Valid, tried),
        (None, _) => (Outcome::Unknown, format!("{tried}, {unknown} unknown")),
    };
    let again = failure.as_ref().map(|failure| failure.rerun.clone());
    let findings = failure.map(found).unwrap_or_default();
    Check { findings, figures, again, ..Check::new(format!("chaos on {system}"), outcome, why) }
}

/// One finding for each kind, whose evidence is the smallest schedule that shows it.
fn found(failure: Failure) -> Vec<Finding> {
    let lines = failure.plan.schedule.faults().iter().map(|scheduled| {
        let (fault, at, lasts) = (&scheduled.fault, scheduled.at, scheduled.lasts);
        let (kind, target, detail) = (fault.kind(), fault.target(), fault.detail());
        format!("at {at} ms for {lasts} ms: {kind} of {target} ({detail})")
    });
    let evidence = lines.collect::<Vec<_>>().join("\n");
    let finding = |id| Finding {
        id,
        severity: Severity::Error,
        place: "the smallest schedule that fails".to_owned(),
        evidence: evidence.clone(),
        advice: format!("run it again with `{}`", failure.rerun),
    };
    failure.findings.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::faults::{Fault, ScheduledFault};

    fn read(failure: &serde_json::Value, valid: u64, unknown: u64) -> Check {
        let value = json!({ "system": "mine", "runs": 3, "valid": valid, "unknown": unknown,
                            "covered": 7, "possible": 9, "failure": failure });
        check(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn what_held_says_how_much_was_tried() {
        let check = read(&json!(null), 3, 0);
        assert_eq!(check.outcome, Outcome::Valid);
        assert_eq!(check.why, "3 of 3 generated schedules held, 7 of 9 pairs");
        assert_eq!(read(&json!(null), 2, 1).outcome, Outcome::Unknown);
    }

    #[test]
    fn a_failure_shows_its_smallest_schedule() {
        let fault = Fault::Kill { part: "agent-1".into() };
        let schedule = Schedule::new(vec![ScheduledFault { at: 500, lasts: 100, fault }]);
        let failure = json!({ "rerun": "harness chaos rerun x", "findings": ["delivery.lost"],
                              "plan": { "schedule": schedule } });
        let check = read(&failure, 2, 0);
        assert_eq!(check.outcome, Outcome::Invalid);
        assert_eq!(check.why, "delivery.lost under a schedule of 1 faults");
        assert!(check.findings[0].evidence.starts_with("at 500 ms for 100 ms: kill of agent-1"));
        assert_eq!(check.again.as_deref(), Some("harness chaos rerun x"));
    }
}
