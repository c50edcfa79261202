//! Server, agents and PostgreSQL, where the backend can kill it, are killed over and over while
//! events flow, and no event is lost or doubled.

use harness::environment::BackendKind;
use harness::faults::{Fault, Schedule, ScheduledFault, Targets};
use harness::run::{Plan, Planner};
use harness::seed::Seed;
use harness::workload::Pace;
use libtest_mimic::Failed;
use rand::RngExt;

use crate::Scenario;
use crate::system_run::{every_verdict_is_valid, run_plan};

const NAME: &str = "kill-storm";
/// Events a second, over all agents.
const RATE: u32 = 100;
/// How long it lasts, in milliseconds.
const LASTS: u64 = 8000;
/// The pauses between two kills, in milliseconds.
const PAUSES: std::ops::RangeInclusive<u64> = 300..=600;
const DRAIN_BOUND: u64 = 30_000;

/// Everything given in arrives, whatever is killed.
pub const NOTHING_IS_LOST: Scenario =
    Scenario { name: "nothing_is_lost_in_a_storm_of_kills", show };

fn show(backend: BackendKind) -> Result<(), Failed> {
    let run = run_plan(backend, NAME, Planner::new(storm), &[])?;
    every_verdict_is_valid(&run)?;
    let planned = run.plan.schedule.faults().len();
    match run.history.faults().len() {
        seen if seen == planned => Ok(()),
        seen => Err(format!("{seen} kills, not {planned}").into()),
    }
}

/// Kills at random times, of random parts; each is started again at once.
fn storm(targets: &Targets, seed: Seed) -> Plan {
    let mut random = seed.stream(NAME);
    let parts = targets.parts();
    let mut faults = Vec::new();
    let mut at = random.random_range(PAUSES);
    while at < LASTS {
        let part = parts[random.random_range(0..parts.len())].to_owned();
        faults.push(ScheduledFault { at, lasts: 0, fault: Fault::Kill { part } });
        at += random.random_range(PAUSES);
    }
    Plan {
        name: NAME.to_owned(),
        pace: Pace { rate: RATE, lasts: LASTS },
        schedule: Schedule::new(faults),
        drain_bound: DRAIN_BOUND,
    }
}
