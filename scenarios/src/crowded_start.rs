//! A server that starts while the database has no connection to spare waits until it has one.

use harness::environment::BackendKind;
use harness::faults::{Fault, Schedule, ScheduledFault};
use harness::run::{Plan, Planner};
use harness::workload::Pace;
use libtest_mimic::Failed;

use crate::Scenario;
use crate::system_run::{every_verdict_is_valid, run_plan};

/// The server comes up by itself, and nothing is lost meanwhile.
pub const THE_SERVER_WAITS_FOR_A_CONNECTION: Scenario =
    Scenario { name: "a_server_that_finds_no_connection_waits_for_one", show };

fn show(backend: BackendKind) -> Result<(), Failed> {
    let restart = Fault::Terminate { part: "server".to_owned() };
    let faults = vec![
        ScheduledFault { at: 300, lasts: 500, fault: restart },
        ScheduledFault { at: 500, lasts: 2000, fault: Fault::NoConnections {} },
    ];
    let plan = Plan {
        name: "crowded-start".to_owned(),
        pace: Pace { rate: 50, lasts: 3000 },
        schedule: Schedule::new(faults),
        drain_bound: 30_000,
    };
    every_verdict_is_valid(&run_plan(backend, "crowded-start", Planner::fixed(plan), &[])?)
}
