//! Calls side by side: a scenario holds the rows that they need, lets go when all of them wait, and
//! looks at what became of each. So what is shown does not depend on who is faster.

use harness::environment::Environment;
use libtest_mimic::Failed;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Postgres, Transaction};
use uuid::Uuid;

use crate::both_ways::both_ways;
use crate::database::connect;
use crate::server_calls::Server;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// Of two renewals with one token at the same time, one succeeds.
pub const A_TOKEN_IS_RENEWED_ONCE: Scenario = Scenario {
    name: "two_renewals_of_one_token_do_not_both_succeed",
    show: |backend| {
        both_ways(backend, "DB-RENEW", "renewals that succeed with one token: 2", judge_renewals)
    },
};

/// Rows that nobody else can change.
pub struct HeldRows {
    holder: PgConnection,
    looker: PgConnection,
}

impl HeldRows {
    /// Prepares to hold rows of the system's database.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn of(environment: &Environment) -> Result<Self, Failed> {
        Ok(Self { holder: connect(environment).await?, looker: connect(environment).await? })
    }

    /// Holds the rows of a query until the transaction ends; the connection beside it sees who
    /// waits.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn hold(
        &mut self,
        query: &'static str,
    ) -> Result<(Transaction<'_, Postgres>, &mut PgConnection), Failed> {
        let mut held = self.holder.begin().await?;
        sqlx::query(query).execute(&mut *held).await?;
        Ok((held, &mut self.looker))
    }
}

/// How many sessions wait for a lock.
///
/// # Errors
/// When the database does not tell.
pub async fn waiting(looker: &mut PgConnection) -> Result<i64, Failed> {
    let query = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    Ok(sqlx::query_scalar(query).fetch_one(looker).await?)
}

fn judge_renewals(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let mut rows = HeldRows::of(environment).await?;
        let (held, looker) = rows.hold("SELECT FROM refresh_tokens FOR UPDATE").await?;
        let renew = || server.renew(&agent.id, &agent.refresh_token, Uuid::new_v4());
        let release = async {
            expect::eventually("both renewals wait", async || {
                Ok((waiting(looker).await? >= 2).then_some(()))
            })
            .await?;
            Ok::<_, Failed>(held.rollback().await?)
        };
        let (one, two, released) = tokio::join!(renew(), renew(), release);
        released?;
        let statuses = [one?.status, two?.status];
        let succeeded = statuses.iter().filter(|status| **status == 200).count();
        expect::equal("renewals that succeed with one token", &succeeded, &1)
    })
}
