//! A batch of events is answered event by event: what is wrong in it keeps nothing else back, and
//! what was stored before is not stored again.

use harness::environment::{BackendKind, Environment};
use libtest_mimic::Failed;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::server_calls::{Agent, Server};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, calls, expect};

/// Each event of a batch is stored, known already, or rejected with a reason.
pub const EACH_EVENT_IS_ANSWERED: Scenario =
    Scenario { name: "each_event_of_a_batch_is_answered", show: show_answers };

/// An id is one event, whatever else is said of it in the same batch.
pub const AN_ID_IS_ONE_EVENT: Scenario =
    Scenario { name: "an_id_that_comes_twice_in_a_batch_is_one_event", show: show_one_event };

/// Events are taken only from the agent whose they are, and only as JSON.
pub const STRANGERS_AND_NONSENSE_ARE_REFUSED: Scenario =
    Scenario { name: "events_of_strangers_and_nonsense_are_refused", show: show_refusals };

fn show_answers(backend: BackendKind) -> Result<(), Failed> {
    ReferenceSystem::new(backend)?.observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = register(&server, "one").await?;
        let (known, next, last) = (event(1), event(2), event(3));
        let statuses = send(&server, &agent, &[&known]).await?;
        expect::equal("the first batch", &statuses, &["stored"])?;

        let urgent = with(event(1), "severity", json!("critical"));
        let urgent = with(with(urgent, "lane", json!("critical")), "event_subtype", json!("info"));
        let urgent = with(urgent, "metadata", json!({}));
        let batch = [
            &known,
            &next,
            &with(event(3), "event_type", json!("coffee_break")),
            &with(event(3), "severity", json!("dreadful")),
            &with(event(3), "severity", json!("critical")), // of the other lane
            &with(event(3), "component", json!("server")),  // not what its point says
            &with(event(3), "metadata", json!({"point": "EP-24", "duration_ms": 12})), // too little
            &with(event(3), "id", json!(Uuid::new_v4())),
            &with(known.clone(), "id", json!(Uuid::now_v7())), // another event's number
            &json!("not even an object"),
            &last,
            &last,
            &urgent,
        ];
        let rejected = ["rejected"; 8];
        let statuses = send(&server, &agent, &batch).await?;
        let first_time =
            [&["duplicate", "stored"], &rejected[..], &["stored", "duplicate", "stored"]];
        expect::equal("the mixed batch", &statuses, &first_time.concat())?;
        let statuses = send(&server, &agent, &batch).await?;
        let again = [&["duplicate"; 2], &rejected[..], &["duplicate"; 3]];
        expect::equal("the same batch again", &statuses, &again.concat())?;
        stored_in_order(&server, &agent, &[&known, &next, &last, &urgent]).await
    })
}

fn show_one_event(backend: BackendKind) -> Result<(), Failed> {
    ReferenceSystem::new(backend)?.observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = register(&server, "one").await?;
        // A month apart, so that no number of the lane gives the second away.
        let later =
            |event: &Value| with(event.clone(), "created_at", json!("2026-03-02T03:04:05Z"));
        let (first, second) = (event(1), event(2));
        let batch = [&first, &later(&first), &with(later(&first), "seq", json!(7))];
        let statuses = send(&server, &agent, &batch).await?;
        expect::equal("a new id thrice", &statuses, &["stored", "duplicate", "duplicate"])?;
        let batch = [&first, &second, &later(&second)];
        let statuses = send(&server, &agent, &batch).await?;
        let expected = ["duplicate", "stored", "duplicate"];
        expect::equal("a new id twice, beside a known one", &statuses, &expected)?;
        stored_in_order(&server, &agent, &[&first, &second]).await
    })
}

