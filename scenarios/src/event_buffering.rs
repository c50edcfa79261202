//! An agent that keeps its buffer in memory loses events when it is killed, and is found out.

use harness::checkers::Outcome;
use harness::environment::BackendKind;
use libtest_mimic::Failed;

use crate::Scenario;
use crate::system_run::run_quick_plan;

/// A buffer in memory is found out, and the lost events are named.
pub const LOST_EVENTS_ARE_NAMED: Scenario =
    Scenario { name: "events_lost_with_a_buffer_in_memory_are_named", show };

fn show(backend: BackendKind) -> Result<(), Failed> {
    let run = run_quick_plan(backend, &["AL-FLUSH"])?;
    let delivery = run.verdicts.iter().find(|verdict| verdict.checker == "delivery");
    let delivery = delivery.ok_or("the delivery checker gave no verdict")?;
    if delivery.outcome != Outcome::Invalid {
        return Err(format!("delivery is {:?}: {}", delivery.outcome, delivery.summary).into());
    }
    let lost = delivery.findings.iter().find(|finding| finding.id == "delivery.lost");
    let lost = lost.ok_or_else(|| format!("nothing is called lost: {:#?}", delivery.findings))?;
    if !lost.evidence.contains("workload-") {
        return Err(format!("the lost events are not named: {}", lost.evidence).into());
    }
    Ok(())
}
