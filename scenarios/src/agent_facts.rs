//! What an agent tells of its machine and of what it found there, beside events and logs.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::server_calls::{Agent, Server};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// The server knows what an agent told last, and nothing of what it told before.
pub const FACTS_ARE_KNOWN: Scenario = Scenario {
    name: "what_an_agent_tells_of_its_machine_is_known",
    show: |backend| judge(ReferenceSystem::new(backend)?),
};

fn judge(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        machine(&server, &agent).await?;
        dependencies(&server, &agent).await?;
        rapid_mode(&server, &agent).await
    })
}

async fn machine(server: &Server<'_>, agent: &Agent) -> Result<(), Failed> {
    let path = format!("/agents/{}", agent.id);
    let before = server.ask(&path).await?;
    expect::equal("a machine that nobody told of", &before["system"], &Value::Null)?;
    for cores in [4, 8] {
        let machine = json!({
            "cpu_model": "a processor", "cpu_cores": cores, "memory_total_mb": 1024,
            "disk_total_gb": 20, "disk_free_gb": 0, "process_count": null, "uptime_seconds": 1,
        });
        let told = server.tell(agent, "/system-info", &machine).await?;
        told.with_status("a machine", 200)?;
        expect::equal("the machine", &server.ask(&path).await?["system"], &machine)?;
    }
    let negative = json!({"cpu_model": "", "cpu_cores": -1, "memory_total_mb": 1});
    let told = server.tell(agent, "/system-info", &negative).await?;
    told.refuses("a machine of less than nothing", 400).map(drop)
}

async fn dependencies(server: &Server<'_>, agent: &Agent) -> Result<(), Failed> {
    let needs = json!({
        "package_type": "apt", "package_name": "openssl", "dependencies": ["libssl3", "libc6"],
    });
    let told = server.tell(agent, "/dependencies", &needs).await?;
    told.refuses("what an unknown update needs", 404)?;
    let find = async |version: &str| {
        let update = json!({
            "package_type": "apt", "package_name": "openssl", "available_version": version,
            "severity": "low",
        });
        let told = server.tell(agent, "/updates", &json!({"updates": [update]})).await?;
        told.with_status("an update", 200)
    };
    let known = async || Ok::<_, Failed>(server.ask("/updates").await?["updates"][0].take());
    find("2").await?;
    let told = server.tell(agent, "/dependencies", &needs).await?;
    told.with_status("what an update needs", 200)?;
    find("2").await?;
    let listed = &known().await?["dependencies"];
    expect::equal("what the update needs", listed, &needs["dependencies"])?;
    find("3").await?;
    expect::equal("what another version needs", &known().await?["dependencies"], &json!([]))
}

async fn rapid_mode(server: &Server<'_>, agent: &Agent) -> Result<(), Failed> {
    let rapid = async || {
        let answer = server.check_in(&agent.id, &agent.token).await?;
        Ok::<_, Failed>(answer.with_status("a check-in", 200)?["rapid_polling"].take())
    };
    expect::equal("rapid polling unasked", &rapid().await?, &json!(false))?;
    for enabled in [true, false] {
        let told = server.tell(agent, "/rapid-mode", &json!({"enabled": enabled})).await?;
        told.with_status("rapid mode", 200)?;
        expect::equal("rapid polling", &rapid().await?, &json!(enabled))?;
    }
    let long = json!({"enabled": true, "duration_minutes": 61});
    let told = server.tell(agent, "/rapid-mode", &long).await?;
    told.refuses("rapid mode for too long", 400).map(drop)
}
