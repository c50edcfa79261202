//! What the event service holds every event to: the taxonomy, the details that its point demands,
//! and that an open stream shows it.

use libtest_mimic::Failed;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::both_ways::both_ways;
use crate::propagation::stream::Stream;
use crate::server_calls::{Agent, Server};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// An event with a word outside the taxonomy is rejected.
pub const WORDS_ARE_OF_THE_TAXONOMY: Scenario = Scenario {
    name: "events_outside_the_taxonomy_are_rejected",
    show: |backend| both_ways(backend, "EV-TAX", "outside the taxonomy", judge_words),
};

/// An event without the details that its point demands is rejected.
pub const DETAILS_ARE_DEMANDED: Scenario = Scenario {
    name: "events_without_the_demanded_details_are_rejected",
    show: |backend| both_ways(backend, "EV-META", "without demanded details", judge_details),
};

/// A new event reaches a stream that is open already.
pub const STREAMS_ARE_LIVE: Scenario = Scenario {
    name: "new_events_reach_an_open_stream",
    show: |backend| both_ways(backend, "EV-LIVE", "the stream shows the new event", judge_stream),
};

fn judge_words(reference: ReferenceSystem) -> Result<(), Failed> {
    let strangers = ["event_type", "event_subtype", "severity", "component"];
    let changes = strangers.map(|word| json!({word: "coffee"}));
    judge_rejection(reference, "an event outside the taxonomy", &changes)
}

fn judge_details(reference: ReferenceSystem) -> Result<(), Failed> {
    let changes = [
        json!({"metadata": {}}),
        json!({"metadata": {"point": "EP-24"}}),
        json!({"metadata": {"point": "EP-99", "scanner_type": "apt"}}),
        json!({"metadata": {
            "point": "EP-24", "scanner_type": "abacus", "duration_ms": 12, "packages_count": 3,
        }}),
        json!({"component": "server"}),
    ];
    judge_rejection(reference, "an event without demanded details", &changes)
}

/// A sound event with any of these changes is rejected with a reason, and one without is stored.
fn judge_rejection(
    reference: ReferenceSystem,
    what: &str,
    changes: &[Value],
) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        for (seq, change) in (1..).zip(changes) {
            let mut event = event(seq);
            for (field, value) in change.as_object().into_iter().flatten() {
                event[field] = value.clone();
            }
            let result = send(&server, &agent, &event).await?;
            if result["status"] != "rejected" {
                return Err(format!("{what} is {}: {event}", result["status"]).into());
            }
            let reason = result["reason"].as_str().unwrap_or_default();
            expect::equal("a reason is given", &reason.is_empty(), &false)?;
        }
        let result = send(&server, &agent, &event(1)).await?;
        expect::equal("a sound event", &result["status"], &json!("stored"))
    })
}

fn judge_stream(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let (old, new) = (event(1), event(2));
        send(&server, &agent, &old).await?;
        let stream = Stream::open(environment).await?;
        for (what, event) in [("the old event", &old), ("the new event", &new)] {
            if std::ptr::eq(event, &new) {
                send(&server, &agent, event).await?;
            }
            let id = event["id"].as_str().unwrap_or_default();
            expect::soon(&format!("the stream shows {what}"), async || {
                Ok(stream.has_shown(id).then_some(()))
            })
            .await?;
        }
        Ok(())
    })
}

/// A sound event.
fn event(seq: u64) -> Value {
    json!({
        "id": Uuid::now_v7(), "lane": "normal", "seq": seq, "event_type": "agent_scan",
        "event_subtype": "success", "severity": "info", "component": "agent",
        "message": "scan finished", "created_at": "2026-01-02T03:04:05Z",
        "metadata": {
            "point": "EP-24", "scanner_type": "apt", "duration_ms": 12, "packages_count": 3,
        },
    })
}

/// Sends one event and returns what became of it.
async fn send(server: &Server<'_>, agent: &Agent, event: &Value) -> Result<Value, Failed> {
    let body = json!({"events": [event]}).to_string();
    let answer = server.send(&agent.id, Some(&agent.token), body).await?;
    let mut answer = answer.with_status("a batch", 200)?;
    Ok(answer["results"][0].take())
}
