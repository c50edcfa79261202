//! The triggers of the agent's points. Each waits for what can be seen from outside whether or not
//! there is an event: an end, a line of the log, a status.

use std::fs;

use harness::environment::{Direction, Toxic};
use harness::history::PartState;
use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::stage::{AGENT_LINK, NOT_KNOWN, Stage};
use crate::expect;

/// Triggers every point of the agent, one life after the other.
///
/// # Errors
/// When a trigger has no effect.
pub async fn trigger(stage: &mut Stage<'_>) -> Result<(), Failed> {
    registers_without_a_token(stage).await?;
    cannot_start(stage).await?;
    cannot_move_its_folder(stage).await?;
    moves_and_reaches_nobody(stage).await?;
    registers_and_checks_in(stage).await?;
    scans(stage).await?;
    updates(stage).await?;
    loses_the_server(stage).await?;
    renews(stage).await
}

async fn registers_without_a_token(stage: &mut Stage<'_>) -> Result<(), Failed> {
    stage.agent_logs(0, NOT_KNOWN).await?;
    stage.note("EP-02", "log line");
    stage.note("EP-11", "status 401");
    stage.note("EP-21", "log line");
    stage.agent()?.terminate().await;
    Ok(())
}

async fn cannot_start(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let folders = stage.folders.clone();
    fs::remove_dir_all(&folders.configuration)?;
    fs::write(&folders.configuration, "in the way")?;
    let end = stage.agent_ends_by_itself().await?;
    stage.note("EP-35", end);
    fs::remove_file(&folders.configuration)?;

    stage.configure("{\"version\": 5,")?;
    let end = stage.agent_ends_by_itself().await?;
    stage.note("EP-01", end);

    stage.configure(&json!({"version": 5, "check_in_ms": 0}).to_string())?;
    let end = stage.agent_ends_by_itself().await?;
    stage.note("EP-04", end);
    fs::remove_dir_all(&folders.configuration)?;

    let identity = folders.state.join("identity.json");
    let sound = fs::read(&identity)?;
    fs::write(&identity, "nonsense")?;
    let end = stage.agent_ends_by_itself().await?;
    stage.note("EP-03", end);
    fs::write(&identity, sound)?;
    Ok(fs::remove_dir_all(&folders.configuration)?)
}

async fn cannot_move_its_folder(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let folders = stage.folders.clone();
    let legacy = folders.legacy.join("config.json");
    fs::create_dir(&folders.legacy)?;
    fs::write(&legacy, "{}")?;
    let backup = folders.state.join("migration-backup");
    fs::write(&backup, "in the way")?;
    let end = stage.agent_ends_by_itself().await?;
    stage.note("EP-05", end);
    fs::remove_file(backup)?;

    fs::create_dir_all(folders.configuration_file())?;
    let end = stage.agent_ends_by_itself().await?;
    stage.note("EP-06", end);
    fs::remove_dir_all(&folders.configuration)?;

    fs::write(&legacy, "{\"interval\"")?;
    let end = stage.agent_ends_by_itself().await?;
    stage.note("EP-07", end);
    Ok(())
}

/// A folder and a configuration of the oldest release, while the server cannot be reached.
async fn moves_and_reaches_nobody(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let oldest = json!({"interval": 1, "scanners": ["apt", "updates"], "token": "not good"});
    fs::write(stage.folders.legacy.join("config.json"), oldest.to_string())?;
    stage.environment.proxy().enable(AGENT_LINK, false).await?;
    let since = stage.agent_log_end()?;
    stage.agent()?.start().await?;
    stage.agent_logs(since, NOT_KNOWN).await?;
    stage.note("EP-08", "log line");
    expect::equal("the old folder is there", &stage.folders.legacy.exists(), &false)?;
    stage.note("EP-26", "moved folder");
    let migrated: Value = serde_json::from_slice(&fs::read(stage.folders.configuration_file())?)?;
    expect::equal("the migrated version", &migrated["version"], &json!(5))?;
    stage.note("EP-34", "newer file");
    stage.environment.proxy().enable(AGENT_LINK, true).await?;
    stage.agent()?.terminate().await;
    Ok(())
}

async fn registers_and_checks_in(stage: &mut Stage<'_>) -> Result<(), Failed> {
    stage.configure(&stage.good_configuration()?.to_string())?;
    let since = stage.agent_log_end()?;
    stage.agent()?.start().await?;
    stage.agent_logs(since, "registered as").await?;
    stage.note("EP-22", "log line");
    stage.agent_logs(since, "check-in: checked in").await?;
    stage.note("EP-23", "log line");
    Ok(())
}

