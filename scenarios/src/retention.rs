//! Retention: a month of events that is not kept any more goes as a whole, at a cost that does not
//! depend on how many they are; a month that is made takes in what came too early for it.

use std::time::Duration;

use chrono::{DateTime, Datelike, Months, NaiveTime, Utc};
use libtest_mimic::Failed;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, raw_sql};
use uuid::Uuid;

use crate::database::connect;
use crate::propagation::stream::Stream;
use crate::server_calls::{Agent, Server};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// To drop a month costs the same for few events and for many, and nothing else is lost.
pub const MONTHS_ARE_DROPPED_WHOLE: Scenario = Scenario {
    name: "a_month_of_events_is_dropped_at_one_cost_for_few_and_many",
    show: |backend| show_dropped(ReferenceSystem::new(backend)?),
};

/// An event that a wrong clock dates far ahead moves to its month when that is made.
pub const EARLY_EVENTS_MOVE: Scenario = Scenario {
    name: "an_early_event_moves_to_its_month_and_is_known_there",
    show: |backend| show_early(ReferenceSystem::new(backend)?),
};

/// Whole months that are kept beside the current one.
const KEPT: u32 = 1;
/// For how many months ahead a scenario makes partitions: for more than the server.
const AHEAD: u32 = 6;
const FEW: u32 = 1_000;
const MANY: u32 = 100_000;
/// Bytes of log that may come between two drops: pages of the catalogue that are logged whole.
const TOLERANCE: i64 = 64 * 8192;

fn show_dropped(mut reference: ReferenceSystem) -> Result<(), Failed> {
    for server in reference.system.parts.iter_mut().filter(|part| part.name == "server") {
        let settings = [("REDFLAG_HOUSEKEEPING_MS", "100"), ("REDFLAG_EVENT_MONTHS", "1")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        server.environment.extend(settings);
    }
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let mut database = connect(environment).await?;
        let this_month = month(0)?;
        grow_old(&mut database, this_month).await?;

        let last_month = this_month - Duration::from_secs(60);
        let (older, newer) = (event(1, last_month), event(2, Utc::now()));
        expect::equal("an event of last month", &send(&server, &agent, &older).await?, "stored")?;
        let stream = Stream::open(environment).await?;

        // The first drop of all has pages logged whole that the later ones find logged already.
        drop_month(&mut database, FEW).await?;
        let few = drop_month(&mut database, FEW).await?;
        let many = drop_month(&mut database, MANY).await?;
        eprintln!("bytes logged for a month of {FEW} events {few:?}, of {MANY} {many:?}");
        if (few.dropping - many.dropping).abs() > TOLERANCE {
            return Err(format!("it costs {few:?} for {FEW} events, {many:?} for {MANY}").into());
        }
        if many.filling < 10 * (few.filling + TOLERANCE) {
            return Err(format!("the measure sees no rows: {few:?}, {many:?}").into());
        }

        // What is kept is known, and goes on.
        expect::equal("an event of this month", &send(&server, &agent, &newer).await?, "stored")?;
        for event in [&older, &newer] {
            let again = send(&server, &agent, event).await?;
            expect::equal("an event that is sent again", &again, "duplicate")?;
            let id = event["id"].as_str().unwrap_or_default();
            expect::soon("the stream shows the event", async || {
                Ok(stream.has_shown(id).then_some(()))
            })
            .await?;
        }
        let stored = server.events_of(&agent.id).await?;
        let ids: Vec<&Value> = stored.iter().map(|event| &event["id"]).collect();
        expect::equal("the history", &ids, &[&older["id"], &newer["id"]])?;

        // What comes too late for its month goes, too.
        let late = event(3, month(24)?);
        expect::equal("an event of long ago", &send(&server, &agent, &late).await?, "stored")?;
        expect::eventually("the event of long ago is deleted", async || {
            let stored = server.events_of(&agent.id).await?;
            Ok((stored.len() == 2).then_some(()))
        })
        .await
    })
}

fn show_early(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let mut database = connect(environment).await?;
        let early = Utc::now() + Months::new(AHEAD);
        let events = [event(1, Utc::now()), event(2, early), event(3, early + Months::new(2))];
        for event in &events {
            expect::equal("an event", &send(&server, &agent, event).await?, "stored")?;
        }
        let make = format!("SELECT system_events_add_months({AHEAD})");
        raw_sql(AssertSqlSafe(make)).execute(&mut database).await?;
        let places = "SELECT tableoid::regclass::text FROM system_events \
                      WHERE agent_id IS NOT NULL ORDER BY seq OFFSET 1";
        let places: Vec<String> = sqlx::query_scalar(places).fetch_all(&mut database).await?;
        let its_month = format!("system_events_{}", early.format("%Y_%m"));
        let expected = [its_month.as_str(), "system_events_default"];
        expect::equal("where they are", &places, &expected)?;
        for event in &events {
            let again = send(&server, &agent, event).await?;
            expect::equal("an event that is sent again", &again, "duplicate")?;
        }
        Ok(())
    })
}

