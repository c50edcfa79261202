//! How far the event of each point came: read from the parts' logs, the database, the history,
//! an open stream and the pages. Each is looked at by the event's own point.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use harness::environment::Environment;
use libtest_mimic::Failed;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::stage::Stage;
use crate::calls::{call, part, value};
use crate::database;
use crate::expect;

/// The hops, in their order.
pub const HOPS: [&str; 7] =
    ["emitted", "buffered", "accepted", "persisted", "queryable", "streamed", "shown"];

/// What is known of the events of one point.
#[derive(Clone, Debug, Default)]
pub struct Journey {
    /// Whether an event of the point was seen at each of the [`HOPS`].
    pub reached: [bool; HOPS.len()],
    /// How the history classifies it.
    pub classification: Option<String>,
    /// From when it happened to when the stream showed it.
    pub delay: Option<Duration>,
}

/// Events as an open stream shows them: the point of each by its id, with the time of arrival.
#[derive(Clone, Debug, Default)]
struct Shown(Arc<Mutex<BTreeMap<String, DateTime<Utc>>>>);

/// An open stream of events.
#[derive(Debug)]
pub struct Stream {
    shown: Shown,
    reader: JoinHandle<()>,
}

impl Stream {
    /// Opens the stream, from the first event on.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn open(environment: &Environment) -> Result<Self, Failed> {
        let url = format!("{}/api/v1/events/stream", part(environment, "server")?.url());
        let token = value(environment, "admin_token")?;
        let response = environment.http().get(url).bearer_auth(token).send().await?;
        let mut response = response.error_for_status()?;
        let shown = Shown::default();
        let seen = shown.clone();
        let reader = tokio::spawn(async move {
            let mut text = Vec::new();
            while let Ok(Some(chunk)) = response.chunk().await {
                text.extend_from_slice(&chunk);
                while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    seen.take(&line);
                }
            }
        });
        Ok(Self { shown, reader })
    }
}

impl Stream {
    /// Whether it has shown the event of that id.
    pub fn has_shown(&self, id: &str) -> bool {
        self.shown.when(id).is_some()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Shown {
    fn take(&self, line: &[u8]) {
        let data = line.strip_prefix(b"data:").unwrap_or_default();
        let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
        if let Some(id) = event["id"].as_str() {
            let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            shown.entry(id.to_owned()).or_insert_with(Utc::now);
        }
    }

    fn when(&self, id: &str) -> Option<DateTime<Utc>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }
}

/// Waits until nothing is under way any more: no event waits in the agent's buffer or in the
/// server's spool, and the stream has shown whatever is stored.
///
/// # Errors
/// When something is under way for ever.
pub async fn settle(stage: &Stage<'_>, stream: &Stream) -> Result<(), Failed> {
    let spool = stage.folders.server.join("spool.jsonl");
    expect::eventually("agent and server hold no events", async || {
        let health = format!("{}/health", stage.agent()?.url());
        let Ok(health) = call(stage.environment.http().get(health)).await else { return Ok(None) };
        let empty = std::fs::metadata(&spool)?.len() == 0;
        Ok((health.body["backlog"] == 0 && empty).then_some(()))
    })
    .await?;
    expect::eventually("the stream has shown what is stored", async || {
        let stored = stored(stage).await?;
        let all = stored.keys().all(|id| stream.shown.when(id).is_some());
        Ok(all.then_some(()))
    })
    .await
}

/// The events that the database holds: the point of each by its id.
///
/// # Errors
/// When it cannot be read.
pub async fn stored(stage: &Stage<'_>) -> Result<BTreeMap<String, Option<String>>, Failed> {
    let mut connection = database::connect(stage.environment).await?;
    let query = "SELECT id::text, metadata->>'point' FROM system_events";
    let rows: Vec<(String, Option<String>)> =
        sqlx::query_as(query).fetch_all(&mut connection).await?;
    Ok(rows.into_iter().collect())
}

/// The journey of each point that was triggered.
///
/// # Errors
/// When the logs, the database or the history cannot be read.
pub async fn journeys(
    stage: &Stage<'_>,
    stream: &Stream,
) -> Result<BTreeMap<&'static str, Journey>, Failed> {
    let logs = stage.log("agent")? + &stage.log("server")?;
    let stored = stored(stage).await?;
    let history = history(stage).await?;
    let mut journeys = BTreeMap::new();
    for point in stage.seen.keys() {
        let ids = stored.iter().filter(|(_, of)| of.as_deref() == Some(*point));
        let ids: BTreeSet<&str> = ids.map(|(id, _)| id.as_str()).collect();
        let mut journey = Journey::default();
        let taken = taken(&logs, point);
        let events = history.iter().filter(|event| event["metadata"]["point"] == **point);
        let events: Vec<&Value> = events.collect();
        let streamed = ids.iter().filter_map(|id| Some((*id, stream.shown.when(id)?)));
        let streamed: BTreeMap<&str, DateTime<Utc>> = streamed.collect();
        journey.reached = [
            logs.contains(&format!("event of {point}: ")),
            !taken.is_empty(),
            taken.iter().any(|id| logs.contains(&format!("event {id} accepted"))),
            !ids.is_empty(),
            !events.is_empty(),
            !streamed.is_empty(),
            has_a_page(stage, ids.first().copied(), point).await?,
        ];
        journey.classification = events.first().map(|event| classification(event));
        journey.delay = events.iter().filter_map(|event| delay(event, &streamed)).min();
        journeys.insert(*point, journey);
    }
    Ok(journeys)
}

/// The ids of a point's events that a buffer or a spool has taken.
fn taken<'a>(logs: &'a str, point: &str) -> Vec<&'a str> {
    let end = format!(" of {point} taken: ");
    let ids = logs.lines().filter_map(|line| line.split_once(&end)?.0.rsplit(' ').next());
    ids.collect()
}

/// Everything that the history tells.
async fn history(stage: &Stage<'_>) -> Result<Vec<Value>, Failed> {
    let (mut events, mut path) = (Vec::new(), "/events?limit=1000".to_owned());
    loop {
        let mut page = stage.ask(&path).await?.with_status("the history", 200)?;
        if let Value::Array(more) = page["events"].take() {
            events.extend(more);
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/events?limit=1000&cursor={cursor}"),
            None => return Ok(events),
        }
    }
}

fn classification(event: &Value) -> String {
    let word = |name: &str| event[name].as_str().unwrap_or("?").to_owned();
    ["event_type", "event_subtype", "severity", "component"].map(word).join(" / ")
}

fn delay(event: &Value, streamed: &BTreeMap<&str, DateTime<Utc>>) -> Option<Duration> {
    let happened: DateTime<Utc> = event["created_at"].as_str()?.parse().ok()?;
    let streamed = streamed.get(event["id"].as_str()?)?;
    (*streamed - happened).to_std().ok()
}

/// Whether the event has a page for users, which tells its point.
async fn has_a_page(stage: &Stage<'_>, id: Option<&str>, point: &str) -> Result<bool, Failed> {
    let Some(id) = id else { return Ok(false) };
    let url = format!("{}/events/{id}", part(stage.environment, "server")?.url());
    let cookie = format!("redflag_session={}", value(stage.environment, "admin_token")?);
    let page = stage.environment.http().get(url).header("cookie", cookie).send().await?;
    Ok(page.status().is_success() && page.text().await?.contains(point))
}
