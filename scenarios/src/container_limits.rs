//! Faults that only containers have: a part gets less of a processor or of memory, or is taken off
//! its network, until the fault heals; and nothing is lost meanwhile.

use std::process::Command;
use std::sync::Arc;

use harness::environment::{BackendKind, Environment};
use harness::faults::{Fault, Schedule, ScheduledFault};
use harness::history::PartState;
use harness::run::{Plan, Planner};
use harness::workload::Pace;
use libtest_mimic::Failed;
use tokio::runtime::Runtime;

use crate::calls::part;
use crate::system_run::{ReferenceSystem, every_verdict_is_valid, run_plan};
use crate::{Scenario, expect};

const NAME: &str = "container-limits";
const SERVER: &str = "server";

/// The engine shows each limit while its fault goes on, and none afterwards.
pub const FAULTS_LIMIT_UNTIL_THEY_HEAL: Scenario =
    Scenario { name: "containers_are_limited_until_the_fault_heals", show: limit };

/// The repaired system loses nothing to them.
pub const NOTHING_IS_LOST: Scenario =
    Scenario { name: "limited_and_disconnected_containers_lose_nothing", show: hold };

fn limit(backend: BackendKind) -> Result<(), Failed> {
    let reference = ReferenceSystem::new(backend)?.without_agents();
    Runtime::new()?.block_on(async {
        let environment = Arc::new(reference.start().await?);
        let outcome = look_at_limits(&environment).await;
        let ended = environment.stop().await;
        outcome.and(ended.map_err(Failed::from))
    })
}

async fn look_at_limits(environment: &Arc<Environment>) -> Result<(), Failed> {
    let server = part(environment, SERVER)?;
    let inject = |fault: Fault| fault.inject(environment);
    let name = || SERVER.to_owned();

    let limit = inject(Fault::CpuLimit { part: name(), percent: 20 }).await?;
    let quota = "{{.HostConfig.CpuQuota}} of {{.HostConfig.CpuPeriod}}";
    expect::equal("the limited share", &inspect(quota)?.as_str(), &"20000 of 100000")?;
    limit.heal().await?;
    expect::equal("the share afterwards", &inspect(quota)?.as_str(), &"-1 of 100000")?;

    let limit = inject(Fault::NoMemory { part: name(), spare: 64 << 20 }).await?;
    let limited = memory_of_server()?;
    let expected = 64 << 20..1 << 30;
    expect::equal("the memory is limited", &expected.contains(&limited), &true)?;
    limit.heal().await?;
    expect::equal("the memory is not limited", &(memory_of_server()? > 1 << 40), &true)?;

    let limit = inject(Fault::NoMemory { part: name(), spare: 0 }).await?;
    server.kill().await;
    expect::equal("what has ended has no limit", &(memory_of_server()? > 1 << 40), &true)?;
    limit.heal().await?;
    server.wait_ready(expect::BOUND).await?;

    let limit = inject(Fault::Disconnect { part: name() }).await?;
    expect::eventually("the server is not reached", async || {
        Ok((server.state() == PartState::Unready).then_some(()))
    })
    .await?;
    let networks = "{{len .NetworkSettings.Networks}}";
    expect::equal("its networks", &inspect(networks)?.as_str(), &"0")?;
    limit.heal().await?;
    server.wait_ready(expect::BOUND).await?;

    let lost = inject(Fault::Disconnect { part: name() }).await?;
    server.kill().await;
    expect::equal("what has ended is on its network again", &inspect(networks)?.as_str(), &"1")?;
    lost.heal().await?;
    server.wait_ready(expect::BOUND).await?;

    let refused =
        inject(Fault::NoFiles { part: name() }).await.err().map(|error| error.to_string());
    expect::contains("the refusal", &refused.unwrap_or_default(), "--backend embedded")
}

fn memory_of_server() -> Result<u64, Failed> {
    Ok(inspect("{{.HostConfig.Memory}}")?.parse()?)
}

/// What the engine says of the container of this process's server.
fn inspect(template: &str) -> Result<String, Failed> {
    let label = format!("label=redflag-harness.owner={}", std::process::id());
    let names = docker(&["ps", "--all", "--filter", &label, "--format", "{{.Names}}"])?;
    let server = names.lines().find(|name| name.ends_with("-server"));
    docker(&["inspect", server.ok_or("the server has no container")?, "--format", template])
}

fn docker(words: &[&str]) -> Result<String, Failed> {
    let output = Command::new("docker").args(words).output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?.trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}

fn hold(backend: BackendKind) -> Result<(), Failed> {
    let part = |name: &str| name.to_owned();
    let fault = |at, lasts, fault| ScheduledFault { at, lasts, fault };
    let plan = Plan {
        name: NAME.to_owned(),
        pace: Pace { rate: 50, lasts: 14_000 },
        schedule: Schedule::new(vec![
            fault(500, 2000, Fault::Disconnect { part: part("agent-1") }),
            fault(1000, 2000, Fault::CpuLimit { part: part(SERVER), percent: 5 }),
            fault(1500, 2000, Fault::NoMemory { part: part("agent-2"), spare: 0 }),
            fault(4000, 3000, Fault::Disconnect { part: part(SERVER) }),
            fault(4500, 2000, Fault::CpuLimit { part: part("agent-3"), percent: 2 }),
            fault(8500, 2000, Fault::NoMemory { part: part(SERVER), spare: 0 }),
        ]),
        drain_bound: 30_000,
    };
    let run = run_plan(backend, NAME, Planner::fixed(plan), &[])?;
    every_verdict_is_valid(&run)?;
    expect::equal("the faults", &run.history.faults().len(), &6)
}
