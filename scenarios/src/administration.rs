//! What an administrator does with registration tokens and rate limits while the server runs.

use libtest_mimic::Failed;
use reqwest::Method;
use serde_json::{Value, json};

use crate::calls::{call, text_at};
use crate::server_calls::Server;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// Tokens expire and are revoked, limits are changed and set back, by administrators alone.
pub const TOKENS_AND_LIMITS_ARE_ADMINISTERED: Scenario = Scenario {
    name: "tokens_and_limits_are_administered",
    show: |backend| judge(ReferenceSystem::new(backend)?),
};

/// What only administrators may do here.
const CALLS: [(&str, &str); 6] = [
    ("POST", "/admin/registration-tokens/cleanup"),
    ("DELETE", "/admin/registration-tokens/00000000-0000-0000-0000-000000000000"),
    ("GET", "/admin/rate-limits"),
    ("PUT", "/admin/rate-limits"),
    ("POST", "/admin/rate-limits/reset"),
    ("GET", "/admin/rate-limits/stats"),
];

fn judge(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let operator = server.new_user("an operator", "operator").await?;
        for (method, path) in CALLS {
            let request = server.open_request(Method::from_bytes(method.as_bytes())?, path);
            let answer = call(request.bearer_auth(&operator).json(&json!({"limits": {}}))).await?;
            answer.refuses(&format!("{method} {path} by an operator"), 403)?;
        }
        tokens(&server).await?;
        limits(&server).await
    })
}

async fn tokens(server: &Server<'_>) -> Result<(), Failed> {
    let path = "/admin/registration-tokens";
    let brief = server.post(path, &json!({"expires_in": 1})).await?;
    let revoked = server.post(path, &json!({"max_uses": 2})).await?;
    let revoke = async || {
        let path = format!("{path}/{}", text_at(&revoked, "/id")?);
        call(server.administrate(Method::DELETE, &path)?).await
    };
    revoke().await?.with_status("a revocation", 204)?;
    revoke().await?.refuses("another revocation", 404)?;
    let refused = server.register(&text_at(&revoked, "/token")?, "machine", "proof").await?;
    refused.refuses("a registration with a revoked token", 401)?;
    expect::soon("a token is found to have expired", async || {
        let cleaned = server.post(&format!("{path}/cleanup"), &json!({})).await?;
        Ok((cleaned["expired"] == 1).then_some(()))
    })
    .await?;
    let listed = server.ask(path).await?;
    for (made, status) in [(&brief, "expired"), (&revoked, "revoked")] {
        let tokens = listed["tokens"].as_array().into_iter().flatten();
        let found = tokens.filter(|token| token["id"] == made["id"]).map(|token| &token["status"]);
        expect::equal("status of a token", &found.collect::<Vec<&Value>>(), &vec![status])?;
    }
    Ok(())
}

async fn limits(server: &Server<'_>) -> Result<(), Failed> {
    let path = "/admin/rate-limits";
    let agent = server.new_agent("machine").await?;
    let tell = async || server.tell(&agent, "/rapid-mode", &json!({"enabled": false})).await;
    let set = async |limits: Value| {
        let request = server.administrate(Method::PUT, path)?;
        call(request.json(&json!({"limits": limits}))).await
    };
    let before = server.ask(path).await?;
    set(json!({"coffee": {"calls": 1, "seconds": 1}})).await?.refuses("an unknown class", 400)?;
    set(json!({"reports": {"calls": 0, "seconds": 1}})).await?.refuses("a limit of none", 400)?;
    expect::equal("limits after refusals", &server.ask(path).await?, &before)?;

    let one = json!({"calls": 1, "seconds": 3600});
    let changed = set(json!({"reports": one})).await?.with_status("another limit", 200)?;
    expect::equal("the changed limit", &changed["limits"]["reports"], &one)?;
    expect::equal("another class", &changed["limits"]["events"], &before["limits"]["events"])?;
    tell().await?.with_status("a report", 200)?;
    tell().await?.refuses("a report too many", 429)?;
    let stats = server.ask(&format!("{path}/stats")).await?;
    let expected = json!({"callers": 1, "admitted": 1, "refused": 1});
    expect::equal("what callers made of it", &stats["classes"]["reports"], &expected)?;
    let reset = server.post(&format!("{path}/reset"), &json!({})).await?;
    expect::equal("limits set back", &reset, &before)?;
    tell().await?.with_status("a report after that", 200).map(drop)
}
