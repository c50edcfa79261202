//! The quick plan on the repaired system: every fault is carried out and every verdict is valid.

use harness::environment::BackendKind;
use harness::history::Phase;
use libtest_mimic::Failed;

use crate::Scenario;
use crate::system_run::{every_verdict_is_valid, run_quick_plan};

/// The faults of the quick plan, by kind and by what their target's name begins with.
const FAULTS: [(&str, &str); 5] = [
    ("latency", "agent-"),
    ("cut", "agent-"),
    ("kill", "server"),
    ("cut", "server-to-database"),
    ("kill", "agent-"),
];

/// The repaired system passes.
pub const REPAIRED_SYSTEM_PASSES: Scenario =
    Scenario { name: "the_repaired_system_passes_the_quick_plan", show };

fn show(backend: BackendKind) -> Result<(), Failed> {
    let run = run_quick_plan(backend, &[])?;
    every_verdict_is_valid(&run)?;
    let faults = run.history.faults();
    for (kind, target) in FAULTS {
        let carried_out = faults.iter().any(|fault| {
            fault.fault.kind == kind
                && fault.fault.target.starts_with(target)
                && fault.phase == Phase::Ok
        });
        if !carried_out {
            return Err(format!("no {kind} of {target} was carried out: {faults:#?}").into());
        }
    }
    Ok(())
}
