//! How far the event of each point came: read from the parts' logs, the database, the history,
//! an open stream and the pages. Each is looked at by the event's own point.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use chrono::{DateTime, Utc};
use harness::environment::Environment;
use libtest_mimic::Failed;
use serde_json::Value;
use tokio::time::sleep;

use super::stage::Stage;
use super::stream::{Arrivals, Stream};
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
    /// How long after it happened its first event was seen there; nothing where nobody watches.
    pub times: [Option<Duration>; HOPS.len()],
    /// How the history classifies it.
    pub classification: Option<String>,
}

/// Watches the hops that nobody can look at afterwards and still tell the time.
pub struct Watch {
    stream: Stream,
    persisted: Arrivals,
    queryable: Arrivals,
}

impl Watch {
    /// Watches a system from its first event on.
    ///
    /// # Errors
    /// When the server refuses the stream.
    pub async fn open(environment: &Environment) -> Result<Self, Failed> {
        let stream = Stream::open(environment).await?;
        Ok(Self { stream, persisted: Arrivals::default(), queryable: Arrivals::default() })
    }

    /// Looks again and again at what is persisted and what is queryable.
    pub async fn look(&self, environment: &Environment) -> Infallible {
        let (persisted, queryable) = (&self.persisted, &self.queryable);
        tokio::join!(watch_database(environment, persisted), watch_history(environment, queryable))
            .0
    }
}

/// More positions than transactions that are under way can hold.
const IN_FLIGHT: i64 = 10_000;

/// A database that cannot be reached is looked at again later.
async fn watch_database(environment: &Environment, arrivals: &Arrivals) -> Infallible {
    let query =
        "SELECT position, id::text FROM system_events WHERE position > $1 ORDER BY position";
    let mut after: i64 = 0;
    loop {
        if let Ok(mut connection) = database::connect(environment).await {
            while let Ok(rows) = sqlx::query_as(query).bind(after).fetch_all(&mut connection).await
            {
                let rows: Vec<(i64, String)> = rows;
                // A later position may be committed before an earlier one.
                after = rows.last().map_or(after, |(position, _)| *position - IN_FLIGHT);
                rows.iter().for_each(|(_, id)| arrivals.note(id));
                sleep(expect::INTERVAL).await;
            }
        }
        sleep(expect::INTERVAL).await;
    }
}

/// What the server tells of events is asked for again and again, from where the last answer ended.
async fn watch_history(environment: &Environment, arrivals: &Arrivals) -> Infallible {
    let mut cursor = String::new();
    loop {
        let path = format!("/events?limit=1000{cursor}");
        if let Ok(page) = ask(environment, &path).await {
            for event in page["events"].as_array().into_iter().flatten() {
                event["id"].as_str().into_iter().for_each(|id| arrivals.note(id));
            }
            if let Some(next) = page["next_cursor"].as_str() {
                cursor = format!("&cursor={next}");
            }
        }
        sleep(expect::INTERVAL).await;
    }
}

async fn ask(environment: &Environment, path: &str) -> Result<Value, Failed> {
    let url = format!("{}/api/v1{path}", part(environment, "server")?.url());
    let request = environment.http().get(url).bearer_auth(value(environment, "admin_token")?);
    call(request).await?.with_status(path, 200)
}

/// Waits until nothing is under way any more: no event waits in the agent's buffer or in the
/// server's spool, and the stream has shown whatever is stored.
///
/// # Errors
/// When something is under way for ever.
pub async fn settle(stage: &Stage<'_>, watch: &Watch) -> Result<(), Failed> {
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
        let all = stored.keys().all(|id| watch.stream.arrivals.when(id).is_some());
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
    watch: &Watch,
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
        let streamed = ids.iter().any(|id| watch.stream.has_shown(id));
        journey.reached = [
            logs.contains(&format!("event of {point}: ")),
            !taken.is_empty(),
            taken.iter().any(|id| logs.contains(&format!("event {id} accepted"))),
            !ids.is_empty(),
            !events.is_empty(),
            streamed,
            has_a_page(stage, ids.first().copied(), point).await?,
        ];
        journey.classification = events.first().map(|event| classification(event));
        if let Some(first) = events.first() {
            journey.times = times(first, &logs, watch);
        }
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

/// When an event was seen at each hop, from when it happened on.
fn times(event: &Value, logs: &str, watch: &Watch) -> [Option<Duration>; HOPS.len()] {
    let id = event["id"].as_str().unwrap_or_default();
    let happened: Option<DateTime<Utc>> =
        event["created_at"].as_str().and_then(|time| time.parse().ok());
    let after = |seen: Option<DateTime<Utc>>| (seen? - happened?).to_std().ok();
    // A line of a log begins with its time.
    let logged = |text: String| {
        let line = logs.lines().find(|line| line.contains(&text))?;
        line.split_whitespace().next()?.parse().ok()
    };
    [
        happened.map(|_| Duration::ZERO),
        after(logged(format!("event {id} of "))),
        after(logged(format!("event {id} accepted"))),
        after(watch.persisted.when(id)),
        after(watch.queryable.when(id)),
        after(watch.stream.arrivals.when(id)),
        None,
    ]
}

/// Whether the event has a page for users, which tells its point.
async fn has_a_page(stage: &Stage<'_>, id: Option<&str>, point: &str) -> Result<bool, Failed> {
    let Some(id) = id else { return Ok(false) };
    let url = format!("{}/events/{id}", part(stage.environment, "server")?.url());
    let cookie = format!("redflag_session={}", value(stage.environment, "admin_token")?);
    let page = stage.environment.http().get(url).header("cookie", cookie).send().await?;
    Ok(page.status().is_success() && page.text().await?.contains(point))
}
