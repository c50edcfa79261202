//! One case's database, as the superuser sees it, past the tap.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row as _, raw_sql};

use super::CertifyError;
use super::file::Tracking;
use crate::environment::postgres::quote_identifier;

/// PostgreSQL's codes for a table and a schema that are not there.
const ABSENT: [&str; 2] = ["42P01", "3F000"];

/// A database that the harness has made.
#[derive(Clone, Debug)]
pub struct Database {
    /// Its name.
    pub name: String,
    superuser: PgConnectOptions,
}

impl Database {
    /// The database of that name; `superuser` leads to any database of its cluster.
    pub fn new(name: String, superuser: PgConnectOptions) -> Self {
        Self { superuser: superuser.database(&name), name }
    }

    /// A connection of the superuser.
    ///
    /// # Errors
    /// When PostgreSQL refuses, or is down.
    pub async fn connect(&self) -> Result<PgConnection, CertifyError> {
        let connected = self.superuser.connect().await;
        connected.map_err(CertifyError::database(format!("connect to {}", self.name)))
    }

    /// Runs SQL as the superuser.
    ///
    /// # Errors
    /// When PostgreSQL refuses.
    pub async fn execute(&self, action: &str, sql: &str) -> Result<(), CertifyError> {
        let mut connection = self.connect().await?;
        let executed = raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
        executed.map_err(CertifyError::database(action))?;
        let _ = connection.close().await;
        Ok(())
    }

    /// Ends what is connected to it, so that copies can be made of it.
    ///
    /// # Errors
    /// When PostgreSQL refuses, or a session does not end.
    pub async fn freeze(&self) -> Result<(), CertifyError> {
        let name = quote_identifier(&self.name);
        let action = format!("end the sessions of {}", self.name);
        let mut connection = self.sibling("postgres").connect().await?;
        let refuse = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
        raw_sql(AssertSqlSafe(refuse))
            .execute(&mut connection)
            .await
            .map_err(CertifyError::database(&action))?;
        // Waits up to 10 s for each.
        sqlx::query(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1",
        )
        .bind(&self.name)
        .execute(&mut connection)
        .await
        .map_err(CertifyError::database(&action))?;
        Ok(())
    }

    /// Another database of the same cluster.
    pub fn sibling(&self, name: &str) -> Self {
        Self::new(name.to_owned(), self.superuser.clone())
    }
}

/// What a server has recorded as applied in a database; nothing as long as there is no such table.
///
/// # Errors
/// When PostgreSQL refuses the query.
pub async fn recorded(
    connection: &mut PgConnection,
    tracking: &Tracking,
) -> Result<Vec<String>, CertifyError> {
    let rows = sqlx::query(AssertSqlSafe(tracking.query.as_str()))
        .fetch_all(connection)
        .await
        .and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
    match rows {
        Err(sqlx::Error::Database(refusal)) if is_absent(&*refusal) => Ok(Vec::new()),
        rows => rows.map_err(CertifyError::database("run the query in tracking.query")),
    }
}

fn is_absent(refusal: &dyn sqlx::error::DatabaseError) -> bool {
    refusal.code().is_some_and(|code| ABSENT.contains(&code.as_ref()))
}
