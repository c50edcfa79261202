//! Scenarios: named tests of the whole, on real parts. Each is a trial on each backend, named
//! `embedded::…` or `containers::…`, so that a profile can choose by name and listing them starts
//! nothing.

pub mod access;
pub mod agent_tokens;
pub mod both_ways;
pub mod calls;
pub mod event_batches;
pub mod event_buffering;
pub mod expect;
pub mod kill_storm;
pub mod lineage;
pub mod logs;
pub mod migration_at_start;
pub mod query_growth;
pub mod query_probe;
pub mod quick_plan;
pub mod rate_limits;
pub mod server_calls;
pub mod system_run;
pub mod termination;
pub mod toxiproxy_client;

use harness::environment::BackendKind;
use libtest_mimic::{Failed, Trial};

/// A named test of the whole.
pub struct Scenario {
    /// What it shows.
    pub name: &'static str,
    /// Shows it on a backend, or says what is wrong.
    pub show: fn(BackendKind) -> Result<(), Failed>,
}

/// Every scenario on every backend.
pub fn trials(scenarios: &[Scenario]) -> Vec<Trial> {
    let on = |scenario: &Scenario, backend: BackendKind| {
        let show = scenario.show;
        let name = format!("{}::{}", backend.name(), scenario.name);
        Trial::test(name, move || show(backend))
    };
    [BackendKind::Embedded, BackendKind::Containers]
        .into_iter()
        .flat_map(|backend| scenarios.iter().map(move |scenario| on(scenario, backend)))
        .collect()
}
