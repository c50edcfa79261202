//! The one connection through which a pass runs its migrations.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use super::timings::spent_on;
use super::{Refusal, ReplayError, Server};
use crate::migrations::sql::Statement;

/// What a migration may leave in a session, and the next one must not meet. `DISCARD ALL` would do
/// it, but not within a transaction, and it forgets the prepared statements of the replay itself.
const RESET: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
                     SELECT pg_advisory_unlock_all(); DISCARD TEMP; \
                     DISCARD SEQUENCES";

const VACUUM: &str = "VACUUM (SKIP_LOCKED) pg_catalog.pg_class, pg_catalog.pg_attribute, \
                      pg_catalog.pg_type, pg_catalog.pg_depend, pg_catalog.pg_constraint, \
                      pg_catalog.pg_index, pg_catalog.pg_attrdef, pg_catalog.pg_proc, \
                      pg_catalog.pg_trigger, pg_catalog.pg_description, pg_catalog.pg_statistic";

/// Between statements that are sent at once; a comment at the end of one ends with its line.
const TOGETHER: &str = "\n;";

/// How long a cancelled statement may take to end before its session is ended.
const GRACE: Duration = Duration::from_secs(5);

/// What a server says that starts, stops or recovers.
const CANNOT_CONNECT_NOW: &str = "57P03";
/// How long it may take to recover, and how often it is asked.
const RECOVERY: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// A connection to one database of a [`Server`], with a deadline for each statement.
#[derive(Debug)]
pub struct Session<'server> {
    server: &'server Server,
    database: String,
    connection: PgConnection,
    process: i32,
    deadline: Duration,
    prologue: Vec<String>,
}

impl<'server> Session<'server> {
    /// Connects to a database.
    ///
    /// # Errors
    /// There is no such database, or the server is down.
    pub async fn open(
        server: &'server Server,
        database: &str,
        deadline: Duration,
    ) -> Result<Self, ReplayError> {
        let (connection, process) = connect(&server.options(database)).await?;
        let (database, prologue) = (database.to_owned(), Vec::new());
        Ok(Self { server, database, connection, process, deadline, prologue })
    }

    /// Begins with these statements, now and whenever it is reset: what the tool holds all along,
    /// as its lock.
    ///
    /// # Errors
    /// The server refuses them.
    pub async fn begin_with(&mut self, prologue: Vec<String>) -> Result<(), ReplayError> {
        self.prologue = prologue;
        self.reset().await
    }

