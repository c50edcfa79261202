//! Bad input of every kind to every call: the answer is a 4xx with a reason, never a 5xx, and no
//! line of the log looks as the sender wanted. Random by a seed, which is printed.

use std::fmt::Write;

use harness::seed::Seed;
use libtest_mimic::Failed;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder};
use uuid::Uuid;

use crate::calls::{call, value};
use crate::server_calls::{Agent, MACHINE, Server};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// Every call refuses every kind of bad input with a reason.
pub const EVERY_CALL_REFUSES_BAD_INPUT: Scenario = Scenario {
    name: "every_call_refuses_bad_input_with_a_reason",
    show: |backend| judge(ReferenceSystem::new(backend)?),
};

/// How often each call is made.
const ROUNDS: usize = 60;
/// What hostile text holds, so that it can be found in the log.
const MARK: &str = "planted-by-the-caller";

/// Who may make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Agent,
    User,
    Anybody,
    /// Whoever may is not tried: the answer never ends.
    Nobody,
}

/// A call: method, path with `{}` for a word that the caller chooses, who may make it, and whether
/// it reads a body.
type Call = (&'static str, &'static str, Caller, bool);

const CALLS: [Call; 53] = [
    ("POST", "/agents/register", Caller::Anybody, true),
    ("POST", "/agents/renew", Caller::Anybody, true),
    ("GET", "/agents/{}/commands", Caller::Agent, false),
    ("POST", "/agents/{}/events", Caller::Agent, true),
    ("POST", "/agents/{}/updates", Caller::Agent, true),
    ("POST", "/agents/{}/logs", Caller::Agent, true),
    ("POST", "/agents/{}/system-info", Caller::Agent, true),
    ("POST", "/agents/{}/dependencies", Caller::Agent, true),
    ("POST", "/agents/{}/rapid-mode", Caller::Agent, true),
    ("GET", "/logs", Caller::User, false),
    ("POST", "/agents/{}/rebind", Caller::Agent, true),
    ("DELETE", "/agents/{}", Caller::Agent, false),
    ("GET", "/agents", Caller::User, false),
    ("GET", "/agents/{}", Caller::User, false),
    ("POST", "/agents/{}/scan", Caller::User, false),
    ("POST", "/agents/{}/update", Caller::User, true),
    ("POST", "/agents/{}/rebuild", Caller::User, true),
    ("POST", "/agents/{}/rebind/approve", Caller::User, false),
    ("POST", "/admin/registration-tokens", Caller::User, true),
    ("GET", "/admin/registration-tokens", Caller::User, false),
    ("POST", "/admin/registration-tokens/cleanup", Caller::User, false),
    ("DELETE", "/admin/registration-tokens/{}", Caller::User, false),
    ("GET", "/admin/rate-limits", Caller::User, false),
    ("PUT", "/admin/rate-limits", Caller::User, true),
    ("POST", "/admin/rate-limits/reset", Caller::User, false),
    ("GET", "/admin/rate-limits/stats", Caller::User, false),
    ("POST", "/admin/users", Caller::User, true),
    ("POST", "/admin/keys/rotate", Caller::User, false),
    ("POST", "/admin/keys/{}/revoke", Caller::User, false),
    ("GET", "/audit", Caller::User, false),
    ("POST", "/agents/{}/heartbeat", Caller::User, false),
    ("POST", "/agents/{}/reboot", Caller::User, false),
    ("GET", "/commands/active", Caller::User, false),
    ("GET", "/commands/recent", Caller::User, false),
    ("GET", "/commands/stuck", Caller::User, false),
    ("POST", "/commands/{}/cancel", Caller::User, false),
    ("POST", "/commands/{}/retry", Caller::User, false),
    ("GET", "/events", Caller::User, false),
    ("GET", "/stats/summary", Caller::User, false),
    ("GET", "/updates", Caller::User, false),
    ("POST", "/updates/approve", Caller::User, true),
    ("POST", "/auth/login", Caller::Anybody, true),
    ("POST", "/setup/agent", Caller::Anybody, true),
    ("GET", "/downloads/{}", Caller::Anybody, false),
    ("GET", "/install/{}", Caller::Anybody, false),
    ("GET", "/keys", Caller::Anybody, false),
    ("PUT", "/agents", Caller::Anybody, false),
    ("GET", "/nothing/{}", Caller::Anybody, false),
    ("GET", "/agents/{}/nothing", Caller::Anybody, false),
    ("PATCH", "/events", Caller::Anybody, true),
    ("TRACE", "/keys", Caller::Anybody, false),
    ("GET", "/events/stream", Caller::Nobody, false),
    ("POST", "/events/stream", Caller::Anybody, true),
];

