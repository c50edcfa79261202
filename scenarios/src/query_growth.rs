//! How the work of a call grows with the fleet: with 10, 100 and 1,000 agents it takes as many
//! statements, repeats no step of a plan for each agent, and reads no more than it must.

use harness::environment::Environment;
use libtest_mimic::Failed;
use serde_json::json;
use sqlx::{Connection, PgConnection, raw_sql};
use uuid::Uuid;

use crate::both_ways::both_ways;
use crate::query_probe::{Effort, QueryProbe};
use crate::server_calls::Server;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

const SIZES: [i64; 3] = [10, 100, 1000];
/// Commands that are stuck, whatever the size of the fleet.
const STUCK: usize = 5;
/// How many recent commands are asked for.
const RECENT: usize = 20;
/// A small table is read whole, and rightly so.
const ROWS_OF_A_PAGE: u64 = 150;

/// The dashboard asks PostgreSQL as often for a thousand agents as for ten.
pub const STATISTICS: Scenario = Scenario {
    name: "statistics_take_as_many_statements_for_any_fleet",
    show: |backend| both_ways(backend, "F-B1-6", "statements", judge_statistics),
};

/// The list of agents repeats no step for each of them.
pub const AGENT_LIST: Scenario = Scenario {
    name: "the_list_of_agents_repeats_nothing_for_each",
    show: |backend| both_ways(backend, "F-B1-8", "runs of a step", judge_list),
};

/// Many updates are approved with as many statements as few.
pub const BULK_APPROVAL: Scenario = Scenario {
    name: "bulk_approval_takes_as_many_statements_for_any_number",
    show: |backend| both_ways(backend, "F-B1-7", "statements", judge_approval),
};

/// Stuck commands are found without reading all others.
pub const STUCK_COMMANDS: Scenario = Scenario {
    name: "stuck_commands_are_found_without_reading_the_others",
    show: |backend| both_ways(backend, "F-B1-5", "rows read", judge_stuck),
};

/// Recent commands are found without reading all others.
pub const RECENT_COMMANDS: Scenario = Scenario {
    name: "recent_commands_are_found_without_reading_the_others",
    show: |backend| judge_recent(ReferenceSystem::new(backend)?),
};

fn judge_statistics(reference: ReferenceSystem) -> Result<(), Failed> {
    let efforts = measure(reference, async |server, _, size| {
        let summary = server.ask("/stats/summary").await?;
        expect::equal("agents counted", &summary["agents"]["total"], &json!(size))
    })?;
    constant("the statistics", "statements", &efforts, |effort| effort.statements as u64)
}

fn judge_list(reference: ReferenceSystem) -> Result<(), Failed> {
    let efforts = measure(reference, async |server, _, size| {
        let page = server.ask("/agents?limit=1000").await?;
        let agents = page["agents"].as_array().ok_or("the list has no agents")?;
        let scanned = agents.iter().filter(|agent| agent["last_scan"].is_string()).count();
        expect::equal("agents listed with their last scan", &json!(scanned), &json!(size))
    })?;
    constant("the list", "statements", &efforts, |effort| effort.statements as u64)?;
    constant("the list", "runs of a step", &efforts, |effort| effort.loops)
}

fn judge_approval(reference: ReferenceSystem) -> Result<(), Failed> {
    let efforts = measure(reference, async |server, updates, _| {
        let answer = server.post("/updates/approve", &json!({"update_ids": updates})).await?;
        expect::equal("updates approved", &answer["approved"], &json!(updates.len()))
    })?;
    constant("the approval", "statements", &efforts, |effort| effort.statements as u64)
}

fn judge_stuck(reference: ReferenceSystem) -> Result<(), Failed> {
    let efforts = measure(reference, async |server, _, _| {
        let answer = server.ask("/commands/stuck").await?;
        let found = answer["commands"].as_array().map(Vec::len);
        expect::equal("stuck commands found", &found, &Some(STUCK))
    })?;
    few_rows(&format!("{STUCK} stuck commands"), &efforts)
}

fn judge_recent(reference: ReferenceSystem) -> Result<(), Failed> {
    let efforts = measure(reference, async |server, _, _| {
        let answer = server.ask(&format!("/commands/recent?limit={RECENT}")).await?;
        let found = answer["commands"].as_array().map(Vec::len);
        expect::equal("recent commands found", &found, &Some(RECENT))
    })?;
    constant("the recent commands", "statements", &efforts, |effort| effort.statements as u64)?;
    few_rows(&format!("{RECENT} recent commands"), &efforts)
}

