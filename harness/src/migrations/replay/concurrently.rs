//! What a statement that works `CONCURRENTLY` waits for, seen from a second session, and cut there.
//!
//! Such a statement is several transactions. Before each that relies on it, it waits for whoever
//! was there first, for as long as that takes; who loses patience meanwhile leaves its half behind:
//! an INVALID index.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::{ReplayError, Session};
use crate::migrations::sql::Statement;

/// How often the second session looks.
const EVERY: Duration = Duration::from_millis(5);

/// Begins what `CONCURRENTLY` has to wait for: an old snapshot, and a reader on every table.
const HOLD: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ;
    DO $$ DECLARE held record; BEGIN
        FOR held IN SELECT c.oid::regclass AS name FROM pg_class c
            WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384
        LOOP EXECUTE format('LOCK TABLE ONLY %s IN ACCESS SHARE MODE', held.name); END LOOP;
    END $$";

/// A row if the first process waits for the second: whether for its snapshot. PostgreSQL waits in
/// the same way for who holds a snapshot and for who holds a lock, and only tells of an index that
/// is built which it is.
const WAITS: &str = "
    SELECT EXISTS (SELECT FROM pg_stat_progress_create_index
                   WHERE pid = $1 AND phase = 'waiting for old snapshots')
    WHERE $2 = ANY (pg_blocking_pids($1))";

/// What a statement waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waited {
    /// Every transaction in the database that is older, whatever it reads.
    OlderTransactions,
    /// Those that use the table.
    UsersOfTheTable,
}

impl fmt::Display for Waited {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OlderTransactions => "older transactions to end",
            Self::UsersOfTheTable => "those who use its table",
        })
    }
}

/// Runs a statement beside a transaction that was there before, and cancels it when it waits for
/// that one: what it waited for; none if it ended without.
///
/// # Errors
/// The server is down.
pub async fn cut_while_it_waits(
    session: &mut Session<'_>,
    statement: &Statement,
) -> Result<Option<Waited>, ReplayError> {
    let (server, process) = (session.server(), session.process());
    let options = server.options(session.database());
    let mut holder = options.connect().await.map_err(ReplayError::server("connect"))?;
    let held = hold(&mut holder).await.map_err(ReplayError::server("hold on to tables"))?;
    let mut watcher = options.connect().await.map_err(ReplayError::server("connect"))?;
    let waited = {
        let mut work = std::pin::pin!(session.run(statement));
        let waited = tokio::select! {
            _ = &mut work => None,
            waited = first_wait(&mut watcher, process, held) => Some(waited),
        };
        if waited.is_some() {
            server.cancel(process).await?;
            // It was cancelled, or came through in the last moment.
            let _ = work.await;
        }
        waited
    };
    for connection in [holder, watcher] {
        // The server notices a connection that is just closed as well.
        let _ = connection.close().await;
    }
    session.reset().await?;
    waited.transpose().map_err(ReplayError::server("see what a statement waits for"))
}

/// The process that holds on.
async fn hold(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    sqlx::raw_sql(HOLD).execute(&mut *connection).await?;
    sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(connection).await
}

/// Looks until a process waits for another; the statement's own deadline bounds it.
async fn first_wait(
    watcher: &mut PgConnection,
    process: i32,
    holder: i32,
) -> Result<Waited, sqlx::Error> {
    loop {
        let query = sqlx::query_scalar(WAITS).bind(process).bind(holder);
        match query.fetch_optional(&mut *watcher).await? {
            None => tokio::time::sleep(EVERY).await,
            Some(true) => return Ok(Waited::OlderTransactions),
            Some(false) => return Ok(Waited::UsersOfTheTable),
        }
    }
}
