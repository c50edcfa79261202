//! New hardware under an agent: it keeps its id and its history, once an administrator says so.

use libtest_mimic::Failed;
use reqwest::Method;
use serde_json::{Value, json};

use crate::both_ways::both_ways;
use crate::calls::call;
use crate::server_calls::{MACHINE, Server};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, database, expect};

/// An agent is bound to new hardware, which it asks for by itself, when that is approved.
pub const NEW_HARDWARE_IS_APPROVED: Scenario = Scenario {
    name: "an_agent_is_bound_to_new_hardware_on_approval",
    show: |backend| both_ways(backend, "R3", "asking for new hardware", judge),
};

/// What an agent tells of its new machine, when it is let in again.
const TOLD: &str = "asked to be bound to another machine";

fn judge(mut reference: ReferenceSystem) -> Result<(), Failed> {
    for agent in reference.system.parts.iter_mut().filter(|part| part.name == "agent") {
        agent.count = 1;
        agent.environment.insert("REDFLAG_CHECK_IN_MS".to_owned(), "100".to_owned());
    }
    reference.observe(async |environment| {
        let server = Server::of(environment)?;
        only_the_approved_machine_is_let_in(&server).await?;
        the_agent_asks_by_itself(&server).await
    })
}

async fn only_the_approved_machine_is_let_in(server: &Server<'_>) -> Result<(), Failed> {
    let agent = server.new_agent("old hardware").await?;
    server.new_agent("taken hardware").await?;
    let ask = async |machine: &str| {
        let path = format!("/agents/{}/rebind", agent.id);
        let request = server.open_request(Method::POST, &path).bearer_auth(&agent.token);
        let body = json!({"machine_id": machine, "reason": "the board was replaced"});
        call(request.header(MACHINE, machine).json(&body)).await
    };
    let check_in = async |machine: &str| {
        let path = format!("/agents/{}/commands", agent.id);
        let request = server.open_request(Method::GET, &path).bearer_auth(&agent.token);
        call(request.header(MACHINE, machine)).await
    };
    let path = format!("/agents/{}/rebind/approve", agent.id);
    let approve = async || call(server.administrate(Method::POST, &path)?).await;

    ask("new hardware").await?.with_status("asking for new hardware", 202)?;
    check_in("new hardware").await?.refuses("a check-in before the approval", 403)?;
    let viewer = server.new_user("viewer", "viewer").await?;
    let stranger = server.open_request(Method::POST, &path).bearer_auth(viewer);
    call(stranger).await?.refuses("an approval by a viewer", 403)?;
    approve().await?.with_status("an approval", 200)?;
    check_in("new hardware").await?.with_status("a check-in after the approval", 200)?;
    check_in("old hardware").await?.refuses("a check-in from the old hardware", 403)?;
    approve().await?.refuses("an approval of nothing", 404)?;
    ask("taken hardware").await?.with_status("asking for taken hardware", 202)?;
    approve().await?.refuses("an approval of taken hardware", 409)?;
    let known = server.ask(&format!("/agents/{}", agent.id)).await?;
    expect::equal("the agent's id", &known["id"], &json!(agent.id))
}

/// The server is told that the agent was on another machine until now, which is what it sees when
/// the hardware under an agent is replaced.
async fn the_agent_asks_by_itself(server: &Server<'_>) -> Result<(), Failed> {
    let agent = server.agent_named("agent").await?;
    let first = expect::eventually("the agent has a history", async || {
        Ok(server.events_of(&agent).await?.first().map(|event| event["id"].clone()))
    })
    .await?;
    let mut connection = database::connect(server.environment()).await?;
    let moving =
        sqlx::query("UPDATE agents SET machine_id = 'the old machine' WHERE id = $1::uuid");
    moving.bind(&agent).execute(&mut connection).await?;

    let path = format!("/agents/{agent}/rebind/approve");
    expect::eventually("the agent has asked for its machine", async || {
        let approval = call(server.administrate(Method::POST, &path)?).await?;
        Ok((approval.status == 200).then_some(()))
    })
    .await?;
    let told = |event: &Value| event["message"] == TOLD;
    let history = expect::eventually("what happened meanwhile arrives", async || {
        let history = server.events_of(&agent).await?;
        Ok(history.iter().any(told).then_some(history))
    })
    .await?;
    expect::equal("the begin of the agent's history", &history[0]["id"], &first)
}
