//! What the server does with its migrations when it starts: it is ready only when all of them are
//! applied, and one that fails ends it and leaves nothing behind.

use harness::environment::{BackendKind, Direction, Environment, EnvironmentError, Part, Toxic};
use harness::history::PartState;
use libtest_mimic::Failed;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::calls::{Answer, call, part, value};
use crate::lineage::Lineage;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

const DATABASE_LINK: &str = "server-to-database";
const BROKEN: &str = "999_broken.up.sql";
const SLOW: &str = "999_slow.up.sql";

/// PostgreSQL's code for a table that is not there.
const UNDEFINED_TABLE: &str = "42P01";

/// A server whose migration fails ends, and says which one and why.
pub const FAILED_MIGRATION_ENDS_THE_SERVER: Scenario =
    Scenario { name: "a_failed_migration_ends_the_server", show: show_failure };

/// A migration that failed is applied once it is mended, on what the failure left: nothing.
pub const MENDED_MIGRATION_IS_APPLIED: Scenario =
    Scenario { name: "a_mended_migration_finds_nothing_of_the_failed_one", show: show_mended };

/// A server is alive, but not ready, while a migration is being applied.
pub const READY_ONLY_WITH_ALL_MIGRATIONS: Scenario =
    Scenario { name: "the_server_is_ready_only_with_all_migrations", show: show_pending };

fn broken() -> &'static str {
    "CREATE TABLE left_behind (id integer);\nINSERT INTO nowhere SELECT id FROM left_behind;\n"
}

fn show_failure(backend: BackendKind) -> Result<(), Failed> {
    let mut reference = ReferenceSystem::new(backend)?;
    let lineage = Lineage::copied_for(&mut reference)?;
    let sound = lineage.versions()?;
    lineage.write(BROKEN, broken())?;
    match Runtime::new()?.block_on(reference.start()) {
        Err(EnvironmentError::NotReady { part, what }) => {
            expect::equal("what did not come up", &(&*part, &*what), &("server", "ended"))?;
        }
        Err(error) => return Err(error.into()),
        Ok(_) => return Err("the system came up with a broken migration".into()),
    }
    let history = reference.recorder.history();
    let exit = history.part_changes().find(|change| change.state == PartState::Exited);
    let exit = exit.ok_or("the history has no exit")?;
    if !exit.detail.ends_with(" 1") {
        return Err(format!("the server ended with {}, not with 1", exit.detail).into());
    }
    says_which_failed(&reference.log_of("server")?, &sound)
}

/// The log names the file and the code, and every migration before it as applied.
fn says_which_failed(log: &str, sound: &[String]) -> Result<(), Failed> {
    let message = format!("migration {BROKEN} failed with SQLSTATE {UNDEFINED_TABLE}");
    expect::contains("the server's log", log, &message)?;
    for version in sound {
        expect::contains("the server's log", log, &format!("applied {version}"))?;
    }
    expect::equal("the log has the broken one as applied", &is_applied(log), &false)
}

fn is_applied(log: &str) -> bool {
    log.contains(&format!("applied {BROKEN}"))
}

fn show_mended(backend: BackendKind) -> Result<(), Failed> {
    let mut reference = ReferenceSystem::new(backend)?;
    let lineage = Lineage::copied_for(&mut reference)?;
    let sound = lineage.versions()?;
    reference.observe(async |environment| {
        let server = part(environment, "server")?;
        server.kill().await;
        lineage.write(BROKEN, broken())?;
        server.start().await?;
        expect::eventually("the server ends", async || {
            Ok((server.state() == PartState::Exited).then_some(()))
        })
        .await?;
        expect::equal(
            "applied although it is broken",
            &is_applied(&reference.log_of("server")?),
            &false,
        )?;

        lineage.write(BROKEN, &mended(sound.len()))?;
        server.start().await?;
        server.wait_ready(expect::BOUND).await?;
        expect::equal("applied once mended", &is_applied(&reference.log_of("server")?), &true)?;
        schema_is_complete(environment, server, &lineage).await
    })
}

/// The same migration without the mistake. It refuses to be applied unless the database holds all
/// the migrations before it, and nothing of its own.
fn mended(sound: usize) -> String {
    format!(
        "DO $$ BEGIN\n\
         ASSERT to_regclass('left_behind') IS NULL, 'a table of the failed attempt is left';\n\
         ASSERT (SELECT count(*) FROM schema_migrations) = {sound}, 'wrong records are left';\n\
         ASSERT NOT EXISTS (SELECT FROM schema_migrations WHERE version = '{BROKEN}'),\n\
         'the failed attempt is recorded';\n\
         END $$;\n\
         CREATE TABLE left_behind (id integer);\n"
    )
}

fn show_pending(backend: BackendKind) -> Result<(), Failed> {
    let mut reference = ReferenceSystem::new(backend)?;
    let lineage = Lineage::copied_for(&mut reference)?;
    reference.observe(async |environment| {
        let server = part(environment, "server")?;
        server.kill().await;
        // A large result on a narrow link: this migration lasts as long as the toxic is there.
        lineage.write(SLOW, "SELECT repeat('x', 20000000);\n")?;
        environment.proxy().add(DATABASE_LINK, &narrow()).await?;
        server.start().await?;
        expect::eventually("the slow migration alone is pending", async || {
            let schema = get(environment, server, "/api/v1/health/schema").await;
            Ok(schema.ok().filter(|schema| schema.body["pending"] == json!([SLOW])))
        })
        .await?;
        let live = get(environment, server, "/api/v1/health/live").await?;
        live.with_status("live while a migration is pending", 200)?;
        let ready = get(environment, server, "/api/v1/health/ready").await?;
        ready.with_status("ready while a migration is pending", 503)?;
        let events = get(environment, server, "/api/v1/events").await?;
        events.refuses("a call while a migration is pending", 503)?;

        environment.proxy().remove(DATABASE_LINK, &narrow().name).await?;
        server.wait_ready(expect::BOUND).await?;
        schema_is_complete(environment, server, &lineage).await
    })
}

/// Sixteen kilobytes a second, from the database to the server.
fn narrow() -> Toxic {
    Toxic {
        name: "narrow".to_owned(),
        kind: "bandwidth".to_owned(),
        direction: Direction::ToClient,
        toxicity: 1.0,
        attributes: json!({"rate": 16}),
    }
}

async fn schema_is_complete(
    environment: &Environment,
    server: &Part,
    lineage: &Lineage,
) -> Result<(), Failed> {
    let ready = get(environment, server, "/api/v1/health/ready").await?;
    ready.with_status("ready with all migrations", 200)?;
    let schema = get(environment, server, "/api/v1/health/schema").await?;
    let schema = schema.with_status("the schema", 200)?;
    expect::equal("pending", &schema["pending"], &json!([]))?;
    expect::equal("failed", &schema["failed"], &json!([]))?;
    expect::equal("applied", &schema["applied"], &Value::from(lineage.versions()?))
}

async fn get(environment: &Environment, server: &Part, path: &str) -> Result<Answer, Failed> {
    let token = value(environment, "admin_token")?;
    call(environment.http().get(format!("{}{path}", server.url())).bearer_auth(token)).await
}
