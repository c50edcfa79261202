//! The event history in a browser, as the server gives it out: for users only, found by filter and
//! by search, and with nothing in it that an agent could make a browser do.

use libtest_mimic::Failed;
use reqwest::{Method, redirect};
use serde_json::json;
use uuid::Uuid;

use crate::both_ways::both_ways;
use crate::calls::value;
use crate::server_calls::Server;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(1)>";

/// Events are shown to users, and their text stays text.
pub const HISTORY_IS_SHOWN: Scenario = Scenario {
    name: "the_event_history_is_shown_and_injects_nothing",
    show: |backend| both_ways(backend, "EV-UI", "status of the page", judge),
};

fn judge(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent(HOSTILE).await?;
        let id = Uuid::now_v7();
        let event = json!({
            "id": id, "lane": "normal", "seq": 1, "event_type": "agent_scan",
            "event_subtype": "info", "severity": "info", "component": "agent",
            "message": format!("platypus {HOSTILE}"), "metadata": {HOSTILE: HOSTILE},
            "created_at": "2026-01-02T03:04:05Z",
        });
        let batch = json!({"events": [event]}).to_string();
        let sent = server.send(&agent.id, Some(&agent.token), batch).await?;
        expect::equal("the event", &sent.body["results"][0]["status"], &json!("stored"))?;

        let http =
            reqwest::Client::builder().redirect(redirect::Policy::none()).no_proxy().build()?;
        let root = crate::calls::part(environment, "server")?.url().to_owned();
        let stranger = http.get(format!("{root}/events")).send().await?;
        expect::equal("status of the page to a stranger", &stranger.status().as_u16(), &303)?;
        let password = value(environment, "secret.admin_password")?;
        let form = format!("username=admin&password={password}");
        let login = http.request(Method::POST, format!("{root}/login")).body(form);
        let login = login.header("content-type", "application/x-www-form-urlencoded");
        let login = login.send().await?;
        let cookie = login.headers().get("set-cookie").and_then(|value| value.to_str().ok());
        let cookie = cookie.ok_or("a login without a cookie")?.to_owned();
        for attribute in ["HttpOnly", "SameSite=Strict"] {
            expect::contains("the cookie", &cookie, attribute)?;
        }
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let page = async |path: &str| {
            let answer = http.get(format!("{root}{path}")).header("cookie", &cookie).send().await?;
            expect::equal(&format!("status of the page {path}"), &answer.status().as_u16(), &200)?;
            let policy = answer.headers().get("content-security-policy").is_some();
            expect::equal(&format!("a policy on {path}"), &policy, &true)?;
            let text = answer.text().await?;
            let injected = text.contains("<script>") || text.contains("<img");
            expect::equal(&format!("text of an agent is markup on {path}"), &injected, &false)?;
            Ok::<String, Failed>(text)
        };
        let shown = format!("/events/{id}");
        for path in ["/events", "/events?q=platypus", "/events?severity=info&event_type=agent_scan"]
        {
            expect::contains(path, &page(path).await?, &shown)?;
        }
        expect::contains(
            "the agent's page",
            &page(&format!("/agents/{}", agent.id)).await?,
            &shown,
        )?;
        expect::contains("the fleet", &page("/").await?, &agent.id)?;
        expect::contains("the event's page", &page(&shown).await?, "platypus")?;
        for path in ["/events?q=wombat", "/events?severity=critical"] {
            let found = page(path).await?.contains(&shown);
            expect::equal(&format!("the event is on {path}"), &found, &false)?;
        }
        Ok(())
    })
}
