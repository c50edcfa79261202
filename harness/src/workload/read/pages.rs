//! Events in pages of JSON, over HTTP.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use super::{Found, ReadError};
use crate::environment::Endpoint;
use crate::system::{Pages, fill};
use crate::workload::words::{error_text, refusal, text_of};

/// How long one page may take.
const BOUND: Duration = Duration::from_secs(10);

/// Every event of every page, in order.
///
/// # Errors
/// A page cannot be read, is not as described, or comes again.
pub(in crate::workload) async fn pages(
    client: &Client,
    from: &Endpoint,
    pages: &Pages,
) -> Result<Vec<Found>, ReadError> {
    let mut found = Vec::new();
    let mut path = fill(&pages.path, &from.values)?;
    let mut cursors = HashSet::new();
    loop {
        let url = from.url(&path);
        let mut request = client.get(&url).timeout(BOUND);
        for (name, value) in &pages.headers {
            request = request.header(name, fill(value, &from.values)?);
        }
        let mut page = get(request, &url).await?;
        let what = format!("GET {url}");
        let next = page.pointer(&pages.next).and_then(text_of);
        let Some(Value::Array(items)) = page.pointer_mut(&pages.items).map(Value::take) else {
            return Err(ReadError::Unexpected { what, place: pages.items.clone() });
        };
        let place = format!("{what}: {}", pages.items);
        found.extend(items.into_iter().map(|event| Found { place: place.clone(), event }));
        let Some(cursor) = next else { return Ok(found) };
        if !cursors.insert(cursor.clone()) {
            let why = format!("its pages never end: the cursor {cursor} came again");
            return Err(ReadError::Refused { what, why });
        }
        path = fill(&pages.next_path, &from.values.clone().with("cursor", cursor))?;
    }
}

/// The JSON that a request is answered with.
///
/// # Errors
/// No answer, a refusal, or an answer that is not JSON.
pub(in crate::workload) async fn get(
    request: RequestBuilder,
    url: &str,
) -> Result<Value, ReadError> {
    let refused = |why: String| ReadError::Refused { what: format!("GET {url}"), why };
    let response = request.send().await.map_err(|error| refused(error_text(&error)))?;
    let status = response.status();
    let text = response.text().await.map_err(|error| refused(error_text(&error)))?;
    if !status.is_success() {
        return Err(refused(refusal(status, &text)));
    }
    serde_json::from_str(&text).map_err(|error| refused(format!("not JSON: {error}")))
}
