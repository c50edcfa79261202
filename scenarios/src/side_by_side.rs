//! Calls side by side: a scenario holds the rows that they need, lets go when all of them wait, and
//! looks at what became of each. So what is shown does not depend on who is faster.

use harness::environment::Environment;
use libtest_mimic::Failed;
use reqwest::Method;
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Postgres, Transaction};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::both_ways::both_ways;
use crate::calls::{call, part, text_at};
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

/// Clicks in quick succession make one command.
pub const CLICKS_MAKE_ONE_COMMAND: Scenario = Scenario {
    name: "quick_clicks_make_one_command",
    show: |backend| both_ways(backend, "A2-PKEY", "status of a click", judge_clicks),
};

/// A server that is asked to end answers what it has begun.
pub const REQUESTS_ARE_DRAINED: Scenario = Scenario {
    name: "requests_in_flight_are_answered_before_the_end",
    show: |backend| both_ways(backend, "PS-DRAIN", "the request in flight was cut", judge_end),
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

fn judge_clicks(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let click = async || {
            let request =
                server.administrate(Method::POST, &format!("/agents/{}/scan", agent.id))?;
            let answer = call(request.json(&json!({}))).await?.with_status("a click", 200)?;
            text_at(&answer, "/command_id")
        };
        let (one, two, three) = tokio::join!(click(), click(), click());
        let (one, two, three) = (one?, two?, three?);
        expect::equal("the commands of three clicks", &[&two, &three], &[&one, &one])?;
        let answer = server.check_in(&agent.id, &agent.token).await?;
        let commands = answer.with_status("a check-in", 200)?;
        let handed_out = commands["commands"].as_array().map(Vec::len);
        expect::equal("commands handed out", &handed_out, &Some(1))?;
        expect::equal("a later click makes the same command", &(click().await? == one), &false)
    })
}

fn judge_end(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let part = part(environment, "server")?;
        let address = part.url().trim_start_matches("http://");
        let mut rows = HeldRows::of(environment).await?;
        let (held, looker) = rows.hold("SELECT FROM agents FOR UPDATE").await?;
        let end = async {
            expect::eventually("the request waits", async || {
                Ok((waiting(looker).await? >= 1).then_some(()))
            })
            .await?;
            let release = async {
                expect::eventually("the server takes no more connections", async || {
                    Ok(TcpStream::connect(address).await.is_err().then_some(()))
                })
                .await?;
                Ok::<_, Failed>(held.rollback().await?)
            };
            tokio::join!(part.terminate(), release).1
        };
        let (answer, ended) = tokio::join!(server.check_in(&agent.id, &agent.token), end);
        ended?;
        let answer = answer.map_err(|_| "the request in flight was cut")?;
        answer.with_status("the request in flight", 200).map(drop)
    })
}