/// The beginning of the month so many months ago.
fn month(ago: u32) -> Result<DateTime<Utc>, Failed> {
    let first = Utc::now()
        .date_naive()
        .with_day(1)
        .and_then(|day| day.checked_sub_months(Months::new(ago)));
    Ok(first.ok_or("a calendar without that month")?.and_time(NaiveTime::MIN).and_utc())
}

/// Gives the months that are kept partitions of their own, as on a database that has had them for
/// long, in place of the one for all that was before.
async fn grow_old(database: &mut PgConnection, this_month: DateTime<Utc>) -> Result<(), Failed> {
    let text = format!(
        "DO $$ \
         DECLARE older text; first timestamptz; beyond timestamptz; \
         BEGIN \
           SELECT name, bound INTO older, beyond FROM system_events_partitions \
             ORDER BY bound LIMIT 1; \
           EXECUTE format('ALTER TABLE system_events DETACH PARTITION %I', older); \
           FOR first IN SELECT generate_series(timestamptz '{this_month}' - interval '{KEPT} months', \
                                               beyond - interval '1 day', '1 month') LOOP \
             EXECUTE format('CREATE TABLE %I PARTITION OF system_events FOR VALUES FROM (%L) TO (%L)', \
                            'system_events_' || to_char(first, 'YYYY_MM'), first, \
                            first + interval '1 month'); \
             EXECUTE format('CREATE UNIQUE INDEX ON %I (agent_id, lane, seq)', \
                            'system_events_' || to_char(first, 'YYYY_MM')); \
           END LOOP; \
           EXECUTE format('INSERT INTO system_events SELECT * FROM %I', older); \
           EXECUTE format('DROP TABLE %I', older); \
         END $$"
    );
    raw_sql("SET TimeZone TO 'UTC'").execute(&mut *database).await?;
    raw_sql(AssertSqlSafe(text)).execute(database).await?;
    Ok(())
}

/// Bytes that went to the log.
#[derive(Clone, Copy, Debug)]
struct Logged {
    filling: i64,
    dropping: i64,
}

/// Makes a month that is not kept, with so many events, and waits until the server has dropped it.
async fn drop_month(database: &mut PgConnection, events: u32) -> Result<Logged, Failed> {
    let (first, beyond) = (month(KEPT + 1)?, month(KEPT)?);
    let before = logged(database).await?;
    let fill = format!(
        "CREATE TABLE past (LIKE system_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS \
             INCLUDING INDEXES) WITH (autovacuum_enabled = off); \
         INSERT INTO past (event_type, event_subtype, severity, component, created_at) \
         SELECT 'agent_scan', 'success', 'info', 'agent', '{first}' \
         FROM generate_series(1, {events})"
    );
    raw_sql(AssertSqlSafe(fill)).execute(&mut *database).await?;
    // As a month that was read before: with checksums, the first to read a page logs it whole.
    raw_sql("VACUUM past").execute(&mut *database).await?;
    let filled = logged(database).await?;
    let attach = format!(
        "ALTER TABLE system_events ATTACH PARTITION past FOR VALUES FROM ('{first}') TO ('{beyond}')"
    );
    raw_sql(AssertSqlSafe(attach)).execute(&mut *database).await?;
    expect::eventually("the month is dropped", async || {
        let query = sqlx::query_scalar("SELECT to_regclass('past') IS NULL");
        Ok(query.fetch_one(&mut *database).await.map(|gone: bool| gone.then_some(()))?)
    })
    .await?;
    let dropped = logged(database).await?;
    Ok(Logged { filling: filled - before, dropping: dropped - filled })
}

async fn logged(database: &mut PgConnection) -> Result<i64, Failed> {
    let query = "SELECT (pg_current_wal_insert_lsn() - '0/0')::int8";
    Ok(sqlx::query_scalar(query).fetch_one(database).await?)
}

fn event(seq: u64, at: DateTime<Utc>) -> Value {
    json!({
        "id": Uuid::now_v7(), "lane": "normal", "seq": seq, "event_type": "agent_scan",
        "event_subtype": "info", "severity": "info", "component": "agent",
        "message": "one of a month", "metadata": {}, "created_at": at,
    })
}

/// Sends one event and says what became of it.
async fn send(server: &Server<'_>, agent: &Agent, event: &Value) -> Result<String, Failed> {
    let body = json!({"events": [event]}).to_string();
    let answer = server.send(&agent.id, Some(&agent.token), body).await?;
    let answer = answer.with_status("a batch", 200)?;
    Ok(answer["results"][0]["status"].as_str().unwrap_or_default().to_owned())
}
