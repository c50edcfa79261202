//! Tokens: a refresh token is good once, a theft costs the family, and a machine belongs to the
//! agent that knows its proof.

use harness::environment::BackendKind;
use libtest_mimic::Failed;
use uuid::Uuid;

use crate::both_ways::both_ways;
use crate::calls::text_at;
use crate::database::connect;
use crate::server_calls::{Agent, Server};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// A refresh token that is shown again by somebody else revokes its whole family.
pub const REFRESH_TOKENS_ARE_GOOD_ONCE: Scenario =
    Scenario { name: "a_spent_refresh_token_revokes_its_family", show: show_renewal };

/// Nobody registers without a token, or in the place of another agent.
pub const MACHINES_BELONG_TO_THEIR_AGENTS: Scenario =
    Scenario { name: "a_machine_is_registered_by_its_own_agent_only", show: show_registration };

/// Refresh tokens that nobody can use any more are removed.
pub const DEAD_TOKENS_ARE_REMOVED: Scenario = Scenario {
    name: "dead_refresh_tokens_are_removed",
    show: |backend| both_ways(backend, "F-B1-10", "dead refresh tokens", judge_dead_tokens),
};

fn judge_dead_tokens(mut reference: ReferenceSystem) -> Result<(), Failed> {
    for server in reference.system.parts.iter_mut().filter(|part| part.name == "server") {
        server.environment.insert("REDFLAG_HOUSEKEEPING_MS".to_owned(), "200".to_owned());
    }
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let mut shown = agent.refresh_token;
        let mut renew = async || {
            let renewed = server.renew(&agent.id, &shown, Uuid::new_v4()).await?;
            shown = text_at(&renewed.with_status("a renewal", 200)?, "/refresh_token")?;
            Ok::<_, Failed>(())
        };
        for _ in 0..4 {
            renew().await?;
        }
        let mut database = connect(environment).await?;
        let expire = "UPDATE refresh_tokens SET expires_at = now() WHERE spent_at IS NOT NULL";
        let expired = sqlx::query(expire).execute(&mut database).await?.rows_affected();
        expect::equal("spent refresh tokens", &expired, &4)?;
        expect::soon("the dead refresh tokens are removed", async || {
            let count = "SELECT count(*) FROM refresh_tokens WHERE expires_at <= now()";
            let dead: i64 = sqlx::query_scalar(count).fetch_one(&mut database).await?;
            Ok((dead == 0).then_some(()))
        })
        .await?;
        renew().await
    })
}

fn show_renewal(backend: BackendKind) -> Result<(), Failed> {
    ReferenceSystem::new(backend)?.observe(async |environment| {
        let server = Server::of(environment)?;
        let token = server.registration_token()?;
        let agent = Agent::registered(server.register(&token, "machine", "proof").await?)?;
        let (first, mine) = (&agent.refresh_token, Uuid::new_v4());

        let renewed = server.renew(&agent.id, first, mine).await?.with_status("a renewal", 200)?;
        let second = text_at(&renewed, "/refresh_token")?;
        expect::equal("the successor is the spent one", &(second == *first), &false)?;
        let checked_in = server.check_in(&agent.id, &text_at(&renewed, "/token")?).await?;
        checked_in.with_status("a check-in with the renewed token", 200)?;

        // The answer may have been lost: the same renewal may be asked for again.
        let repeated = server.renew(&agent.id, first, mine).await?;
        let repeated = repeated.with_status("the same renewal again", 200)?;
        expect::equal("the same successor", &text_at(&repeated, "/refresh_token")?, &second)?;

        let stolen = server.renew(&agent.id, first, Uuid::new_v4()).await?;
        stolen.refuses("a renewal with a spent token", 401)?;
        let revoked = server.renew(&agent.id, &second, Uuid::new_v4()).await?;
        revoked.refuses("a renewal in a revoked family", 401)?;

        let again = Agent::registered(server.register(&token, "machine", "proof").await?)?;
        expect::equal("the agent's id with its proof", &again.id, &agent.id)?;
        let renewed = server.renew(&again.id, &again.refresh_token, Uuid::new_v4()).await?;
        renewed.with_status("a renewal in the new family", 200).map(drop)
    })
}

fn show_registration(backend: BackendKind) -> Result<(), Failed> {
    ReferenceSystem::new(backend)?.observe(async |environment| {
        let server = Server::of(environment)?;
        let token = server.registration_token()?;
        let unknown = server.register("unknown", "machine", "proof").await?;
        unknown.refuses("a registration with an unknown token", 401)?;
        let none = server.register("", "machine", "proof").await?;
        none.refuses("a registration without a token", 401)?;

        let agent = Agent::registered(server.register(&token, "machine", "proof").await?)?;
        let other = server.register(&token, "machine", "another proof").await?;
        other.refuses("a registration of another's machine", 409)?;
        let neighbour = Agent::registered(server.register(&token, "next", "proof").await?)?;
        let borrowed = server.renew(&neighbour.id, &agent.refresh_token, Uuid::new_v4()).await?;
        borrowed.refuses("a renewal with another agent's token", 401)?;
        let own = server.renew(&agent.id, &agent.refresh_token, Uuid::new_v4()).await?;
        own.with_status("a renewal with one's own token", 200).map(drop)
    })
}
