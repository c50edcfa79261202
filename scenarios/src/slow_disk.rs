//! Disks that answer slowly keep neither the server nor its agents from their work, and lose nothing.

use harness::environment::BackendKind;
use harness::faults::{Fault, Schedule, ScheduledFault};
use harness::run::{Plan, Planner};
use harness::system::System;
use harness::workload::Pace;
use libtest_mimic::Failed;

use crate::Scenario;
use crate::system_run::{every_verdict_is_valid, run_plan_of, system_file};

const NAME: &str = "slow-disk";
/// How long each change on a disk waits, in milliseconds: a transaction makes several.
const DELAY: u64 = 2000;
/// For longer than a part may be silent.
const LASTS: u64 = 10_000;

/// Whoever waits for its disk answers for its health meanwhile.
pub const NOTHING_IS_LOST: Scenario =
    Scenario { name: "slow_disks_lose_nothing_and_health_answers_throughout", show };

fn show(backend: BackendKind) -> Result<(), Failed> {
    let mut system = System::read(&system_file())?;
    for part in &mut system.parts {
        part.slow_disk = true;
    }
    let slow = |part: &str| ScheduledFault {
        at: 500,
        lasts: LASTS,
        fault: Fault::SlowDisk { part: part.to_owned(), delay: DELAY },
    };
    let plan = Plan {
        name: NAME.to_owned(),
        pace: Pace { rate: 50, lasts: LASTS + 2000 },
        schedule: Schedule::new(["server", "agent-1", "agent-2"].map(slow).to_vec()),
        drain_bound: 30_000,
    };
    let run = run_plan_of(&system, backend, NAME, Planner::fixed(plan), &[])?;
    every_verdict_is_valid(&run)
}
