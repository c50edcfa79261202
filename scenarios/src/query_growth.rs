//! Query growth: what the calls about the whole fleet cost PostgreSQL with 10, 100 and 1,000
//! agents, counted and never timed. Statements are counted in the server's log; scans and pages by
//! PostgreSQL's own counters, which are complete once the server's sessions have ended.

use harness::environment::Environment;
use libtest_mimic::Failed;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, raw_sql};

use crate::calls::{Answer, call, part, value};
use crate::database;
use crate::expect;
use crate::system_run::ReferenceSystem;

/// The sizes of the fleet.
const FLEETS: [u64; 3] = [10, 100, 1000];
/// How much a cost may be above that of the smallest fleet before it counts as growth.
const TOLERANCE: u64 = 20;

/// What a call cost.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// Statements of the server, but for those of its own life.
    statements: u64,
    /// Scans of tables and indexes.
    scans: u64,
    /// Pages of tables and indexes that the scans have read.
    pages: u64,
}

/// A call, made with the ids of the updates that wait for approval.
type Call = fn(&[String]) -> (&'static str, Option<Value>);

/// F-B1-6: the statistics.
///
/// # Errors
/// When their statements grow with the fleet.
pub fn statistics(reference: ReferenceSystem) -> Result<(), Failed> {
    let costs = costs(reference, |_| ("/stats/summary", None))?;
    does_not_grow("statements for the statistics", costs.map(|cost| cost.statements))
}

/// F-B1-7: bulk approval of one update of each agent.
///
/// # Errors
/// When its statements grow with the updates.
pub fn approval(reference: ReferenceSystem) -> Result<(), Failed> {
    let call: Call = |updates| ("/updates/approve", Some(json!({"update_ids": updates})));
    does_not_grow(
        "statements for a bulk approval",
        costs(reference, call)?.map(|cost| cost.statements),
    )
}

/// F-B1-8: the list of agents with their last scans.
///
/// # Errors
/// When a table is scanned for each of them.
pub fn listing(reference: ReferenceSystem) -> Result<(), Failed> {
    let costs = costs(reference, |_| ("/agents", None))?;
    does_not_grow("statements for the list of agents", costs.map(|cost| cost.statements))?;
    does_not_grow("scans for the list of agents", costs.map(|cost| cost.scans))
}

/// F-B1-5: the commands that nobody has carried out in time; there are as many in every fleet.
///
/// # Errors
/// When the pages that are read for them grow with the fleet.
pub fn stuck_commands(reference: ReferenceSystem) -> Result<(), Failed> {
    let costs = costs(reference, |_| ("/commands/stuck", None))?;
    does_not_grow("pages read for stuck commands", costs.map(|cost| cost.pages))
}

fn does_not_grow(what: &str, costs: [u64; 3]) -> Result<(), Failed> {
    eprintln!("{what} with {FLEETS:?} agents: {costs:?}");
    match costs.iter().max() {
        Some(most) if *most > costs[0] + TOLERANCE => {
            Err(format!("{what} grow with the fleet: {costs:?} with {FLEETS:?} agents").into())
        }
        _ => Ok(()),
    }
}

/// What the call costs in each fleet.
fn costs(mut reference: ReferenceSystem, call: Call) -> Result<[Cost; 3], Failed> {
    for part in &mut reference.system.parts {
        if part.name == "server" {
            let log = "info,sqlx::query=debug".to_owned();
            part.environment.insert("RUST_LOG".to_owned(), log);
            // A call that grows is to be counted, not cut.
            part.environment.insert("REDFLAG_WORK_SECONDS".to_owned(), "25".to_owned());
        }
    }
    // The fleet is in the database; real agents would only disturb the counts.
    reference.system.parts.retain(|part| part.name == "server");
    let mut costs = [Cost::default(); 3];
    reference.observe(async |environment| {
        for (cost, agents) in costs.iter_mut().zip(FLEETS) {
            *cost = measure(&reference, environment, agents, call).await?;
        }
        Ok(())
    })?;
    Ok(costs)
}

async fn measure(
    reference: &ReferenceSystem,
    environment: &Environment,
    agents: u64,
    call: Call,
) -> Result<Cost, Failed> {
    let server = part(environment, "server")?;
    let mut connection = database::connect(environment).await?;
    let updates = populate(&mut connection, agents).await?;
    end_sessions(environment, &mut connection).await?;
    let (scans, pages) = counters(&mut connection).await?;
    server.start().await?;
    server.wait_ready(expect::BOUND).await?;

    let since = reference.log_of("server")?.len();
    let (path, body) = call(&updates);
    ask(environment, path, body).await?.with_status(path, 200)?;
    let log = reference.log_of("server")?;
    let statements = log.get(since..).unwrap_or_default().lines().filter(|line| is_statement(line));
    let statements = statements
        .inspect(|line| eprintln!("LINE {}", &line[..line.len().min(200)]))
        .count() as u64;
    end_sessions(environment, &mut connection).await?;
    let (scans_after, pages_after) = counters(&mut connection).await?;
    server.start().await?;
    server.wait_ready(expect::BOUND).await?;
    Ok(Cost { statements, scans: scans_after - scans, pages: pages_after - pages })
}

async fn ask(environment: &Environment, path: &str, body: Option<Value>) -> Result<Answer, Failed> {
    let url = format!("{}/api/v1{path}", part(environment, "server")?.url());
    let request = match &body {
        Some(body) => environment.http().post(url).json(body),
        None => environment.http().get(url),
    };
    call(request.bearer_auth(value(environment, "admin_token")?)).await
}

/// A line of the log about a statement that is no sign of life.
fn is_statement(line: &str) -> bool {
    let of_life = ["SELECT 1", "BEGIN", "COMMIT"].map(|one| format!("summary=\"{one}\""));
    line.contains("rows_returned=") && !of_life.iter().any(|summary| line.contains(summary))
}

/// Ends the server, and waits until its sessions have handed in their counts.
async fn end_sessions(
    environment: &Environment,
    connection: &mut PgConnection,
) -> Result<(), Failed> {
    part(environment, "server")?.terminate().await;
    expect::eventually("the server's sessions have ended", async || {
        let query =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'redflag-server'";
        let sessions: i64 = sqlx::query_scalar(query).fetch_one(&mut *connection).await?;
        Ok((sessions == 0).then_some(()))
    })
    .await
}

/// Scans made and pages read until now, of the tables that the fleet is in.
async fn counters(connection: &mut PgConnection) -> Result<(u64, u64), Failed> {
    let query = "SELECT sum(seq_scan + coalesce(idx_scan, 0))::bigint, \
        sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0))::bigint \
        FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid) \
        WHERE pg_stat_user_tables.relname \
        IN ('agents', 'agent_commands', 'update_events', 'current_package_state')";
    let (scans, pages): (i64, i64) = sqlx::query_as(query).fetch_one(connection).await?;
    Ok((scans.unsigned_abs(), pages.unsigned_abs()))
}

/// A fleet of that size: each agent with commands that are done, updates and scans; five commands
/// are stuck. Returns the id of one pending update of each agent.
async fn populate(connection: &mut PgConnection, agents: u64) -> Result<Vec<String>, Failed> {
    let fleet = format!(
        "TRUNCATE agents CASCADE;
         INSERT INTO agents (id, hostname, os_type, agent_version, machine_id)
             SELECT gen_random_uuid(), 'host-' || n, 'linux', '1.0', 'machine-' || n
             FROM generate_series(1, {agents}) AS n;
         INSERT INTO agent_commands (id, agent_id, command_type, status, created_at, sent_at)
             SELECT gen_random_uuid(), id, 'scan', 'completed',
                 localtimestamp - interval '1 day', localtimestamp - interval '1 day'
             FROM agents, generate_series(1, 30);
         UPDATE agent_commands SET status = 'sent' WHERE id IN
             (SELECT id FROM agent_commands ORDER BY id LIMIT 5);
         INSERT INTO current_package_state (id, agent_id, package_type, package_name, severity)
             SELECT gen_random_uuid(), id, 'apt', 'package-' || n, 'critical'
             FROM agents, generate_series(1, 3) AS n;
         INSERT INTO update_events
             (agent_id, package_type, package_name, version_to, severity, event_type)
             SELECT id, 'apt', 'package-' || n, '2', 'critical', 'discovered'
             FROM agents, generate_series(1, 10) AS n;
         ANALYZE agents, agent_commands, update_events, current_package_state;"
    );
    raw_sql(AssertSqlSafe(fleet)).execute(&mut *connection).await?;
    let query = "SELECT id::text FROM current_package_state WHERE package_name = 'package-1'";
    Ok(sqlx::query_scalar(query).fetch_all(connection).await?)
}
