//! The PostgreSQL of one pass: a cluster of its own, because migrations make roles and change
//! settings that belong to no database.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use super::ReplayError;
use super::timings::spent_on;
use crate::environment::postgres::{ClusterOptions, PrivateCluster, copying_files};

/// Speed for durability that nobody needs here, a fixed time zone, and room for the locks of a
/// whole lineage. Everything else stays as it comes: migrations see a plain server.
const SETTINGS: [(&str, &str); 11] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
    ("wal_level", "logical"),
    ("max_wal_size", "4GB"),
    ("autovacuum", "off"),
    ("max_locks_per_transaction", "1024"),
    ("max_connections", "20"),
    ("TimeZone", "UTC"),
    ("log_min_messages", "fatal"),
    ("client_min_messages", "error"),
];

/// How long a session may take to end, and how often it is looked at.
const ENDING: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);

/// How many statements a session keeps prepared: all that the replay asks again and again.
const PREPARED: usize = 500;

/// Statements that drop the databases and roles that migrations made, databases first.
const GLOBALS: &str = "
    SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database
    WHERE oid >= 16384 AND datname NOT IN ('fresh', 'upgrade', 'replay_aside')
    UNION ALL SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE oid >= 16384";

/// Roles and databases that migrations made, by the statements that drop them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Globals(Vec<String>);

/// The PostgreSQL of one pass. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct Server {
    cluster: PrivateCluster,
    _logs: TempDir,
}

impl Server {
    /// Starts it, with one empty database of this name.
    ///
    /// # Errors
    /// PostgreSQL is missing or does not start.
    pub async fn start(database: &str) -> Result<Self, ReplayError> {
        spent_on("servers_ms", Self::start_with(database)).await
    }

    async fn start_with(database: &str) -> Result<Self, ReplayError> {
        let logs = tempfile::tempdir().map_err(ReplayError::Folder)?;
        let mut options = ClusterOptions::new(logs.path().join("postgres.log"));
        options.settings =
            SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let cluster = PrivateCluster::start(options).await?;
        let server = Self { cluster, _logs: logs };
        // PostgreSQL refuses to drop a template, and this one is what the replay looks in from.
        let protect = "ALTER DATABASE postgres IS_TEMPLATE true".to_owned();
        server.maintain(protect, "protect a database").await?;
        server.create_database(database).await?;
        Ok(server)
    }

    /// How to connect to one of its databases.
    pub fn options(&self, database: &str) -> PgConnectOptions {
        self.cluster
            .superuser_options(database)
            .disable_statement_logging()
            .statement_cache_capacity(PREPARED)
    }

    /// The cluster itself.
    pub fn cluster(&self) -> &PrivateCluster {
        &self.cluster
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// There is one of this name, or the server is down.
    pub async fn create_database(&self, name: &str) -> Result<(), ReplayError> {
        let fast = self.copying_files();
        self.maintain(format!("CREATE DATABASE {name} {fast}"), "make a database").await
    }

    /// Makes an empty database of this name, in place of one with everything that migrations made
    /// beside it.
    ///
    /// # Errors
    /// The server is down.
    pub async fn begin_again(&self, database: &str) -> Result<(), ReplayError> {
        self.drop_database(database).await?;
        self.drop_all_but(&Globals::default()).await?;
        self.create_database(database).await
    }

    /// What there is beside the database of the pass: roles and databases that migrations made.
    ///
    /// # Errors
    /// The server is down.
    pub async fn globals(&self) -> Result<Globals, ReplayError> {
        let refused = ReplayError::server("read roles and databases");
        self.ask_for_globals().await.map_err(refused)
    }

    async fn ask_for_globals(&self) -> Result<Globals, sqlx::Error> {
        let mut connection = self.options("postgres").connect().await?;
        let drops: Vec<String> = sqlx::query_scalar(GLOBALS).fetch_all(&mut connection).await?;
        let _ = connection.close().await;
        Ok(Globals(drops))
    }

    /// Drops the roles and databases that were not there before. What others hold on to stays.
    ///
    /// # Errors
    /// The server is down.
    pub async fn drop_all_but(&self, before: &Globals) -> Result<(), ReplayError> {
        for drop in self.globals().await?.0 {
            if !before.0.contains(&drop) {
                // A role that still owns something elsewhere cannot go, and does no harm.
                let _ = self.maintain(drop, "drop what a trial made").await;
            }
        }
        Ok(())
    }

    /// Copies a database that nobody is connected to.
    ///
    /// # Errors
    /// Somebody is connected, or the server is down.
    pub async fn clone_database(&self, from: &str, to: &str) -> Result<(), ReplayError> {
        let fast = self.copying_files();
        let statement = format!("CREATE DATABASE {to} TEMPLATE {from} {fast}");
        self.maintain(statement, "clone a database").await
    }

    fn copying_files(&self) -> &'static str {
        copying_files(self.cluster.binaries().version().major)
    }

    /// Gives another name to a database that nobody is connected to.
    ///
    /// # Errors
    /// Somebody is connected, or the server is down.
    pub async fn rename_database(&self, from: &str, to: &str) -> Result<(), ReplayError> {
        self.maintain(format!("ALTER DATABASE {from} RENAME TO {to}"), "rename a database").await
    }

    /// Drops a database with everybody in it.
    ///
    /// # Errors
    /// The server is down.
    pub async fn drop_database(&self, name: &str) -> Result<(), ReplayError> {
        let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        self.maintain(statement, "drop a database").await
    }

    /// Cancels what a session does; the session lives on.
    ///
    /// # Errors
    /// The server is down.
    pub async fn cancel(&self, process: i32) -> Result<(), ReplayError> {
        self.maintain(format!("SELECT pg_cancel_backend({process})"), "cancel a statement").await
    }

    /// Ends a session, and waits until it is gone, 5 seconds at most.
    ///
    /// PostgreSQL can wait for that by itself, but looks every 100 ms only.
    ///
    /// # Errors
    /// The server is down.
    pub async fn end_session(&self, process: i32) -> Result<(), ReplayError> {
        self.end(process).await.map_err(ReplayError::server("end a session"))
    }

    async fn end(&self, process: i32) -> Result<(), sqlx::Error> {
        let mut connection = self.options("postgres").connect().await?;
        let begun = Instant::now();
        while sqlx::query_scalar("SELECT pg_terminate_backend($1)")
            .bind(process)
            .fetch_one(&mut connection)
            .await?
            && begun.elapsed() < ENDING
        {
            tokio::time::sleep(PAUSE).await;
        }
        let _ = connection.close().await;
        Ok(())
    }

    async fn maintain(&self, statement: String, action: &'static str) -> Result<(), ReplayError> {
        let refused = ReplayError::server(action);
        let mut connection = match self.options("postgres").connect().await {
            Ok(connection) => connection,
            Err(error) => return Err(refused(error)),
        };
        let outcome = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await;
        let _ = connection.close().await;
        outcome.map(drop).map_err(refused)
    }
}