async fn scans(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let failing = json!({"outcome": "fail", "error": "exit status 100"});
    scan(stage, &json!({"outcome": "succeed", "packages": 418}), "found 418 packages").await?;
    stage.note("EP-24", "log line");
    scan(stage, &failing, "scanner apt failed: exit status 100").await?;
    stage.note("EP-33", "log line");
    scan(stage, &json!({"outcome": "hang"}), "scanner apt took too long").await?;
    stage.note("EP-31", "log line");
    scan(stage, &failing, "the breaker of scanner apt is open").await?;
    stage.note("EP-32", "log line");
    // A new life has a closed breaker, whether or not the old one's would have closed.
    stage.agent()?.terminate().await;
    stage.agent()?.start().await?;

    scan(stage, &json!({"outcome": "panic"}), "what it never expected").await?;
    stage.note("EP-39", "log line");
    stage.script(&json!({"outcome": "idle"}))?;
    if stage.agent()?.state() == PartState::Exited {
        stage.agent()?.start().await?;
    }
    Ok(())
}

async fn scan(stage: &Stage<'_>, script: &Value, said: &str) -> Result<(), Failed> {
    stage.script(script)?;
    let since = stage.agent_log_end()?;
    let path = format!("/agents/{}/scan", stage.agent_id()?);
    stage.administrate(&path, &json!({})).await?.with_status("a scan command", 200)?;
    stage.agent_logs(since, said).await
}

async fn updates(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let downloads = stage.folders.server.join("downloads");
    fs::create_dir_all(&downloads)?;
    fs::write(downloads.join("redflag-agent-linux-amd64"), "a program")?;
    fs::write(downloads.join("redflag-agent-windows-amd64"), "")?;
    update(stage, "linux-amd64", "updated to 1.2.3").await?;
    stage.note("EP-25", "log line");
    stage.note("EP-29", "status 200");
    update(stage, "linux-arm64", "update failed: download failed").await?;
    stage.note("EP-38", "log line");
    stage.note("EP-14", "status 404");
    update(stage, "windows-amd64", "update failed: download failed").await?;
    stage.note("EP-15", "status 404");
    Ok(())
}

async fn update(stage: &Stage<'_>, platform: &str, said: &str) -> Result<(), Failed> {
    let since = stage.agent_log_end()?;
    let path = format!("/agents/{}/update", stage.agent_id()?);
    let body = json!({"platform": platform, "version": "1.2.3"});
    stage.administrate(&path, &body).await?.with_status("an update command", 200)?;
    stage.agent_logs(since, said).await
}

async fn loses_the_server(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let proxy = stage.environment.proxy();
    let since = stage.agent_log_end()?;
    proxy.enable(AGENT_LINK, false).await?;
    stage.agent_logs(since, "check-in: server not reachable").await?;
    stage.note("EP-10", "log line");
    let since = stage.agent_log_end()?;
    proxy.enable(AGENT_LINK, true).await?;
    stage.agent_logs(since, "check-in: checked in").await?;

    let silence = Toxic {
        name: "silence".to_owned(),
        kind: "timeout".to_owned(),
        direction: Direction::ToClient,
        toxicity: 1.0,
        attributes: json!({"timeout": 0}),
    };
    let since = stage.agent_log_end()?;
    proxy.add(AGENT_LINK, &silence).await?;
    stage.agent_logs(since, "check-in: server gave no answer in time").await?;
    stage.note("EP-36", "log line");
    let since = stage.agent_log_end()?;
    proxy.remove(AGENT_LINK, &silence.name).await?;
    stage.agent_logs(since, "check-in: checked in").await
}

async fn renews(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let since = lives_on_with(stage, &["token"]).await?;
    stage.agent_logs(since, "token renewed").await?;
    stage.note("EP-30", "status 200");
    let since = lives_on_with(stage, &["token", "refresh_token"]).await?;
    stage.agent_logs(since, "renewal refused").await?;
    stage.note("EP-09", "log line");
    stage.agent_logs(since, "registered as").await
}

/// Starts the agent anew after these of its credentials were damaged; gives the end of its log
/// before.
async fn lives_on_with(stage: &Stage<'_>, damaged: &[&str]) -> Result<usize, Failed> {
    stage.agent()?.terminate().await;
    let path = stage.folders.state.join("identity.json");
    let mut identity: Value = serde_json::from_slice(&fs::read(&path)?)?;
    for name in damaged {
        identity["registered"][name] = json!("damaged");
    }
    fs::write(&path, identity.to_string())?;
    let since = stage.agent_log_end()?;
    stage.agent()?.start().await?;
    Ok(since)
}
