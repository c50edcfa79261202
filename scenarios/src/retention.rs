//! Retention: a month of events that is not kept any more goes as a whole, at a cost that does not
//! depend on how many they are; and the migrations that brought the months keep nobody waiting
//! while they read.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Datelike, Months, NaiveTime, Utc};
use harness::finding::Severity;
use harness::migrations::lineage::{ReadOptions, read};
use harness::migrations::replay::{
    MigrationCost, ReplayOptions, ReplayOutcome, TrafficOptions, replay,
};
use harness::seed::Seed;
use libtest_mimic::Failed;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, raw_sql};
use tokio::runtime::Runtime;
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

/// The migrations that partition the events read and copy nothing while others wait.
pub const EVENTS_ARE_PARTITIONED_ONLINE: Scenario =
    Scenario { name: "events_are_partitioned_while_they_are_used", show: |_| show_online(20_000) };

/// The same with a million events.
pub const A_MILLION_EVENTS_ARE_PARTITIONED_ONLINE: Scenario = Scenario {
    name: "a_million_events_are_partitioned_while_they_are_used",
    show: |_| show_online(1_000_000),
};

/// Whole months that are kept beside the current one.
const KEPT: u32 = 1;
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

/// The migrations that index the events anew and make the months.
const NEW: [&str; 5] = ["041", "042", "043", "044", "045"];
const EVENTS: &str = "public.system_events";
/// The strongest lock that keeps neither readers nor writers waiting.
const HARMLESS: &str = "ShareUpdateExclusiveLock";
/// As many rows may be read while others wait: events of agents with wrong clocks.
const HANDFUL: i64 = 1_000;

fn show_online(rows: u32) -> Result<(), Failed> {
    let outcome = measured(rows)?;
    for stalls in &outcome.stalls {
        for stall in stalls.tables.iter().filter(|stall| stall.table == EVENTS) {
            eprintln!("{}: {stall:?}", stalls.version);
            if stall.rows < i64::from(rows) * 9 / 10 {
                return Err(format!("only {} rows in {EVENTS}", stall.rows).into());
            }
        }
    }
    let told: BTreeSet<&str> = outcome.stalls.iter().map(|one| one.version.as_str()).collect();
    expect::equal("migrations with traffic", &told, &BTreeSet::from(NEW))?;
    let found = outcome.findings.iter().filter(|finding| {
        let version = finding.version.as_deref().unwrap_or_default();
        NEW.contains(&version) && finding.severity >= Severity::Warning
    });
    let found: Vec<String> = found.map(|one| format!("{}: {}", one.id, one.evidence)).collect();
    expect::equal("findings", &found, &Vec::<String>::new())?;
    let mut costs = outcome.cost.iter().filter(|cost| NEW.contains(&cost.version.as_str()));
    costs.try_for_each(excludes_nobody_for_long)
}

/// From the statement on that keeps others waiting, no rows are read or written anew.
fn excludes_nobody_for_long(cost: &MigrationCost) -> Result<(), Failed> {
    let mut excludes = false;
    for statement in &cost.statements {
        let own = statement.locks.iter().filter(|lock| lock.table == EVENTS);
        excludes |=
            own.clone().any(|lock| lock.mode != HARMLESS && lock.mode != "RowExclusiveLock");
        let read: i64 = statement.scans.iter().map(|scan| scan.rows).sum();
        if excludes && (read > HANDFUL || !statement.rewrites.is_empty()) {
            return Err(format!("others wait in {}: {statement:?}", cost.file).into());
        }
    }
    Ok(())
}

fn measured(rows: u32) -> Result<ReplayOutcome, Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations-under-test/repaired");
    let lineage = read(&folder, &ReadOptions::default())?;
    let new = lineage.migrations.iter().filter(|one| NEW.contains(&one.version.as_str()));
    let seed = Seed::fresh();
    eprintln!("seed {seed}");
    let options = ReplayOptions {
        seed,
        rows: Some(rows),
        measured: Some(new.map(|one| one.file().to_owned()).collect()),
        traffic: Some(TrafficOptions::default()),
        statement_deadline: Duration::from_secs(30 * 60),
        with_trials: false,
        with_drill: false,
        paths: 0,
        ..ReplayOptions::default()
    };
    Ok(Runtime::new()?.block_on(replay(&lineage, &options, &|_, _, _| ()))?)
}