    /// The connection, for the replay's own queries.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// The server that it is connected to.
    pub fn server(&self) -> &'server Server {
        self.server
    }

    /// The database that it is connected to.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// How long one statement may take.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// What it begins with, see [`Session::begin_with`].
    pub fn prologue(&self) -> &[String] {
        &self.prologue
    }

    /// The process of the server that serves this session.
    pub fn process(&self) -> i32 {
        self.process
    }

    /// Runs one statement as its file has it, with its `COPY` data.
    ///
    /// # Errors
    /// PostgreSQL's refusal; `57014` when the statement did not end in time.
    pub async fn run(&mut self, statement: &Statement) -> Result<(), Refusal> {
        match &statement.copy_data {
            None => self.run_text(&statement.text).await,
            Some(data) => {
                let work = copy_in(&mut self.connection, &statement.text, data);
                let work = within(self.server, self.process, self.deadline, work);
                spent_on("migrations_ms", work).await
            }
        }
    }

    /// Runs a text of one or more statements, all sent at once.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub async fn run_text(&mut self, text: &str) -> Result<(), Refusal> {
        let work = async {
            let text = AssertSqlSafe(text.to_owned());
            sqlx::raw_sql(text).execute(&mut self.connection).await.map(drop)
        };
        spent_on("migrations_ms", within(self.server, self.process, self.deadline, work)).await
    }

    /// Runs texts of one statement each, all sent at once; the last may have several.
    ///
    /// # Errors
    /// As [`Session::run`], with the place of the text that was refused.
    pub async fn run_texts(&mut self, texts: &[&str]) -> Result<(), (usize, Refusal)> {
        let mut done = 0;
        let work = async {
            let text = AssertSqlSafe(texts.join(TOGETHER));
            let mut results = sqlx::raw_sql(text).execute_many(&mut self.connection);
            while results.try_next().await?.is_some() {
                done += 1;
            }
            Ok(())
        };
        let work = within(self.server, self.process, self.deadline, work);
        let Err(mut refusal) = spent_on("migrations_ms", work).await else { return Ok(()) };
        // What cannot be parsed is refused before anything is done; then only the position tells.
        let place = match &mut refusal.position {
            Some(position) => statement_at(texts, position),
            None => done.min(texts.len() - 1),
        };
        Err((place, refusal))
    }

    /// Runs a statement of the replay's own, which nothing may refuse.
    ///
    /// # Errors
    /// The server refuses it all the same, or is down.
    pub async fn command(
        &mut self,
        action: &'static str,
        text: &'static str,
    ) -> Result<(), ReplayError> {
        let outcome = spent_on("commands_ms", sqlx::raw_sql(text).execute(&mut self.connection));
        outcome.await.map(drop).map_err(ReplayError::server(action))
    }

    /// Takes back what a migration left in the session: role, settings, temporary tables, plans,
    /// advisory locks.
    ///
    /// # Errors
    /// The server is down.
    pub async fn reset(&mut self) -> Result<(), ReplayError> {
        let text = AssertSqlSafe(self.reset_text());
        let outcome = spent_on("commands_ms", sqlx::raw_sql(text).execute(&mut self.connection));
        outcome.await.map(drop).map_err(ReplayError::server("reset the session"))
    }

    /// Rolls back, and resets.
    ///
    /// # Errors
    /// The server is down.
    pub async fn roll_back(&mut self) -> Result<(), ReplayError> {
        let text = AssertSqlSafe(format!("ROLLBACK; {}", self.reset_text()));
        let outcome = spent_on("commands_ms", sqlx::raw_sql(text).execute(&mut self.connection));
        outcome.await.map(drop).map_err(ReplayError::server("roll back"))
    }

    /// What [`Session::reset`] runs, to be sent along with something else.
    pub fn reset_text(&self) -> String {
        let prologue = self.prologue.iter().map(String::as_str);
        std::iter::once(RESET).chain(prologue).collect::<Vec<_>>().join("; ")
    }

    /// Removes what rolled-back trials left in the catalog, which every look into it would read.
    ///
    /// # Errors
    /// The server is down.
    pub async fn vacuum(&mut self) -> Result<(), ReplayError> {
        self.command("vacuum the catalog", VACUUM).await
    }

    /// A new connection in place of one that was lost or is of no use any more.
    ///
    /// # Errors
    /// The server is down.
    pub async fn reconnect(&mut self) -> Result<(), ReplayError> {
        let options = self.server.options(&self.database);
        let (connection, process) = connect(&options).await?;
        let old = std::mem::replace(&mut self.connection, connection);
        self.process = process;
        let _ = old.close().await;
        self.reset().await
    }

    /// Ends the connection and waits until the server has noticed.
    ///
    /// # Errors
    /// The server is down.
    pub async fn close(self) -> Result<(), ReplayError> {
        let Self { server, connection, process, .. } = self;
        let _ = connection.close().await;
        server.end_session(process).await
    }
}

async fn connect(options: &PgConnectOptions) -> Result<(PgConnection, i32), ReplayError> {
    let refused = ReplayError::server("connect");
    let connected = async {
        let mut connection = connect_when_ready(options).await?;
        let process = sqlx::query_scalar("SELECT pg_backend_pid()");
        let process = process.fetch_one(&mut connection).await?;
        Ok((connection, process))
    };
    connected.await.map_err(refused)
}

/// Waits for a server that recovers, since a migration has brought one of its processes down.
async fn connect_when_ready(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let begun = Instant::now();
    loop {
        let refused = match options.connect().await {
            Ok(connection) => return Ok(connection),
            Err(refused) => refused,
        };
        let answer = refused.as_database_error().and_then(sqlx::error::DatabaseError::code);
        if answer.as_deref() != Some(CANNOT_CONNECT_NOW) || begun.elapsed() > RECOVERY {
            return Err(refused);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The place of the statement that a position in all of them lies in; the position is then one in
/// that statement.
fn statement_at(texts: &[&str], position: &mut usize) -> usize {
    let last = texts.len() - 1;
    for (place, text) in texts[..last].iter().enumerate() {
        let length = text.chars().count() + TOGETHER.len();
        if *position <= length {
            return place;
        }
        *position -= length;
    }
    last
}

async fn copy_in(
    connection: &mut PgConnection,
    statement: &str,
    data: &str,
) -> Result<(), sqlx::Error> {
    let mut copy = connection.copy_in_raw(statement).await?;
    copy.send(data.as_bytes()).await?;
    copy.finish().await.map(drop)
}

/// Ends a statement that takes too long by asking the server to cancel it, so that the connection
/// stays usable; a statement that does not let itself be cancelled loses its session.
async fn within(
    server: &Server,
    process: i32,
    deadline: Duration,
    work: impl Future<Output = Result<(), sqlx::Error>>,
) -> Result<(), Refusal> {
    let mut work = std::pin::pin!(work);
    if let Ok(outcome) = tokio::time::timeout(deadline, &mut work).await {
        return outcome.map_err(|error| Refusal::new(&error));
    }
    let _ = server.cancel(process).await;
    let outcome = match tokio::time::timeout(GRACE, &mut work).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let _ = server.end_session(process).await;
            work.await
        }
    };
    outcome.map_err(|error| Refusal::out_of_time(&error, deadline))
}
