//! An agent that keeps its buffer in memory loses events when it is killed, and is found out.

use harness::checkers::Outcome;
use harness::environment::BackendKind;
use libtest_mimic::Failed;

use crate::Scenario;
use crate::both_ways::{found, one_look_or};
use crate::system_run::run_quick_plan;

/// A buffer in memory is found out, and the lost events are named.
pub const LOST_EVENTS_ARE_NAMED: Scenario =
    Scenario { name: "events_lost_with_a_buffer_in_memory_are_named", show };

fn show(backend: BackendKind) -> Result<(), Failed> {
    // Lost events are named by the workload's marker. That nothing is lost of the sound system is
    // shown by the quick plan's own scenario.
    let (defect, evidence) = ("AL-FLUSH", "workload-");
    let look = |defects: &[&str]| no_event_is_lost(backend, defects);
    one_look_or(defect, evidence, look, || found(defect, evidence, look(&[defect])))
}

fn no_event_is_lost(backend: BackendKind, defects: &[&str]) -> Result<(), Failed> {
    let run = run_quick_plan(backend, defects)?;
    let delivery = run.verdicts.iter().find(|verdict| verdict.checker == "delivery");
    let delivery = delivery.ok_or("the delivery checker gave no verdict")?;
    match delivery.findings.iter().find(|finding| finding.id == "delivery.lost") {
        Some(lost) => Err(format!("lost: {}", lost.evidence).into()),
        None if delivery.outcome == Outcome::Valid => Ok(()),
        None => Err(format!("delivery is {:?}: {}", delivery.outcome, delivery.summary).into()),
    }
}
