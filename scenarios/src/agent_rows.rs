//! Rows of the ledger that an agent shows: what its events say, and whether it lives on.

use std::fs;
use std::time::Instant;

use harness::history::PartState;
use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::both_ways::both_ways;
use crate::propagation::stage::{Folders, Stage};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// A duration in milliseconds holds milliseconds.
pub const DURATIONS_ARE_MILLISECONDS: Scenario = Scenario {
    name: "durations_of_scans_are_milliseconds",
    show: |backend| {
        let evidence = "a scan took longer than the time since it was asked for";
        both_ways(backend, "AL-UNIT", evidence, durations_are_milliseconds)
    },
};

/// A panic of a scanner's library is an event, not the agent's end.
pub const PANICS_ARE_CAUGHT: Scenario = Scenario {
    name: "an_agent_outlives_the_panic_of_a_scanner",
    show: |backend| {
        let evidence = "the agent ended with its scanner's panic";
        both_ways(backend, "P-PANIC", evidence, panics_are_caught)
    },
};

/// Migrating a configuration leaves out what later versions removed.
pub const CONFIGURATIONS_ARE_MIGRATED: Scenario = Scenario {
    name: "a_migrated_configuration_names_nothing_that_was_removed",
    show: |backend| {
        let evidence = "the migrated configuration names `updates`";
        both_ways(backend, "T1-CONFIG", evidence, migrated_configuration_is_clean)
    },
};

/// A breaker that a short outage opened closes again.
pub const BREAKERS_HEAL: Scenario = Scenario {
    name: "a_breaker_closes_by_itself",
    show: |backend| both_ways(backend, "R4-STUCK", "the breaker closes by itself", breakers_heal),
};

/// An agent's health tells what its breakers do, and the server's health tells of the fleet's.
pub const BREAKERS_ARE_VISIBLE: Scenario = Scenario {
    name: "an_agents_health_shows_its_breakers",
    show: |backend| {
        both_ways(
            backend,
            "R4-HEALTH",
            "health tells of the open breaker (None)",
            breakers_are_visible,
        )
    },
};

/// An update that fails leaves the agent as it was.
pub const FAILED_UPDATES_LEAVE_THE_AGENT: Scenario = Scenario {
    name: "an_agent_outlives_its_failed_update",
    show: |backend| {
        let evidence = "the agent ended with its failed update";
        both_ways(backend, "P-UPDATE", evidence, failed_updates_leave_the_agent)
    },
};

