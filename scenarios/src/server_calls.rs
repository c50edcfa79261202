//! A scenario in the place of an agent: it registers with the server and makes an agent's calls.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use harness::environment::Environment;
use libtest_mimic::Failed;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::calls::{Answer, call, part, text_at, value};
use crate::expect;

/// The header in which an agent names its machine.
pub const MACHINE: &str = "x-machine-id";

/// The server, as somebody sees it who knows what the harness knows.
#[derive(Debug)]
pub struct Server<'a> {
    environment: &'a Environment,
    base: String,
    /// The machine of each agent that was registered through here.
    machines: Mutex<BTreeMap<String, String>>,
}

/// Who a registered agent is.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The server's id for it.
    pub id: String,
    /// What it calls with.
    pub token: String,
    /// What it renews with.
    pub refresh_token: String,
}

impl Agent {
    /// Reads the answer to a registration.
    ///
    /// # Errors
    /// When it was refused.
    pub fn registered(answer: Answer) -> Result<Self, Failed> {
        let body = answer.with_status("a registration", 200)?;
        Ok(Self {
            id: text_at(&body, "/agent_id")?,
            token: text_at(&body, "/token")?,
            refresh_token: text_at(&body, "/refresh_token")?,
        })
    }
}

impl<'a> Server<'a> {
    /// The server of this environment.
    ///
    /// # Errors
    /// When it has none.
    pub fn of(environment: &'a Environment) -> Result<Self, Failed> {
        let base = format!("{}/api/v1", part(environment, "server")?.url());
        Ok(Self { environment, base, machines: Mutex::default() })
    }

    /// Where it runs.
    pub fn environment(&self) -> &'a Environment {
        self.environment
    }

    /// The token that agents register with.
    ///
    /// # Errors
    /// When the harness has none.
    pub fn registration_token(&self) -> Result<String, Failed> {
        value(self.environment, "registration_token")
    }

    /// Registers an agent.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn register(
        &self,
        token: &str,
        machine: &str,
        proof: &str,
    ) -> Result<Answer, Failed> {
        let body = json!({
            "hostname": machine, "os_type": "linux", "agent_version": "1", "machine_id": machine,
            "registration_token": token, "registration_proof": proof,
        });
        let url = format!("{}/agents/register", self.base);
        let answer = call(self.environment.http().post(url).json(&body)).await?;
        if let Some(agent) = answer.body["agent_id"].as_str() {
            self.machines().insert(agent.to_owned(), machine.to_owned());
        }
        Ok(answer)
    }

    fn machines(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call to `path` below the agent's, from the agent's machine.
    pub fn request(&self, method: Method, agent: &str, path: &str, token: &str) -> RequestBuilder {
        let machine = self.machines().get(agent).cloned().unwrap_or_default();
        let url = format!("{}/agents/{agent}{path}", self.base);
        let request = self.environment.http().request(method, url);
        request.bearer_auth(token).header(MACHINE, machine)
    }

    /// A call to `path` by whoever adds what shows who it is.
    pub fn open_request(&self, method: Method, path: &str) -> RequestBuilder {
        self.environment.http().request(method, format!("{}{path}", self.base))
    }

    /// An administrator's call to `path`.
    ///
    /// # Errors
    /// When the harness has no token.
    pub fn administrate(&self, method: Method, path: &str) -> Result<RequestBuilder, Failed> {
        let token = value(self.environment, "admin_token")?;
        Ok(self.open_request(method, path).bearer_auth(token))
    }

    /// Registers an agent with the token that the harness has.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn new_agent(&self, machine: &str) -> Result<Agent, Failed> {
        let token = self.registration_token()?;
        Agent::registered(self.register(&token, machine, "proof").await?)
    }

    /// The id of the running agent with this host name, once it is registered.
    ///
    /// # Errors
    /// When it is not.
    pub async fn agent_named(&self, hostname: &str) -> Result<String, Failed> {
        expect::eventually("the agent is registered", async || {
            let page = self.ask("/agents").await?;
            let agents = page["agents"].as_array().cloned().unwrap_or_default();
            let agent = agents.iter().find(|agent| agent["hostname"] == hostname);
            Ok(agent.and_then(|agent| agent["id"].as_str().map(str::to_owned)))
        })
        .await
    }

    /// Makes a user and returns the token that they log in with.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn new_user(&self, name: &str, role: &str) -> Result<String, Failed> {
        let password = "a password of the test";
        let user = json!({"username": name, "password": password, "role": role});
        self.post("/admin/users", &user).await?;
        let login = json!({"username": name, "password": password});
        let request = self.open_request(Method::POST, "/auth/login").json(&login);
        text_at(&call(request).await?.with_status("a login", 200)?, "/token")
    }

    /// Renews an agent's token.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn renew(
        &self,
        agent: &str,
        refresh_token: &str,
        renewal: Uuid,
    ) -> Result<Answer, Failed> {
        let body = json!({
            "agent_id": agent, "refresh_token": refresh_token, "renewal_id": renewal,
        });
        call(self.environment.http().post(format!("{}/agents/renew", self.base)).json(&body)).await
    }

    /// Checks an agent in.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn check_in(&self, agent: &str, token: &str) -> Result<Answer, Failed> {
        call(self.request(Method::GET, agent, "/commands", token)).await
    }

    /// Sends what an agent tells to `path` below its own.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn tell(&self, agent: &Agent, path: &str, body: &Value) -> Result<Answer, Failed> {
        call(self.request(Method::POST, &agent.id, path, &agent.token).json(body)).await
    }

    /// Sends a body where an agent sends its events.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(
        &self,
        agent: &str,
        token: Option<&str>,
        body: String,
    ) -> Result<Answer, Failed> {
        let request = match token {
            Some(token) => self.request(Method::POST, agent, "/events", token),
            None => self.open_request(Method::POST, &format!("/agents/{agent}/events")),
        };
        call(request.header("content-type", "application/json").body(body)).await
    }

    /// What the server answers a user who asks for `path`.
    ///
    /// # Errors
    /// When it does not answer with 200.
    pub async fn ask(&self, path: &str) -> Result<Value, Failed> {
        let request = self.environment.http().get(format!("{}{path}", self.base));
        let token = value(self.environment, "admin_token")?;
        call(request.bearer_auth(token)).await?.with_status(path, 200)
    }

    /// What the server answers a user who posts `body` to `path`.
    ///
    /// # Errors
    /// When it does not answer with 200.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        let request = self.environment.http().post(format!("{}{path}", self.base));
        let token = value(self.environment, "admin_token")?;
        call(request.bearer_auth(token).json(body)).await?.with_status(path, 200)
    }

    /// Everything that is stored of an agent, in the order of its positions.
    ///
    /// # Errors
    /// When the server does not tell, or there is more than a page of it.
    pub async fn events_of(&self, agent: &str) -> Result<Vec<Value>, Failed> {
        let url = format!("{}/events?limit=1000&agent_id={agent}", self.base);
        let token = value(self.environment, "admin_token")?;
        let answer = call(self.environment.http().get(url).bearer_auth(token)).await?;
        let mut body = answer.with_status("the history", 200)?;
        match (body["events"].take(), &body["next_cursor"]) {
            (Value::Array(events), Value::Null) => Ok(events),
            _ => Err(format!("not one page of events: {body}").into()),
        }
    }
}
