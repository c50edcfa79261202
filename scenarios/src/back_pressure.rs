//! A database that takes nothing for a while: the server refuses what it cannot keep instead of
//! growing, says when to come back, and loses nothing that it has accepted.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::try_join_all;
use harness::environment::{BackendKind, Environment};
use libtest_mimic::Failed;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::calls::{Answer, part};
use crate::database::connect;
use crate::server_calls::{Agent, Server};
use crate::side_by_side::HeldRows;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// Producers are told to come back; memory stays bounded; what was accepted is stored once.
pub const THE_SERVER_REFUSES_BEFORE_IT_GROWS: Scenario =
    Scenario { name: "a_slow_database_makes_the_server_refuse_and_not_grow", show };

/// Their bodies of 1.6 MB are more than the 64 MiB that the server lets wait.
const PRODUCERS: usize = 50;
const EVENTS: u64 = 200;
const MESSAGE_BYTES: usize = 8000;
/// How much more memory the server may take than before: what may wait, four times over, since a
/// body is there as it was sent, as events, and as rows on their way to the database.
const GROWTH_MAX: u64 = 4 * (64 << 20);

fn show(backend: BackendKind) -> Result<(), Failed> {
    ReferenceSystem::new(backend)?.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let mut producers = Vec::new();
        for number in 0..PRODUCERS {
            let agent = server.new_agent(&format!("machine-{number}")).await?;
            producers.push(Producer { agent, body: body(), refusals: Cell::new(0) });
        }
        let before = peak_memory(environment)?;
        let mut table = HeldRows::of(environment).await?;
        let (held, _) = table.hold("LOCK TABLE system_events IN SHARE MODE").await?;
        let release = async {
            expect::eventually("every producer is refused", async || {
                Ok(producers.iter().all(|one| one.refusals.get() > 0).then_some(()))
            })
            .await?;
            Ok::<_, Failed>(held.rollback().await?)
        };
        let giving = try_join_all(producers.iter().map(|producer| producer.give(&server)));
        tokio::try_join!(giving, release)?;
        let grown = peak_memory(environment)?.saturating_sub(before);
        eprintln!("with {PRODUCERS} producers the server took {} MiB more", grown >> 20);
        expect::equal(
            &format!("{grown} bytes are within the bound"),
            &(grown <= GROWTH_MAX),
            &true,
        )?;
        stored_once(environment).await
    })
}

struct Producer {
    agent: Agent,
    body: String,
    refusals: Cell<u64>,
}

impl Producer {
    /// Gives its events in again, when it is told to, until they are accepted.
    async fn give(&self, server: &Server<'_>) -> Result<(), Failed> {
        loop {
            let answer =
                server.send(&self.agent.id, Some(&self.agent.token), self.body.clone()).await?;
            if answer.status == 200 {
                return taken(&answer);
            }
            let refused = matches!(answer.status, 429 | 503);
            expect::equal(&format!("a refusal with {}", answer.status), &refused, &true)?;
            self.refusals.set(self.refusals.get() + 1);
            tokio::time::sleep(retry_after(&answer)?).await;
        }
    }
}

fn retry_after(answer: &Answer) -> Result<Duration, Failed> {
    let header = answer.headers.get("retry-after").ok_or("a refusal has no Retry-After")?;
    Ok(Duration::from_secs(header.to_str()?.parse()?))
}

/// Each event is stored now, or was by a call that was cut before it was answered.
fn taken(answer: &Answer) -> Result<(), Failed> {
    let results = answer.body["results"].as_array().ok_or("the answer has no results")?;
    let kept = |result: &&Value| matches!(result["status"].as_str(), Some("stored" | "duplicate"));
    expect::equal("events accepted", &results.iter().filter(kept).count(), &(EVENTS as usize))
}

async fn stored_once(environment: &Environment) -> Result<(), Failed> {
    let mut connection = connect(environment).await?;
    let query = "SELECT count(*), count(DISTINCT id) FROM system_events WHERE agent_id IS NOT NULL \
                 AND lane = 'normal'";
    let counts: (i64, i64) = sqlx::query_as(query).fetch_one(&mut connection).await?;
    let given = i64::try_from(PRODUCERS as u64 * EVENTS)?;
    expect::equal("rows, and events among them", &counts, &(given, given))
}

/// The most memory that the server ever took, in bytes. Source: `proc_pid_status(5)`.
fn peak_memory(environment: &Environment) -> Result<u64, Failed> {
    let process = part(environment, "server")?.process_group().ok_or("the server is no process")?;
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?;
    Ok(kilobytes.parse::<u64>()? << 10)
}

fn body() -> String {
    let message = "one of many ".repeat(MESSAGE_BYTES / 12);
    let event = |seq| {
        json!({
            "id": Uuid::now_v7(), "lane": "normal", "seq": seq, "event_type": "agent_scan",
            "event_subtype": "info", "severity": "info", "component": "agent",
            "message": message, "metadata": {}, "created_at": "2026-01-02T03:04:05Z",
        })
    };
    json!({"events": (1..=EVENTS).map(event).collect::<Vec<_>>()}).to_string()
}
