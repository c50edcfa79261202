//! Calls that make commands and calls that tell what came of them.

use std::collections::BTreeMap;

use libtest_mimic::Failed;
use reqwest::Method;
use serde_json::{Value, json};

use crate::both_ways::both_ways;
use crate::calls::{call, text_at};
use crate::server_calls::Server;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// Clicking quickly makes one command.
pub const QUICK_CLICKS_ARE_ONE_COMMAND: Scenario = Scenario {
    name: "quick_clicks_make_one_command",
    show: |backend| both_ways(backend, "A2-PKEY", "status of a quick click", quick_clicks),
};

/// A command that waits can be taken back, one that does not can be had again, and what came of
/// each is known.
pub const COMMANDS_ARE_CANCELLED_AND_RETRIED: Scenario = Scenario {
    name: "commands_are_cancelled_and_retried",
    show: |backend| cancelled_and_retried(ReferenceSystem::new(backend)?),
};

/// The log of a system's scan is found among the logs.
pub const LOGS_ARE_FOUND_AMONG_LOGS: Scenario = Scenario {
    name: "the_log_of_a_scan_is_kept_among_the_logs",
    show: |backend| both_ways(backend, "A2-TABLE", "is not among the logs", scan_logs),
};

fn quick_clicks(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let path = format!("/agents/{}/scan", agent.id);
        let click = async || {
            let answer = call(server.administrate(Method::POST, &path)?).await?;
            text_at(&answer.with_status("a quick click", 200)?, "/command_id")
        };
        let (one, two, three, four) = tokio::join!(click(), click(), click(), click());
        let made = [one?, two?, three?, four?];
        expect::equal("commands of quick clicks", &made.iter().all(|id| *id == made[0]), &true)?;
        let mut handed_out = server.check_in(&agent.id, &agent.token).await?;
        let commands = handed_out.body["commands"].take();
        let ids: Vec<&Value> =
            commands.as_array().into_iter().flatten().map(|one| &one["id"]).collect();
        expect::equal("commands handed out", &ids, &vec![&json!(made[0])])?;
        expect::equal("a later click is a command of its own", &(click().await? != made[0]), &true)
    })
}

fn cancelled_and_retried(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let ask = async |path: String| call(server.administrate(Method::POST, &path)?).await;
        let handed_out = async || {
            let mut answer = server.check_in(&agent.id, &agent.token).await?;
            let commands = answer.body["commands"].take();
            let ids = commands.as_array().into_iter().flatten().map(|one| one["id"].clone());
            Ok::<_, Failed>(ids.collect::<Vec<Value>>())
        };
        let reboot = ask(format!("/agents/{}/reboot", agent.id)).await?;
        let first = text_at(&reboot.with_status("a reboot", 200)?, "/command_id")?;
        let active = server.ask("/commands/active").await?;
        expect::equal("the active command", &active["commands"][0]["id"], &json!(first))?;
        ask(format!("/commands/{first}/retry")).await?.refuses("a retry of what waits", 404)?;
        ask(format!("/commands/{first}/cancel")).await?.with_status("a cancellation", 204)?;
        ask(format!("/commands/{first}/cancel")).await?.refuses("another cancellation", 409)?;
        expect::equal("what is handed out", &handed_out().await?, &Vec::<Value>::new())?;

        let retry = async |command: &str| {
            let made = ask(format!("/commands/{command}/retry")).await?;
            text_at(&made.with_status("a retry", 200)?, "/command_id")
        };
        let second = retry(&first).await?;
        let early = server.tell(&agent, "/logs", &log_of(&second, "success")).await?;
        early.refuses("the log of a command that waits", 404)?;
        expect::equal("what is handed out", &handed_out().await?, &vec![json!(second)])?;
        ask(format!("/commands/{second}/cancel")).await?.refuses("a late cancellation", 409)?;

        let other = server.new_agent("other").await?;
        let foreign = server.tell(&other, "/logs", &log_of(&second, "success")).await?;
        foreign.refuses("the log of another agent's command", 404)?;
        for result in ["failed", "success"] {
            let told = server.tell(&agent, "/logs", &log_of(&second, result)).await?;
            told.with_status("the log of a command", 200)?;
        }
        let third = retry(&second).await?;
        expect::equal("what is handed out", &handed_out().await?, &vec![json!(third)])?;
        let found = json!({"command_id": third, "updates": []});
        let told = server.tell(&agent, "/updates", &found).await?;
        told.with_status("what a command found", 200)?;
        let active = server.ask("/commands/active").await?;
        expect::equal("the active commands", &active["commands"], &json!([]))?;
        let mut recent = server.ask("/commands/recent").await?;
        let recent = recent["commands"].take();
        let recent = recent.as_array().into_iter().flatten();
        let ended: BTreeMap<&str, Value> = recent
            .filter_map(|one| Some((one["id"].as_str()?, json!([one["status"], one["result"]]))))
            .collect();
        let failed = json!({"result": "failed", "exit_code": 100, "duration_seconds": 3});
        let expected = BTreeMap::from([
            (first.as_str(), json!(["cancelled", null])),
            (second.as_str(), json!(["failed", failed])),
            (third.as_str(), json!(["completed", {"updates": 0}])),
        ]);
        expect::equal("the recent commands", &ended, &expected)?;

        let unknown = uuid::Uuid::new_v4();
        ask(format!("/commands/{unknown}/cancel")).await?.refuses("no command", 404)?;
        ask(format!("/commands/{unknown}/retry")).await?.refuses("no command", 404).map(drop)
    })
}

/// The log of what was done for a command.
fn log_of(command: &str, result: &str) -> Value {
    json!({
        "command_id": command, "action": "reboot", "result": result, "exit_code": 100,
        "duration_seconds": 3,
    })
}

fn scan_logs(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        for action in ["install_update", "scan_system"] {
            let log = json!({
                "action": action, "result": "success", "stdout": "42 packages", "exit_code": 0,
                "duration_seconds": 3,
            });
            let kept = server.tell(&agent, "/logs", &log).await?.with_status("a log", 200)?;
            let id = text_at(&kept, "/log_id")?;
            let mut page = server.ask("/logs?limit=1000").await?;
            let logs = page["logs"].take();
            let found = logs.as_array().into_iter().flatten().find(|log| log["id"] == json!(id));
            let Some(found) = found else {
                return Err(format!("the log of {action} is not among the logs: {logs}").into());
            };
            expect::equal("whose log it is", &found["agent_id"], &json!(agent.id))?;
            expect::equal("what the log says", &found["stdout"], &json!("42 packages"))?;
        }
        Ok(())
    })
}
