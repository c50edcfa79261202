//! The calls that prepare a running system: a login, a token, a setting.

use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;

use super::EnvironmentError;
use crate::system::{SetupCall, Values, fill, fill_json};

const BOUND: Duration = Duration::from_secs(10);

/// Makes one call and returns what it captured, by name.
///
/// # Errors
/// There is no answer within 10 s, or the answer is no success or lacks what is captured.
pub async fn make_setup_call(
    http: &Client,
    url: &str,
    call: &SetupCall,
    values: &Values,
) -> Result<Vec<(String, String)>, EnvironmentError> {
    let what = format!("{} {} on `{}`", call.method, call.path, call.to);
    let failed = |why: String| EnvironmentError::Setup { what: what.clone(), why };
    let method =
        call.method.parse::<Method>().map_err(|_| failed("no such HTTP method".to_owned()))?;
    let mut request =
        http.request(method, format!("{url}{}", fill(&call.path, values)?)).timeout(BOUND);
    for (name, value) in &call.headers {
        request = request.header(name, fill(value, values)?);
    }
    if let Some(body) = &call.body {
        request = request.json(&fill_json(body, values)?);
    }
    let response = request.send().await.map_err(|error| failed(error.to_string()))?;
    let status = response.status();
    let text = response.text().await.map_err(|error| failed(error.to_string()))?;
    if !status.is_success() {
        return Err(failed(format!("{status} {text}")));
    }
    let answer = serde_json::from_str::<Value>(&text).unwrap_or(Value::Null);
    call.capture
        .iter()
        .map(|(name, place)| match answer.pointer(place) {
            Some(Value::String(value)) => Ok((name.clone(), value.clone())),
            Some(value) if !value.is_null() => Ok((name.clone(), value.to_string())),
            _ => Err(failed(format!("the answer has nothing at {place}"))),
        })
        .collect()
}