struct Attack<'a> {
    server: &'a Server<'a>,
    agent: Agent,
    admin: String,
    random: ChaCha8Rng,
    answered: usize,
}

fn judge(mut reference: ReferenceSystem) -> Result<(), Failed> {
    let server = reference.system.parts.iter_mut().find(|part| part.name == "server");
    let server = server.ok_or("the system has no server")?;
    let unlimited = ["registration", "check-in", "events", "reports", "administration", "public"]
        .map(|class| format!("{class}=1000000/1"));
    server.environment.insert("REDFLAG_RATE_LIMITS".to_owned(), unlimited.join(","));
    let reference = reference.without_agents();
    let seed = Seed::fresh();
    eprintln!("seed of the input: {seed}");
    reference.observe(async |environment| {
        let server = Server::of(environment)?;
        let mut attack = Attack {
            server: &server,
            agent: server.new_agent("machine").await?,
            admin: value(environment, "admin_token")?,
            random: seed.stream("bad input"),
            answered: 0,
        };
        let mut made = 0;
        for call in CALLS {
            for round in 0..ROUNDS {
                let what = format!("{call:?}, round {round}, seed {seed}");
                attack.make(call, &what).await?;
                made += 1;
            }
        }
        eprintln!("{} of {made} calls answered", attack.answered);
        expect::equal("most calls are answered", &(attack.answered * 4 > made * 3), &true)?;
        server
            .check_in(&attack.agent.id, &attack.agent.token)
            .await?
            .with_status("after all", 200)?;
        clean(&reference.log_of("server")?)
    })
}