/// No more rows than a page has are read to find so many commands.
fn few_rows(wanted: &str, efforts: &[(i64, Effort)]) -> Result<(), Failed> {
    match efforts.iter().find(|(_, effort)| effort.rows > ROWS_OF_A_PAGE) {
        None => Ok(()),
        Some((size, Effort { rows, .. })) => {
            let what = format!("{rows} rows read to find {wanted}");
            Err(format!("{what} among those of {size} agents").into())
        }
    }
}

/// A number that must not depend on the size of the fleet.
fn constant(
    what: &str,
    of: &str,
    efforts: &[(i64, Effort)],
    number: impl Fn(&Effort) -> u64,
) -> Result<(), Failed> {
    let numbers: Vec<u64> = efforts.iter().map(|(_, effort)| number(effort)).collect();
    match numbers.windows(2).all(|pair| pair[0] == pair[1]) && numbers[0] > 0 {
        true => Ok(()),
        false => Err(format!("{what}: {numbers:?} {of} with {SIZES:?} agents").into()),
    }
}

/// Makes the call with each size of fleet. It is given the ids of one pending update
/// an agent, of 250 at most.
#[expect(clippy::needless_pass_by_value, reason = "a closure that is written in place")]
fn measure(
    reference: ReferenceSystem,
    call: impl AsyncFn(&Server<'_>, &[Uuid], i64) -> Result<(), Failed>,
) -> Result<Vec<(i64, Effort)>, Failed> {
    let reference = reference.without_agents();
    let mut efforts = Vec::new();
    reference.observe(async |environment: &Environment| {
        let probe = QueryProbe::attach(&reference, environment).await?;
        let server = Server::of(environment)?;
        let mut connection = probe.connect().await?;
        for size in SIZES {
            plant_fleet(&mut connection, size).await?;
            let updates = pending_updates(&mut connection).await?;
            let effort = probe.effort(async || call(&server, &updates, size).await).await?;
            eprintln!("{size} agents: {effort:?}");
            efforts.push((size, effort));
        }
        Ok(connection.close().await?)
    })?;
    Ok(efforts)
}

/// Makes the fleet this large: each agent with updates, scans, and commands done and fresh; a few
/// commands in all are stuck.
async fn plant_fleet(connection: &mut PgConnection, size: i64) -> Result<(), Failed> {
    let numbers = "INSERT INTO agents (hostname, os_type, agent_version, machine_id) \
                   SELECT 'planted', 'linux', '1', 'planted-' || number \
                   FROM generate_series(1, $1) AS number ON CONFLICT DO NOTHING";
    sqlx::query(numbers).bind(size).execute(&mut *connection).await?;
    raw_sql(
        "INSERT INTO current_package_state \
             (agent_id, package_type, package_name, available_version, severity) \
         SELECT id, 'apt', 'package-' || number, '2', 'low' \
         FROM agents, generate_series(1, 3) AS number ON CONFLICT DO NOTHING; \
         UPDATE current_package_state SET status = 'pending'; \
         TRUNCATE update_events, agent_commands; \
         INSERT INTO update_events \
             (agent_id, package_type, package_name, version_to, severity, event_type) \
         SELECT id, 'apt', 'package', '2', 'low', 'discovered' \
         FROM agents, generate_series(1, 3); \
         INSERT INTO agent_commands \
             (agent_id, command_type, status, created_at, sent_at, expires_at) \
         SELECT id, 'scan', 'completed', now() - interval '1 day', now() - interval '1 day', \
             now() - row_number() OVER () * interval '1 second' \
         FROM agents, generate_series(1, 10); \
         INSERT INTO agent_commands (agent_id, command_type) SELECT id, 'scan' FROM agents; \
         INSERT INTO agent_commands (agent_id, command_type, created_at) \
         SELECT id, 'scan', now() - interval '1 day' FROM agents LIMIT 5; \
         ",
    )
    .execute(&mut *connection)
    .await?;
    raw_sql("VACUUM ANALYZE").execute(connection).await?;
    Ok(())
}

async fn pending_updates(connection: &mut PgConnection) -> Result<Vec<Uuid>, Failed> {
    let query = "SELECT id FROM current_package_state WHERE package_name = 'package-1' LIMIT 250";
    Ok(sqlx::query_scalar(query).fetch_all(connection).await?)
}