/// Looks at a system whose agent is registered and scans with a double of `apt`.
fn with_agent(
    reference: ReferenceSystem,
    look: impl AsyncFnOnce(&Stage<'_>) -> Result<(), Failed>,
) -> Result<(), Failed> {
    with_prepared_agent(reference, |_| Ok(()), look)
}

/// The same; while the agent is down, its folders are prepared.
///
/// # Errors
/// When the system cannot be started, the folders cannot be prepared, or what was seen is wrong.
pub fn with_prepared_agent(
    mut reference: ReferenceSystem,
    prepare: impl FnOnce(&Folders) -> Result<(), Failed>,
    look: impl AsyncFnOnce(&Stage<'_>) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let root = tempfile::tempdir()?;
    let folders = Folders::below(root.path(), &mut reference.system)?;
    reference.observe(async |environment| {
        let stage = Stage::new(&reference, environment, &folders);
        // Asked to end, it would wait for a server that does not know it.
        stage.agent()?.kill().await;
        stage.configure(&stage.good_configuration()?.to_string())?;
        prepare(&folders)?;
        let since = stage.agent_log_end()?;
        stage.agent()?.start().await?;
        stage.agent_logs(since, "registered as").await?;
        look(&stage).await
    })
}

/// Has the agent scan, with its double doing what the script says.
async fn scan(stage: &Stage<'_>, script: &Value) -> Result<(), Failed> {
    stage.script(script)?;
    let path = format!("/agents/{}/scan", stage.agent_id()?);
    stage.administrate(&path, &json!({})).await?.with_status("a scan command", 200).map(drop)
}

/// The first event of a point in the history, once it is there.
async fn event_of(stage: &Stage<'_>, point: &str) -> Result<Value, Failed> {
    expect::eventually(&format!("the history has an event of {point}"), async || {
        let history = stage.ask("/events?limit=1000").await?.with_status("the history", 200)?;
        let events = history["events"].as_array().into_iter().flatten();
        let mut of_point = events.filter(|event| event["metadata"]["point"] == point);
        Ok(of_point.next().cloned())
    })
    .await
}

/// A scan cannot have taken longer than the time since it was asked for.
fn durations_are_milliseconds(reference: ReferenceSystem) -> Result<(), Failed> {
    with_agent(reference, async |stage| {
        let asked = Instant::now();
        scan(stage, &json!({"outcome": "succeed", "packages": 3})).await?;
        let event = event_of(stage, "EP-24").await?;
        let since = asked.elapsed().as_millis();
        let said = event["metadata"]["duration_ms"].as_u64().ok_or("no duration_ms")?;
        if u128::from(said) > since {
            let complaint = "a scan took longer than the time since it was asked for";
            return Err(format!("{complaint}: {said} ms, not {since} ms").into());
        }
        Ok(())
    })
}

/// The agent outlives a panic of its scanner, and tells of it.
fn panics_are_caught(reference: ReferenceSystem) -> Result<(), Failed> {
    with_agent(reference, async |stage| {
        scan(stage, &json!({"outcome": "panic"})).await?;
        stage.agent_logs(0, "what it never expected").await?;
        let agent = stage.agent()?;
        expect::eventually("the agent has told of the panic, or ended", async || {
            let history = stage.ask("/events?severity=critical").await?;
            let history = history.with_status("the history", 200)?;
            let told = history.to_string().contains("EP-39");
            Ok((told || agent.state() == PartState::Exited).then_some(()))
        })
        .await?;
        match agent.state() {
            PartState::Exited => Err("the agent ended with its scanner's panic".into()),
            _ => event_of(stage, "EP-39").await.map(drop),
        }
    })
}

/// The oldest configuration is migrated without what later versions removed.
fn migrated_configuration_is_clean(reference: ReferenceSystem) -> Result<(), Failed> {
    with_agent(reference, async |stage| {
        stage.agent()?.terminate().await;
        let oldest = json!({"interval": 1, "scanners": ["apt", "updates"], "scan_timeout": 5});
        stage.configure(&oldest.to_string())?;
        stage.agent()?.start().await?;
        stage.agent()?.wait_ready(expect::BOUND).await?;
        let migrated = fs::read_to_string(stage.folders.configuration_file())?;
        match migrated.contains("updates") {
            true => Err("the migrated configuration names `updates`, which 024 removed".into()),
            false => Ok(()),
        }
    })
}

/// An open breaker is seen in the agent's health.
fn breakers_are_visible(reference: ReferenceSystem) -> Result<(), Failed> {
    with_agent(reference, async |stage| {
        open_breaker(stage).await?;
        let health = reqwest::get(format!("{}/health", stage.agent()?.url())).await?;
        let health: Value = serde_json::from_str(&health.text().await?)?;
        let told = health.pointer("/breakers/apt").and_then(Value::as_str);
        // A probe may be under way.
        let open = matches!(told, Some("open" | "half_open"));
        expect::equal(&format!("health tells of the open breaker ({told:?})"), &open, &true)?;
        let agent = stage.agent_id()?;
        expect::eventually("the server's health tells of the open breaker", async || {
            let health = stage.ask("/health/breakers").await?.with_status("health", 200)?;
            let not_closed = health["not_closed"].as_array().into_iter().flatten();
            let mut of_agent = not_closed.filter(|one| one["agent"] == json!(agent));
            Ok(of_agent.any(|one| one["scanner"] == "apt").then_some(()))
        })
        .await
    })
}

/// Lets scans fail until the breaker of their scanner is open.
async fn open_breaker(stage: &Stage<'_>) -> Result<(), Failed> {
    for failures in 1..=3 {
        scan(stage, &json!({"outcome": "fail", "error": "no network"})).await?;
        // Two scans that are asked for at once would be one.
        expect::eventually(&format!("scan {failures} has failed"), async || {
            let seen = stage.log("agent")?.matches("taken: scanner apt failed").count();
            Ok((seen >= failures).then_some(()))
        })
        .await?;
    }
    stage.agent_logs(0, "the breaker of scanner apt is open").await.map(drop)
}

/// A breaker that failures opened closes by itself once the scanner works again.
fn breakers_heal(reference: ReferenceSystem) -> Result<(), Failed> {
    with_agent(reference, async |stage| {
        open_breaker(stage).await?;
        stage.script(&json!({"outcome": "succeed", "packages": 1}))?;
        // It probes again after at most 400 ms, and a scan takes at most 300 ms.
        expect::soon("the breaker closes by itself", async || {
            let log = stage.log("agent")?;
            Ok(log.contains("the breaker of scanner apt is closed").then_some(()))
        })
        .await
    })
}

/// An update that fails half-way is told, and the agent goes on as it was.
fn failed_updates_leave_the_agent(reference: ReferenceSystem) -> Result<(), Failed> {
    with_agent(reference, async |stage| {
        let path = format!("/agents/{}/update", stage.agent_id()?);
        let update = json!({"platform": "linux-amd64", "version": "9.9.9"});
        stage.administrate(&path, &update).await?.with_status("an update command", 200)?;
        let agent = stage.agent()?;
        stage.agent_logs(0, "update failed").await?;
        expect::eventually("the agent has told of the update, or ended", async || {
            let history = stage.ask("/events?event_type=agent_update").await?;
            let history = history.with_status("the history", 200)?;
            let told = history.to_string().contains("EP-38");
            Ok((told || agent.state() == PartState::Exited).then_some(()))
        })
        .await?;
        let since = stage.agent_log_end()?;
        scan(stage, &json!({"outcome": "fail", "error": "no network"})).await?;
        expect::eventually("the agent carries out a later command, or has ended", async || {
            let ended = agent.state() == PartState::Exited;
            let log = stage.log("agent")?;
            let scanned = log.get(since..).is_some_and(|new| new.contains("scanner apt failed"));
            match ended {
                true => Err("the agent ended with its failed update".into()),
                false => Ok(scanned.then_some(())),
            }
        })
        .await
    })
}
