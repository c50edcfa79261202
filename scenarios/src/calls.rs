//! Calls to a part of the running system, and what it answers.

use std::time::Duration;

use harness::environment::{Environment, Part};
use harness::system::fill;
use libtest_mimic::Failed;
use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::expect;

const BOUND: Duration = Duration::from_secs(10);

/// What a part answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The JSON body; null when it is not JSON.
    pub body: Value,
}

/// The part of that name.
///
/// # Errors
/// When there is none.
pub fn part<'a>(environment: &'a Environment, name: &str) -> Result<&'a Part, Failed> {
    environment.part(name).ok_or_else(|| format!("there is no part `{name}`").into())
}

/// A value that the system file asks for or a setup call has captured.
///
/// # Errors
/// When there is none of that name.
pub fn value(environment: &Environment, name: &str) -> Result<String, Failed> {
    Ok(fill(&format!("{{{name}}}"), environment.values())?)
}

/// Makes a call and reads the answer, whatever its status.
///
/// # Errors
/// When there is no answer.
pub async fn call(request: RequestBuilder) -> Result<Answer, Failed> {
    let response = request.timeout(BOUND).send().await?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await?;
    Ok(Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
}

impl Answer {
    /// The body of an answer with this status.
    ///
    /// # Errors
    /// When the status is another.
    pub fn with_status(self, what: &str, status: u16) -> Result<Value, Failed> {
        // The rest of a body may hold secrets.
        let why = &self.body["error"];
        expect::equal(&format!("status of {what} (error {why})"), &self.status, &status)?;
        Ok(self.body)
    }

    /// An answer that refuses with this status says in JSON why.
    ///
    /// # Errors
    /// When the status is another, or no reason is given.
    pub fn refuses(self, what: &str, status: u16) -> Result<String, Failed> {
        let body = self.with_status(what, status)?;
        match body["error"].as_str() {
            Some(reason) if !reason.is_empty() => Ok(reason.to_owned()),
            _ => Err(format!("{what} is refused without a reason: {body}").into()),
        }
    }
}

/// The text at a JSON pointer.
///
/// # Errors
/// When there is none.
pub fn text_at(body: &Value, pointer: &str) -> Result<String, Failed> {
    let text = body.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| format!("the answer has no text at {pointer}").into())
}
