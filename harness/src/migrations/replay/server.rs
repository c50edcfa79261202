//! The PostgreSQL of one pass: a cluster of its own, because migrations make roles and change
//! settings that belong to no database.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use super::ReplayError;
use crate::environment::postgres::{ClusterOptions, PrivateCluster};

/// Speed for durability that nobody needs here, a fixed time zone, and room for the locks of a
/// whole lineage. Everything else stays as it comes: migrations see a plain server.
const SETTINGS: [(&str, &str); 11] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
    ("wal_level", "logical"),
    ("max_wal_size", "4GB"),
    ("autovacuum", "off"),
    ("max_locks_per_transaction", "4096"),
    ("max_connections", "20"),
    ("TimeZone", "UTC"),
    ("log_min_messages", "fatal"),
    ("client_min_messages", "error"),
];

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
        let logs = tempfile::tempdir().map_err(ReplayError::Folder)?;
        let mut options = ClusterOptions::new(logs.path().join("postgres.log"));
        options.settings =
            SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let cluster = PrivateCluster::start(options).await?;
        let server = Self { cluster, _logs: logs };
        server.maintain(format!("CREATE DATABASE {database}"), "make a database").await?;
        Ok(server)
    }

    /// How to connect to one of its databases.
    pub fn options(&self, database: &str) -> PgConnectOptions {
        self.cluster.superuser_options(database)
    }

    /// The cluster itself.
    pub fn cluster(&self) -> &PrivateCluster {
        &self.cluster
    }

    /// Copies a database that nobody is connected to.
    ///
    /// # Errors
    /// Somebody is connected, or the server is down.
    pub async fn clone_database(&self, from: &str, to: &str) -> Result<(), ReplayError> {
        let statement = format!("CREATE DATABASE {to} TEMPLATE {from}");
        self.maintain(statement, "clone a database").await
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

    /// Ends a session.
    ///
    /// # Errors
    /// The server is down.
    pub async fn end_session(&self, process: i32) -> Result<(), ReplayError> {
        self.maintain(format!("SELECT pg_terminate_backend({process}, 5000)"), "end a session")
            .await
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
