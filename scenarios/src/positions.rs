//! The order of events, by which readers go on: a reader never goes past an event that is not yet
//! committed, however many writers there are.

use std::collections::BTreeSet;

use harness::environment::BackendKind;
use libtest_mimic::Failed;
use serde_json::{Value, json};
use sqlx::Connection;
use uuid::Uuid;

use crate::database::connect;
use crate::server_calls::{Agent, Server};
use crate::side_by_side::waiting;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// What is committed out of order is read in order.
pub const READERS_PASS_NO_EARLIER_EVENT: Scenario =
    Scenario { name: "readers_go_past_no_event_that_is_still_to_come", show };

/// Writers side by side, batches of each, and events of a batch.
const WRITERS: usize = 6;
const BATCHES: u64 = 15;
const BATCH: u64 = 40;

fn show(backend: BackendKind) -> Result<(), Failed> {
    ReferenceSystem::new(backend)?.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let mut agents = Vec::new();
        for number in 0..WRITERS {
            agents.push(server.new_agent(&format!("machine-{number}")).await?);
        }
        a_held_writer_holds_readers_back(&server, &agents[0], &agents[1]).await?;
        many_writers_hide_nothing(&server, &agents[2..]).await
    })
}

/// One writer has inserted an event and waits with the next for a row that somebody holds; what
/// another commits meanwhile has later positions.
async fn a_held_writer_holds_readers_back(
    server: &Server<'_>,
    early: &Agent,
    late: &Agent,
) -> Result<(), Failed> {
    let mut holder = connect(server.environment()).await?;
    let mut looker = connect(server.environment()).await?;
    let mut reader = Reader::new(server);
    reader.read().await?;
    let (first, second, third) = (event(1), event(2), event(1));
    let mut held = holder.begin().await?;
    sqlx::query(
        "INSERT INTO system_events (id, created_at, event_type, event_subtype, severity, component) \
         VALUES ($1::uuid, $2::timestamptz, 'agent_scan', 'info', 'info', 'agent')",
    )
    .bind(second["id"].as_str())
    .bind(second["created_at"].as_str())
    .execute(&mut *held)
    .await?;

    let reader = &mut reader;
    let look = async {
        expect::eventually("the first writer waits", async || {
            Ok((waiting(&mut looker).await? > 0).then_some(()))
        })
        .await?;
        send(server, late, &[&third]).await?;
        let committed: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM system_events WHERE id = $1::uuid)")
                .bind(third["id"].as_str())
                .fetch_one(&mut looker)
                .await?;
        expect::equal("the later event is committed", &committed, &true)?;
        reader.read().await?;
        expect::equal("events read past a writer", &reader.seen.contains(&id(&third)), &false)?;
        held.rollback().await?;
        Ok::<_, Failed>(())
    };
    let batch = [&first, &second];
    let (sent, looked) = tokio::join!(send(server, early, &batch), look);
    looked?;
    sent?;
    reader.read().await?;
    let order: Vec<&String> = reader
        .order
        .iter()
        .filter(|seen| [&first, &second, &third].iter().any(|event| id(event) == **seen))
        .collect();
    expect::equal("the events in order", &order, &[&id(&first), &id(&second), &id(&third)])
}

/// A reader that follows while many write has read everything in the end, and each lane in order.
async fn many_writers_hide_nothing(server: &Server<'_>, agents: &[Agent]) -> Result<(), Failed> {
    let mut reader = Reader::new(server);
    let written = std::cell::Cell::new(0);
    let write = async |agent: &Agent| {
        let mut sent = Vec::new();
        for batch in 0..BATCHES {
            let events: Vec<Value> =
                (1..=BATCH).map(|place| event(batch * BATCH + place)).collect();
            send(server, agent, &events.iter().collect::<Vec<_>>()).await?;
            sent.extend(events.iter().map(id));
        }
        written.set(written.get() + 1);
        Ok::<_, Failed>(sent)
    };
    let follow = async {
        while written.get() < agents.len() {
            reader.read().await?;
        }
        reader.read().await
    };
    let writing = futures_util::future::try_join_all(agents.iter().map(write));
    let (sent, ()) = tokio::try_join!(writing, follow)?;
    for sent in sent {
        let own: BTreeSet<&String> = sent.iter().collect();
        let read: Vec<&String> = reader.order.iter().filter(|id| own.contains(id)).collect();
        expect::equal("events that the reader missed", &(sent.len() - read.len()), &0)?;
        expect::equal("read in the order of the lane", &read.into_iter().eq(&sent), &true)?;
    }
    Ok(())
}

/// Goes on from where its last page ended.
struct Reader<'a> {
    server: &'a Server<'a>,
    cursor: i64,
    order: Vec<String>,
    seen: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn new(server: &'a Server<'a>) -> Self {
        Self { server, cursor: 0, order: Vec::new(), seen: BTreeSet::new() }
    }

    /// Reads all that is there.
    async fn read(&mut self) -> Result<(), Failed> {
        loop {
            let path = format!("/events?limit=1000&cursor={}", self.cursor);
            let page = self.server.ask(&path).await?;
            for event in page["events"].as_array().into_iter().flatten() {
                self.cursor = event["position"].as_i64().ok_or("an event has no position")?;
                self.order.push(id(event));
                self.seen.insert(id(event));
            }
            if page["next_cursor"].is_null() {
                return Ok(());
            }
        }
    }
}

async fn send(server: &Server<'_>, agent: &Agent, events: &[&Value]) -> Result<(), Failed> {
    let body = json!({"events": events}).to_string();
    let answer = server.send(&agent.id, Some(&agent.token), body).await?;
    let body = answer.with_status("a batch", 200)?;
    let stored = body["results"].as_array().into_iter().flatten();
    let stored = stored.filter(|result| result["status"] == "stored").count();
    expect::equal("events that were stored", &stored, &events.len())
}

fn id(event: &Value) -> String {
    event["id"].as_str().unwrap_or_default().to_owned()
}

fn event(seq: u64) -> Value {
    json!({
        "id": Uuid::now_v7(), "lane": "normal", "seq": seq, "event_type": "agent_scan",
        "event_subtype": "info", "severity": "info", "component": "agent",
        "message": "one of many", "metadata": {}, "created_at": "2026-01-02T03:04:05Z",
    })
}
