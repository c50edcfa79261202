//! What the database is short of, or keeps from the server, neither ends nor silences the server.

use harness::environment::BackendKind;
use harness::faults::{Fault, Schedule, ScheduledFault};
use harness::run::{Plan, Planner};
use harness::workload::Pace;
use libtest_mimic::Failed;

use crate::Scenario;
use crate::system_run::{every_verdict_is_valid, run_plan};

/// A server that starts while the database has no connection to spare waits until it has one.
pub const THE_SERVER_WAITS_FOR_A_CONNECTION: Scenario = Scenario {
    name: "a_server_that_finds_no_connection_waits_for_one",
    show: |on| {
        let restart = Fault::Terminate { part: "server".to_owned() };
        holds(
            on,
            vec![
                ScheduledFault { at: 300, lasts: 500, fault: restart },
                ScheduledFault { at: 500, lasts: 2000, fault: Fault::NoConnections {} },
            ],
        )
    },
};

/// A server whose database takes what it is asked and says nothing answers for its own health in
/// time for those who ask: many give it one second.
pub const HEALTH_ANSWERS_BESIDE_A_SILENT_DATABASE: Scenario = Scenario {
    name: "health_answers_while_the_database_is_silent",
    show: |on| {
        let silence = Fault::Pause { part: "database".to_owned() };
        holds(on, vec![ScheduledFault { at: 500, lasts: 8000, fault: silence }])
    },
};

/// Under these faults every promise is kept: the server is there and answers for its health, and
/// nothing is lost.
fn holds(backend: BackendKind, faults: Vec<ScheduledFault>) -> Result<(), Failed> {
    let plan = Plan {
        name: "database-trouble".to_owned(),
        pace: Pace { rate: 50, lasts: 3000 },
        schedule: Schedule::new(faults),
        drain_bound: 30_000,
    };
    every_verdict_is_valid(&run_plan(backend, "database-trouble", Planner::fixed(plan), &[])?)
}
