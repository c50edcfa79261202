//! Urgent events go first when an outage is over.

use harness::environment::BackendKind;
use harness::faults::{Fault, Schedule, ScheduledFault, Targets};
use harness::run::{Plan, Planner};
use harness::seed::Seed;
use harness::workload::Pace;
use libtest_mimic::Failed;

use crate::Scenario;
use crate::both_ways::{found, one_look_or};
use crate::database::DATABASE_LINK;
use crate::system_run::{every_verdict_is_valid, run_plan};

const NAME: &str = "outage";
/// Events a second, over all agents: a twentieth of them is urgent.
const RATE: u32 = 100;
/// When the database is cut off, and for how long, in milliseconds.
const OUTAGE: (u64, u64) = (200, 2500);
/// How long the load lasts, in milliseconds.
const LASTS: u64 = 3000;
const DRAIN_BOUND: u64 = 30_000;
/// How the checker names what it finds.
const EVIDENCE: &str = "priority.overtaken";

/// No urgent event waits while one goes that was taken later.
pub const URGENT_EVENTS_GO_FIRST: Scenario =
    Scenario { name: "urgent_events_go_first_after_an_outage", show };

fn show(backend: BackendKind) -> Result<(), Failed> {
    const DEFECT: &str = "A3-PRIORITY";
    let look = |defects: &[&str]| {
        every_verdict_is_valid(&run_plan(backend, NAME, Planner::new(outage), defects)?)
    };
    one_look_or(DEFECT, EVIDENCE, look, || {
        look(&[])?;
        found(DEFECT, EVIDENCE, look(&[DEFECT]))
    })
}

fn outage(_: &Targets, _: Seed) -> Plan {
    let (at, lasts) = OUTAGE;
    let fault = Fault::Cut { link: DATABASE_LINK.to_owned() };
    Plan {
        name: NAME.to_owned(),
        pace: Pace { rate: RATE, lasts: LASTS },
        schedule: Schedule::new(vec![ScheduledFault { at, lasts, fault }]),
        drain_bound: DRAIN_BOUND,
    }
}
