//! What PostgreSQL really did for a call: every statement with its plan as executed, from
//! PostgreSQL's own log. Counts, never times.

use std::collections::BTreeSet;

use harness::bench::query_effort::EXPLAIN_SETTINGS;
pub use harness::bench::query_effort::Effort;
use harness::environment::{Environment, Part};
use libtest_mimic::Failed;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, raw_sql};

use crate::calls::part;
use crate::database::superuser;
use crate::expect;
use crate::system_run::ReferenceSystem;

/// Looks at what the server has PostgreSQL do.
#[derive(Debug)]
pub struct QueryProbe<'a> {
    reference: &'a ReferenceSystem,
    environment: &'a Environment,
}

impl<'a> QueryProbe<'a> {
    /// Starts the server anew, with sessions that log their plans.
    ///
    /// # Errors
    /// When PostgreSQL refuses, or the server does not come back.
    pub async fn attach(
        reference: &'a ReferenceSystem,
        environment: &'a Environment,
    ) -> Result<Self, Failed> {
        let probe = Self { reference, environment };
        let database = reference.system.database.as_ref().ok_or("the system has no database")?;
        let role = &database.role;
        let mut connection = probe.connect().await?;
        for (name, value) in EXPLAIN_SETTINGS {
            let statement = format!("ALTER ROLE {role} SET {name} = '{value}'");
            raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        }
        let server: &Part = part(environment, "server")?;
        server.terminate().await;
        server.start().await?;
        server.wait_ready(expect::BOUND).await?;
        Ok(probe)
    }

    /// A session of the superuser, to plant rows with.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn connect(&self) -> Result<PgConnection, Failed> {
        Ok(superuser(self.environment)?.connect().await?)
    }

    /// What PostgreSQL did for the server while `call` ran.
    ///
    /// # Errors
    /// When the call fails, or the log cannot be read.
    pub async fn effort(
        &self,
        call: impl AsyncFnOnce() -> Result<(), Failed>,
    ) -> Result<Effort, Failed> {
        let before = self.log()?.len();
        call().await?;
        let log = self.log()?;
        let added = log.get(before..).ok_or("PostgreSQL's log became shorter")?;
        // The harness asks for the server's health all the time.
        Ok(Effort::of(added, &BTreeSet::from(["SELECT 1".to_owned()]))?)
    }

    fn log(&self) -> Result<String, Failed> {
        self.reference.log_of("postgresql").or_else(|_| self.reference.log_of("database"))
    }
}
