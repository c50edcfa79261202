//! An event given in by a POST.

use reqwest::Client;
use serde_json::Value;

use super::NotTaken;
use crate::workload::words::{error_text, refusal};

/// Posts a body and returns the text of a success. Only an answer that says no, and a connection
/// that never came about, prove that nothing happened.
pub(super) async fn post(client: &Client, url: &str, body: &Value) -> Result<String, NotTaken> {
    let response = client.post(url).json(body).send().await.map_err(|error| {
        let why = error_text(&error);
        if error.is_connect() { NotTaken::certainly(why) } else { NotTaken::perhaps(why) }
    })?;
    let status = response.status();
    let text = response.text().await.map_err(|error| NotTaken::perhaps(error_text(&error)))?;
    match status {
        _ if status.is_success() => Ok(text),
        _ if status.is_client_error() => Err(NotTaken::certainly(refusal(status, &text))),
        _ => Err(NotTaken::perhaps(refusal(status, &text))),
    }
}