fn show_refusals(backend: BackendKind) -> Result<(), Failed> {
    ReferenceSystem::new(backend)?.observe(async |environment| {
        let server = Server::of(environment)?;
        let (one, other) = (register(&server, "one").await?, register(&server, "other").await?);
        refuses_strangers(environment, &server, &one, &other).await?;
        for nonsense in ["", "{\"events\": [", "{\"events\": 7}", "{}", "null"] {
            let answer = server.send(&one.id, Some(&one.token), nonsense.to_owned()).await?;
            answer.refuses(&format!("the body {nonsense:?}"), 400)?;
        }
        let many = vec![event(1); 1001];
        let answer = server.send(&one.id, Some(&one.token), json!({"events": many}).to_string());
        answer.await?.refuses("a batch of 1,001 events", 400)?;
        expect::equal("what is stored", &server.events_of(&one.id).await?, &Vec::<Value>::new())
    })
}

async fn refuses_strangers(
    environment: &Environment,
    server: &Server<'_>,
    one: &Agent,
    other: &Agent,
) -> Result<(), Failed> {
    let body = json!({"events": [event(1)]}).to_string();
    let admin = calls::value(environment, "admin_token")?;
    let strangers = [
        ("another agent", Some(other.token.as_str()), 403),
        ("nobody", None, 401),
        ("a user", Some(&admin), 401),
        ("a forger", Some("e30.e30.e30"), 401),
        ("one with a refresh token", Some(&one.refresh_token), 401),
    ];
    for (who, token, status) in strangers {
        server.send(&one.id, token, body.clone()).await?.refuses(who, status)?;
    }
    Ok(())
}

async fn register(server: &Server<'_>, machine: &str) -> Result<Agent, Failed> {
    let token = server.registration_token()?;
    Agent::registered(server.register(&token, machine, "proof").await?)
}

/// An event of the normal lane that is as it should be.
fn event(sequence: u64) -> Value {
    json!({
        "id": Uuid::now_v7(), "lane": "normal", "seq": sequence, "event_type": "agent_scan",
        "event_subtype": "success", "severity": "info", "component": "agent",
        "message": "scan finished", "metadata": {
            "point": "EP-24", "scanner_type": "apt", "duration_ms": 12, "packages_count": 418,
        },
        "created_at": "2026-01-02T03:04:05Z",
    })
}

fn with(mut event: Value, field: &str, value: Value) -> Value {
    event[field] = value;
    event
}

/// Sends a batch and returns what became of each event. A reason is given where one is due, and
/// nowhere else.
async fn send(
    server: &Server<'_>,
    agent: &Agent,
    events: &[&Value],
) -> Result<Vec<String>, Failed> {
    let body = json!({"events": events}).to_string();
    let answer = server.send(&agent.id, Some(&agent.token), body).await?;
    let answer = answer.with_status("a batch", 200)?;
    let results = answer["results"].as_array().ok_or("the answer has no results")?;
    expect::equal("the number of results", &results.len(), &events.len())?;
    let mut statuses = Vec::new();
    for (event, result) in events.iter().zip(results) {
        expect::equal("the id of a result", &result.get("id"), &Some(&event["id"]))?;
        let status = calls::text_at(result, "/status")?;
        let has_reason = result["reason"].as_str().is_some_and(|reason| !reason.is_empty());
        let what = format!("a reason in {result}");
        expect::equal(&what, &has_reason, &(status == "rejected"))?;
        statuses.push(status);
    }
    Ok(statuses)
}

async fn stored_in_order(
    server: &Server<'_>,
    agent: &Agent,
    events: &[&Value],
) -> Result<(), Failed> {
    let stored = server.events_of(&agent.id).await?;
    let ids: Vec<&Value> = stored.iter().map(|event| &event["id"]).collect();
    let expected: Vec<&Value> = events.iter().map(|event| &event["id"]).collect();
    expect::equal("the stored events", &ids, &expected)?;
    let positions = stored.iter().map(|event| event["position"].as_i64());
    let positions: Vec<i64> = positions.collect::<Option<_>>().ok_or("an event has no position")?;
    let rising = positions.windows(2).all(|pair| pair[0] < pair[1]);
    expect::equal(&format!("positions rise: {positions:?}"), &rising, &true)
}
