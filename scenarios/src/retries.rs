//! What an agent does when the server sends it away.

use harness::checkers::RETRY;
use libtest_mimic::Failed;
use serde_json::json;

use crate::both_ways::both_ways;
use crate::calls::{call, part};
use crate::server_calls::Server;
use crate::system_run::{ReferenceSystem, holds};
use crate::{Scenario, expect};

const AGENT: &str = "agent";
/// What the agent logs of a batch that was refused by the limit.
const REFUSED: &str = "events wait: server unavailable, status 429";
/// One batch of events, and no other for an hour.
const BUDGETS: &str = "events=1/3600";

/// An agent that is told when to come back does not come before, and goes on checking in.
pub const REFUSED_AGENTS_WAIT: Scenario = Scenario {
    name: "a_refused_agent_waits_as_long_as_it_is_told",
    show: |backend| both_ways(backend, "A3-RETRY", "a storm of tries", judge),
};

fn judge(mut reference: ReferenceSystem) -> Result<(), Failed> {
    for part in &mut reference.system.parts {
        part.count = 1;
        part.environment.insert("REDFLAG_RATE_LIMITS".to_owned(), BUDGETS.to_owned());
    }
    reference.observe(async |environment| {
        let server = Server::of(environment)?;
        let url = format!("{}/events", part(environment, AGENT)?.url());
        let event = json!({
            "event_type": "agent_scan", "event_subtype": "info", "severity": "info",
            "component": "agent", "message": "one more",
        });
        expect::eventually("a batch is refused", async || {
            call(environment.http().post(&url).json(&event)).await?.with_status("an event", 200)?;
            Ok(reference.log_of(AGENT)?.contains(REFUSED).then_some(()))
        })
        .await?;
        let seen = last_seen(&server).await?;
        expect::eventually("the agent checks in again", async || {
            Ok((last_seen(&server).await? != seen).then_some(()))
        })
        .await?;
        holds(&reference.recorder, RETRY)
    })
}

/// When the server last heard of its only agent.
async fn last_seen(server: &Server<'_>) -> Result<String, Failed> {
    let agents = server.ask("/agents").await?;
    let seen = agents.pointer("/agents/0/last_seen").and_then(|seen| seen.as_str());
    seen.map(str::to_owned).ok_or_else(|| format!("no agent in {agents}").into())
}
