//! Who is let in: each token in its own place, on its own machine, while its agent exists; and the
//! audit log only for who may read it.

use harness::environment::Environment;
use libtest_mimic::Failed;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::both_ways::both_ways;
use crate::calls::{call, value};
use crate::server_calls::{MACHINE, Server};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// An agent's token opens no list of users, a user's no call of agents.
pub const TOKENS_WORK_IN_THEIR_OWN_PLACE: Scenario = Scenario {
    name: "tokens_of_agents_and_users_work_in_their_own_place",
    show: |backend| both_ways(backend, "PS-ROLE", "an agent's token", judge_places),
};

/// A deleted agent's token is refused.
pub const DELETED_AGENTS_ARE_GONE: Scenario = Scenario {
    name: "the_token_of_a_deleted_agent_is_refused",
    show: |backend| both_ways(backend, "PS-DELETED", "a deleted agent's token", judge_deletion),
};

/// A token that was carried to another machine is refused there.
pub const TOKENS_WORK_ON_THEIR_OWN_MACHINE: Scenario = Scenario {
    name: "a_token_works_on_its_own_machine_only",
    show: |backend| both_ways(backend, "V1-FORGE", "another machine", judge_machines),
};

/// Who did what is read by auditors and administrators only.
pub const AUDIT_LOG_IS_FOR_AUDITORS: Scenario = Scenario {
    name: "the_audit_log_is_read_with_its_own_permission_only",
    show: |backend| both_ways(backend, "A1-ACCESS", "the audit log by a viewer", judge_audit),
};

/// Deleting an agent erases nothing that it reported.
pub const HISTORY_OUTLIVES_ITS_AGENT: Scenario = Scenario {
    name: "the_history_of_a_deleted_agent_stays",
    show: |backend| both_ways(backend, "EV-CASCADE", "events of a deleted agent", judge_history),
};

/// A login while the database is away is told to come back, not that its password is wrong.
pub const OUTAGES_ARE_NO_WRONG_PASSWORDS: Scenario = Scenario {
    name: "an_outage_is_not_taken_for_a_wrong_password",
    show: |backend| both_ways(backend, "PS-LOGIN", "while the database is away", judge_outage),
};

fn judge_outage(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        server.new_user("somebody", "viewer").await?;
        environment.proxy().enable("server-to-database", false).await?;
        let login = json!({"username": "somebody", "password": "a password of the test"});
        let request = server.open_request(Method::POST, "/auth/login").json(&login);
        let answer = call(request).await?;
        answer.refuses("a login while the database is away", 503).map(drop)
    })
}

fn judge_places(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let lists =
            ["/agents", "/events", "/admin/registration-tokens", "/audit", "/stats/summary"];
        for path in lists {
            let request = server.open_request(Method::GET, path).bearer_auth(&agent.token);
            let what = format!("{path} with an agent's token");
            call(request).await?.refuses(&what, 401)?;
        }
        let user = value(environment, "admin_token")?;
        server.check_in(&agent.id, &user).await?.refuses("a check-in with a user's token", 401)?;
        server.check_in(&agent.id, &agent.token).await?.with_status("a check-in", 200).map(drop)
    })
}

fn judge_deletion(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        server.check_in(&agent.id, &agent.token).await?.with_status("a check-in", 200)?;
        let deleting = server.request(Method::DELETE, &agent.id, "", &agent.token);
        call(deleting).await?.with_status("the deletion", 204)?;
        let answer = server.check_in(&agent.id, &agent.token).await?;
        answer.refuses("a check-in with a deleted agent's token", 401).map(drop)
    })
}

fn judge_machines(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("its own machine").await?;
        server.check_in(&agent.id, &agent.token).await?.with_status("a check-in", 200)?;
        for (path, method) in [("commands", Method::GET), ("events", Method::POST)] {
            let path = format!("/agents/{}/{path}", agent.id);
            let request = server.open_request(method, &path).bearer_auth(&agent.token);
            let request = request.json(&json!({"events": []}));
            let nowhere = request.try_clone().ok_or("a request that cannot be cloned")?;
            let elsewhere = call(request.header(MACHINE, "another machine")).await?;
            elsewhere.refuses(&format!("{path} from another machine"), 403)?;
            call(nowhere).await?.refuses(&format!("{path} from no machine"), 403)?;
        }
        Ok(())
    })
}

fn judge_audit(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let ask = async |who: &str, status: u16| {
            let token = server.new_user(who, who).await?;
            let request = server.open_request(Method::GET, "/audit").bearer_auth(token);
            call(request).await?.with_status(&format!("the audit log by a {who}"), status)
        };
        let entries = ask("auditor", 200).await?;
        let made_users = |entry: &&Value| entry["action"] == "user.make";
        let made = entries["entries"].as_array().into_iter().flatten().filter(made_users).count();
        expect::equal("users made, in the audit log", &made, &1)?;
        ask("viewer", 403).await?;
        ask("operator", 403).await.map(drop)
    })
}

fn judge_history(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment: &Environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let id = Uuid::now_v7();
        let event = json!({
            "id": id, "lane": "normal", "seq": 1, "event_type": "agent_scan",
            "event_subtype": "info", "severity": "info", "component": "agent",
            "message": "scan finished", "metadata": {},
            "created_at": "2026-01-02T03:04:05Z",
        });
        let batch = json!({"events": [event]}).to_string();
        let sent = server.send(&agent.id, Some(&agent.token), batch).await?;
        expect::equal("the event", &sent.body["results"][0]["status"], &json!("stored"))?;
        let deleting = server.request(Method::DELETE, &agent.id, "", &agent.token);
        call(deleting).await?.with_status("the deletion", 204)?;
        let left = server.events_of(&agent.id).await?;
        let left: Vec<&Value> = left.iter().map(|event| &event["id"]).collect();
        expect::equal("events of a deleted agent", &left, &vec![&json!(id)])
    })
}
