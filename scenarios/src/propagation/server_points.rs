//! The triggers of the server's points: calls that it must refuse, or cannot carry out.

use std::fs;

use libtest_mimic::Failed;
use serde_json::json;
use uuid::Uuid;

use super::stage::Stage;
use crate::calls::value;
use crate::database::DATABASE_LINK;
use crate::expect;

/// Triggers every point of the server that the agent has not.
///
/// # Errors
/// When a trigger has no effect.
pub async fn trigger(stage: &mut Stage<'_>) -> Result<(), Failed> {
    refuses_registrations(stage).await?;
    sets_up(stage).await?;
    rebuilds(stage).await?;
    loses_the_database(stage).await
}

async fn refuses_registrations(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let good = value(stage.environment, "registration_token")?;
    for (token, proof, status, point) in [
        ("not good", "one", 401, Some("EP-12")),
        (&good, "one", 200, None),
        (&good, "another", 409, Some("EP-13")),
    ] {
        let body = json!({
            "hostname": "copied", "os_type": "linux", "agent_version": "1", "machine_id": "copied",
            "registration_token": token, "registration_proof": proof,
        });
        let answer = stage.post("/agents/register", &body.to_string(), None).await?;
        answer.with_status("a registration", status)?;
        if let Some(point) = point {
            stage.note(point, format!("status {status}"));
        }
    }
    Ok(())
}

async fn sets_up(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let template = stage.folders.server.join("agent-template.json");
    let sound = json!({"platform": "linux-amd64"}).to_string();
    fs::write(&template, "{\"check_in_ms\":")?;
    for (body, status, point) in
        [("{\"platform\"", 400, "EP-37"), (&sound, 500, "EP-16"), (&sound, 200, "EP-28")]
    {
        let answer = stage.post("/setup/agent", body, None).await?;
        answer.with_status("setup", status)?;
        stage.note(point, format!("status {status}"));
        if status == 500 {
            fs::remove_file(&template)?;
        }
    }
    Ok(())
}

async fn rebuilds(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let agent = stage.agent_id()?;
    let template = stage.folders.server.join("agent-template.json");
    let artifacts = stage.folders.server.join("artifacts");
    rebuild(stage, &agent, "newest", 400, "EP-17").await?;
    rebuild(stage, &Uuid::nil().to_string(), "1.2.3", 404, "EP-18").await?;
    fs::write(&template, "[]")?;
    rebuild(stage, &agent, "1.2.3", 500, "EP-19").await?;
    fs::remove_file(template)?;
    fs::write(&artifacts, "in the way")?;
    rebuild(stage, &agent, "1.2.3", 500, "EP-40").await?;
    fs::remove_file(artifacts)?;
    rebuild(stage, &agent, "1.2.3", 200, "EP-27").await
}

async fn rebuild(
    stage: &mut Stage<'_>,
    agent: &str,
    version: &str,
    status: u16,
    point: &'static str,
) -> Result<(), Failed> {
    let body = json!({"platform": "linux-amd64", "version": version});
    let answer = stage.administrate(&format!("/agents/{agent}/rebuild"), &body).await?;
    answer.with_status("a rebuild", status)?;
    stage.note(point, format!("status {status}"));
    Ok(())
}

async fn loses_the_database(stage: &mut Stage<'_>) -> Result<(), Failed> {
    stage.environment.proxy().enable(DATABASE_LINK, false).await?;
    stage.ask("/events").await?.refuses("history without a database", 503)?;
    stage.note("EP-20", "status 503");
    stage.environment.proxy().enable(DATABASE_LINK, true).await?;
    expect::eventually("the history is back", async || {
        Ok((stage.ask("/events").await?.status == 200).then_some(()))
    })
    .await
}
