//! A scenario in the place of an agent: it registers with the server and makes an agent's calls.

use harness::environment::Environment;
use libtest_mimic::Failed;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::calls::{Answer, call, part, text_at, value};

/// The server, as somebody sees it who knows what the harness knows.
#[derive(Debug)]
pub struct Server<'a> {
    environment: &'a Environment,
    base: String,
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
        Ok(Self { environment, base })
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
        call(self.environment.http().post(format!("{}/agents/register", self.base)).json(&body))
            .await
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
        let url = format!("{}/agents/{agent}/commands", self.base);
        call(self.environment.http().get(url).bearer_auth(token)).await
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
        let url = format!("{}/agents/{agent}/events", self.base);
        let request = self.environment.http().post(url).header("content-type", "application/json");
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        call(request.body(body)).await
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
