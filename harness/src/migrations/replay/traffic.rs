//! How long readers and writers wait while a migration runs: a few of each on every table that it
//! locks, in a copy of the database, with the longest wait as the result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tokio::task::JoinSet;

use super::named::words;
use super::{ReplayError, Runner, Session};
use crate::migrations::lineage::{Record, Script};

/// More tables of one migration than these get no traffic: each costs two connections.
const MOST_TABLES: i32 = 6;

const TABLES: &str = "
    SELECT format('%I.%I', n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND n.nspname <> 'information_schema'
      AND lower(c.relname) = ANY ($1) ORDER BY c.oid LIMIT $2";

/// The longest waits on one table during one migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stall {
    /// The table, with its schema, as SQL names it.
    pub table: String,
    /// How many rows it held before the migration.
    pub rows: i64,
    /// The longest wait of a reader, in milliseconds.
    pub reader_ms: u64,
    /// The longest wait of a writer, in milliseconds.
    pub writer_ms: u64,
}

/// How the traffic is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficOptions {
    /// For how long a reader that was there before holds on to the first table: what a migration
    /// waits for, everybody behind it waits for as well.
    pub long_reader: Duration,
}

/// Runs a script in a session of its own copy of the database, with traffic on every table that
/// it names.
///
/// # Errors
/// The server is down.
pub async fn stalls<'server>(
    session: Session<'server>,
    script: &Script,
    options: TrafficOptions,
) -> Result<(Session<'server>, Vec<Stall>), ReplayError> {
    let mut runner = Runner::new(session);
    let tables = tables(&mut runner, script).await?;
    let session = runner.session();
    let mut stalls = Vec::with_capacity(tables.len());
    for table in &tables {
        let rows = count(session, table).await?;
        stalls.push(Stall { table: table.clone(), rows, reader_ms: 0, writer_ms: 0 });
    }
    let connect = session.server().options(session.database());
    let over = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    let (ready, mut waiting) = tokio::sync::mpsc::channel(1);
    for (index, table) in tables.iter().enumerate() {
        for (writes, statement) in [(false, reader(table)), (true, writer(table))] {
            let connection = connect.connect().await.map_err(ReplayError::server("connect"))?;
            let worker = worker(connection, statement, Arc::clone(&over), ready.clone());
            workers.spawn(async move { (index, writes, worker.await) });
        }
    }
    drop(ready);
    // Every worker has been through once before the migration begins.
    for _ in 0..tables.len() * 2 {
        waiting.recv().await;
    }
    let long = long_reader(connect, tables.first(), options.long_reader).await?;
    // Whether it passes was judged elsewhere.
    let _ = runner.run(script, &Record::default()).await?;
    over.store(true, Ordering::Relaxed);
    if let Some(long) = long {
        let _ = long.await;
    }
    while let Some(worked) = workers.join_next().await {
        let Ok((index, writes, longest)) = worked else { continue };
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        match writes {
            true => stalls[index].writer_ms = longest,
            false => stalls[index].reader_ms = longest,
        }
    }
    Ok((runner.into_session(), stalls))
}

/// The tables that a script names, by their quoted names.
async fn tables(runner: &mut Runner<'_>, script: &Script) -> Result<Vec<String>, ReplayError> {
    sqlx::query_scalar(TABLES)
        .bind(words(script))
        .bind(MOST_TABLES)
        .fetch_all(runner.session().connection())
        .await
        .map_err(ReplayError::server("read which tables a migration names"))
}

async fn count(session: &mut Session<'_>, table: &str) -> Result<i64, ReplayError> {
    let query = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    let counted = sqlx::query_scalar(query).fetch_one(session.connection()).await;
    counted.map_err(ReplayError::server("count the rows of a table"))
}

fn reader(table: &str) -> String {
    format!("SELECT 1 FROM {table} LIMIT 1")
}

/// Takes the lock of a writer, and changes nothing that a constraint could refuse.
fn writer(table: &str) -> String {
    format!("DELETE FROM {table} WHERE false")
}

/// Runs a statement again and again; the longest that it took. A statement that is refused, since
/// the migration took its table away, ends the work.
async fn worker(
    mut connection: PgConnection,
    statement: String,
    over: Arc<AtomicBool>,
    ready: tokio::sync::mpsc::Sender<()>,
) -> Duration {
    let mut longest = Duration::ZERO;
    let mut first = true;
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let text = AssertSqlSafe(statement.clone());
        let refused = sqlx::raw_sql(text).execute(&mut connection).await.is_err();
        if first {
            let _ = ready.send(()).await;
        } else {
            longest = longest.max(begun.elapsed());
        }
        if refused {
            break;
        }
        first = false;
    }
    let _ = connection.close().await;
    longest
}

/// A reader that holds on to a table for some time, from now on.
async fn long_reader(
    connect: sqlx::postgres::PgConnectOptions,
    table: Option<&String>,
    hold: Duration,
) -> Result<Option<tokio::task::JoinHandle<()>>, ReplayError> {
    let Some(table) = table.filter(|_| !hold.is_zero()) else { return Ok(None) };
    let refused = ReplayError::server("hold on to a table");
    let begin = AssertSqlSafe(format!("BEGIN; {}", reader(table)));
    let hold = AssertSqlSafe(format!("SELECT pg_sleep({})", hold.as_secs_f64()));
    let begun = async {
        let mut connection = connect.connect().await?;
        sqlx::raw_sql(begin).execute(&mut connection).await?;
        Ok(connection)
    };
    let mut connection = begun.await.map_err(refused)?;
    Ok(Some(tokio::spawn(async move {
        let _ = sqlx::raw_sql(hold).execute(&mut connection).await;
        let _ = connection.close().await;
    })))
}
