//! The server's operational log: no secret is in it, and callers decide neither what its lines
//! look like nor how long they are.

use libtest_mimic::Failed;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::both_ways::both_ways;
use crate::calls::{call, value};
use crate::server_calls::Server;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// The longest line that is expected of the server, in bytes.
const LINE_MAX: usize = 8 * 1024;

/// The secret that tokens are signed with is never written.
pub const NO_SECRET_OF_THE_TOKENS: Scenario = Scenario {
    name: "the_secret_of_the_tokens_is_not_logged",
    show: |backend| both_ways(backend, "PS-LOGSECRET", "holds the secret", judge_token_secret),
};

/// Neither tokens nor what commands carry are written.
pub const NO_SECRET_OF_CALLERS: Scenario = Scenario {
    name: "tokens_and_parameters_are_not_logged",
    show: |backend| both_ways(backend, "A1-SECRET", "in the log", judge_secrets),
};

/// Text of callers neither steers a terminal nor makes a line of its own.
pub const NO_LINE_OF_CALLERS: Scenario = Scenario {
    name: "callers_write_no_line_of_the_log",
    show: |backend| both_ways(backend, "A1-ANSI", "in the log", judge_lines),
};

/// Neither an event nor a line of the log is larger than it may be.
pub const NO_SIZE_OF_CALLERS: Scenario = Scenario {
    name: "events_and_lines_of_the_log_are_bounded",
    show: |backend| both_ways(backend, "A1-SIZE", "too large", judge_sizes),
};

/// Refused calls cannot make the server fill its disk.
pub const NO_FLOOD_OF_REFUSALS: Scenario = Scenario {
    name: "refused_calls_do_not_fill_the_log",
    show: |backend| both_ways(backend, "V2", "of log for", judge_flood),
};

fn judge_flood(reference: ReferenceSystem) -> Result<(), Failed> {
    const REFUSALS: usize = 400;
    let reference = reference.without_agents();
    reference.observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let before = reference.log_of("server")?.len();
        let path = format!("/agents/{}/events", agent.id);
        for _ in 0..REFUSALS {
            // A valid token on another machine.
            let request = server.open_request(Method::POST, &path).bearer_auth(&agent.token);
            let request = request.header(crate::server_calls::MACHINE, "another machine");
            call(request.body("x".repeat(1000))).await?.refuses("a call of a thief", 403)?;
        }
        let written = reference.log_of("server")?.len() - before;
        match written > 100 * REFUSALS {
            false => Ok(()),
            true => Err(format!("{written} bytes of log for {REFUSALS} refused calls").into()),
        }
    })
}

fn judge_token_secret(reference: ReferenceSystem) -> Result<(), Failed> {
    let reference = reference.without_agents();
    reference.observe(async |environment| {
        let server = Server::of(environment)?;
        let request = server.open_request(Method::GET, "/agents").bearer_auth("e30.e30.e30");
        call(request).await?.refuses("an invalid token", 401)?;
        let log = reference.log_of("server")?;
        let found = log.contains(&value(environment, "secret.jwt")?);
        expect::equal("the log holds the secret of the tokens", &found, &false)
    })
}

fn judge_secrets(reference: ReferenceSystem) -> Result<(), Failed> {
    let reference = reference.without_agents();
    reference.observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        server.check_in(&agent.id, &agent.token).await?.with_status("a check-in", 200)?;
        let secret = format!("secret-{}", Uuid::new_v4());
        let command = json!({"params": {"repository_password": secret}});
        server.post(&format!("/agents/{}/scan", agent.id), &command).await?;
        let admin_token = value(environment, "admin_token")?;
        let password = value(environment, "secret.admin_password")?;
        let secrets = [
            ("an agent's token", agent.token.as_str()),
            ("a refresh token", &agent.refresh_token),
            ("a user's token", &admin_token),
            ("a password", &password),
            ("the parameter of a command", &secret),
        ];
        let log = reference.log_of("server")?;
        let found: Vec<_> = secrets.iter().filter(|(_, text)| log.contains(text)).collect();
        let found: Vec<_> = found.iter().map(|(what, _)| *what).collect();
        expect::equal("secrets in the log", &found, &Vec::<&str>::new())
    })
}

fn judge_lines(reference: ReferenceSystem) -> Result<(), Failed> {
    let reference = reference.without_agents();
    reference.observe(async |environment| {
        let server = Server::of(environment)?;
        let forged = format!("forged-{}", Uuid::new_v4());
        let hostname =
            format!("host\x1b[2J\r\n2026-01-01T00:00:00Z ERROR {forged}\u{9b}31m\u{202e}");
        let body = json!({
            "hostname": hostname, "os_type": "linux", "agent_version": "1", "machine_id": "machine",
            "registration_token": server.registration_token()?,
        });
        let request = server.open_request(Method::POST, "/agents/register").json(&body);
        call(request).await?.with_status("the registration", 200)?;
        let log = reference.log_of("server")?;
        expect::contains("the log of a registration", &log, &forged)?;
        let steering = log.chars().filter(|&c| c != '\n' && (c.is_control() || c == '\u{202e}'));
        let steering: Vec<char> = steering.collect();
        expect::equal("control characters in the log", &steering, &Vec::<char>::new())?;
        let lines = log.lines().filter(|line| line.starts_with("2026-01-01T00:00:00Z ERROR"));
        expect::equal("forged lines in the log", &lines.count(), &0)
    })
}

fn judge_sizes(reference: ReferenceSystem) -> Result<(), Failed> {
    let reference = reference.without_agents();
    reference.observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("machine").await?;
        let event = |message: usize, metadata: usize| {
            json!({
                "id": Uuid::now_v7(), "lane": "normal", "seq": 1, "event_type": "agent_scan",
                "event_subtype": "info", "severity": "info", "component": "agent",
                "message": "x".repeat(message), "metadata": {"text": "y".repeat(metadata)},
                "created_at": "2026-01-02T03:04:05Z",
            })
        };
        for (message, metadata) in [(100_000, 1), (1, 100_000)] {
            let batch = json!({"events": [event(message, metadata)]}).to_string();
            let answer = server.send(&agent.id, Some(&agent.token), batch).await?;
            let body = answer.with_status("a batch", 200)?;
            let status = &body["results"][0]["status"];
            expect::equal("an event that is too large", status, &json!("rejected"))?;
        }
        let batch = json!({"events": [event(5_000_000, 1)]}).to_string();
        let answer = server.send(&agent.id, Some(&agent.token), batch).await?;
        answer.refuses("a batch that is too large", 413)?;
        let log = reference.log_of("server")?;
        let longest = log.lines().map(str::len).max().unwrap_or_default();
        expect::equal("a line that is too large", &(longest > LINE_MAX), &false)
    })
}