impl Attack<'_> {
    async fn make(&mut self, attacked: Call, what: &str) -> Result<(), Failed> {
        let (method, path, caller, reads_body) = attacked;
        let method = Method::from_bytes(method.as_bytes())?;
        let word = self.word(&attacked);
        let mut path = path.replace("{}", &word);
        if self.random.random_ratio(1, 3) {
            write!(path, "?{}", self.query())?;
        }
        let request = self.server.open_request(method.clone(), &path);
        let (request, token_is_good) = self.with_token(request, caller);
        let (request, is_large) = self.with_body(request);
        let answer = match call(request).await {
            // A large body that is not read may end its connection before the answer is.
            Err(_) if is_large => return Ok(()),
            answer => answer?,
        };
        self.answered += 1;
        let (status, reason) = (answer.status, answer.body["error"].as_str().unwrap_or_default());
        if status >= 500 {
            return Err(format!("{what}: {status} {reason:?} for {path}").into());
        }
        if (400..500).contains(&status) && reason.is_empty() {
            return Err(format!("{what}: {status} without a reason for {path}").into());
        }
        if reason.chars().any(char::is_control) {
            return Err(format!("{what}: the reason steers a terminal: {reason:?}").into());
        }
        let wrong = !token_is_good || reads_body;
        let routed = !path.contains("nothing") && caller != Caller::Anybody;
        if wrong && routed && !(400..500).contains(&status) {
            return Err(format!("{what}: {status} for wrong input to {path}").into());
        }
        Ok(())
    }

    /// A word for the path. Nobody deletes the agent that attacks.
    fn word(&mut self, attacked: &Call) -> String {
        match self.random.random_range(0..6) {
            0 if attacked.0 != "DELETE" => self.agent.id.clone(),
            0 | 1 => Uuid::new_v4().to_string(),
            2 => format!("%1b%5b2J%0a{MARK}"),
            3 => "%ff%fe".to_owned(),
            4 => "x".repeat(self.random.random_range(1..4000)),
            _ => "%00".to_owned(),
        }
    }

    fn query(&mut self) -> String {
        let words = ["cursor", "limit", "agent_id", "from", "severity", "q", "after", "version"];
        let values =
            ["-1", "%00", "%ff", "99999999999999999999", "%1b%5b2J", "1e9", "", "nonsense"];
        let pick =
            |random: &mut ChaCha8Rng, all: &[&str; 8]| all[random.random_range(0..8)].to_owned();
        format!("{}={}", pick(&mut self.random, &words), pick(&mut self.random, &values))
    }

    /// A token, and whether it is one that may make the call.
    fn with_token(&mut self, request: RequestBuilder, caller: Caller) -> (RequestBuilder, bool) {
        let (agent, admin) = (self.agent.token.clone(), self.admin.clone());
        let request = request.header(MACHINE, "machine");
        let kinds = if caller == Caller::Nobody { 3 } else { 5 };
        match self.random.random_range(0..kinds) {
            0 => (request, caller == Caller::Anybody),
            1 => (request.bearer_auth("e30.e30.e30"), caller == Caller::Anybody),
            2 => {
                let raw = HeaderValue::from_bytes(b"Bearer \xff\xfe").ok();
                let raw = raw.unwrap_or_else(|| HeaderValue::from_static("none"));
                (request.header("authorization", raw), caller == Caller::Anybody)
            }
            3 => (request.bearer_auth(agent), caller != Caller::User),
            _ => (request.bearer_auth(admin), caller != Caller::Agent),
        }
    }

    /// A body that is wrong for whoever reads it, and whether it takes more than one
    /// packet.
    fn with_body(&mut self, request: RequestBuilder) -> (RequestBuilder, bool) {
        let request = request.header("content-type", "application/json");
        let request = request.header("connection", "close"); // nobody pays for another's body
        let text = |text: &str| text.as_bytes().to_vec();
        let body = match self.random.random_range(0..12) {
            0 => Vec::new(),
            1 => text("null"),
            2 => text("[]"),
            3 => text("7"),
            4 => text("\"\\u001b[2J\\nERROR planted-by-the-caller\""),
            5 => b"{\"hostname\": \"\xff\xfe\"}".to_vec(),
            6 => format!("{}{}", "[".repeat(20_000), "]".repeat(20_000)).into_bytes(),
            7 => format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000)).into_bytes(),
            8 => format!("{{\"events\": \"{}\"}}", "x".repeat(3_000_000)).into_bytes(),
            9 => text(
                "{\"hostname\": 1, \"events\": 2, \"updates\": 3, \"update_ids\": 4, \
                       \"agent_id\": 5, \"username\": 6, \"platform\": 7, \"machine_id\": 8, \
                       \"max_uses\": \"x\"}",
            ),
            10 => text(
                "{\"hostname\": \"\\u0000\\u001b[2J\\n2026-01-01T00:00:00Z ERROR \
                        planted-by-the-caller\", \"max_uses\": [], \"events\": {}, \
                        \"updates\": {}, \"update_ids\": {}, \"machine_id\": \"\\u0000\", \
                        \"username\": \"\\u0000\", \"password\": \"\\u0000\", \"platform\": \"\\n\"}",
            ),
            _ => text("{\"unfinished\": "),
        };
        let is_large = body.len() > 8 * 1024;
        (request.body(body), is_large)
    }
}

/// No line of the log is the sender's.
fn clean(log: &str) -> Result<(), Failed> {
    let steering = |c: &char| *c != '\n' && c.is_control();
    let steering: Vec<char> = log.chars().filter(steering).take(5).collect();
    expect::equal("control characters in the log", &steering, &Vec::<char>::new())?;
    let forged = log.lines().find(|line| line.starts_with("2026-01-01T00:00:00Z ERROR"));
    expect::equal("a line that the sender made", &forged, &None::<&str>)?;
    let longest = log.lines().map(str::len).max().unwrap_or_default();
    expect::equal("a line of more than 8 KiB", &(longest > 8 * 1024), &false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_server_is_attacked() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/server/src/api.rs");
        let text = std::fs::read_to_string(file).unwrap();
        let routes = text.split(".route(").skip(1).filter_map(|rest| rest.split('"').nth(1));
        let routes: Vec<String> = routes
            .map(|route| {
                let segments = route.split('/');
                let named = segments.map(|one| if one.starts_with('{') { "{}" } else { one });
                named.collect::<Vec<_>>().join("/")
            })
            .collect();
        assert!(routes.len() > 30, "{routes:?}");
        for route in routes {
            assert!(CALLS.iter().any(|(_, path, ..)| *path == route), "{route} is not attacked");
        }
    }
}
