//! Reads back what the system has stored, and how much its producers still hold.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::Value;

use super::worker::{error_text, refusal, text_of};
use crate::history::{BreakerState, StoredEvent};
use crate::system::{BacklogContract, EventContract, ReadContract, TemplateError, Values, fill};

/// How long one page may take.
const PAGE_BOUND: Duration = Duration::from_secs(10);
/// How long a producer may take to say how much it holds.
const BACKLOG_BOUND: Duration = Duration::from_secs(1);

/// What was stored cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is nothing to ask.
    #[error("no part `{0}` to read from")]
    NoPart(String),
    /// A text of the system file asks for something unknown.
    #[error("in the system file: {0}")]
    Template(#[from] TemplateError),
    /// No answer, or a refusal.
    #[error("GET {url}: {why}")]
    Refused {
        /// What was asked.
        url: String,
        /// What came back.
        why: String,
    },
    /// An answer that is not what the system file describes.
    #[error("GET {url}: the answer has nothing at {place}")]
    Unexpected {
        /// What was asked.
        url: String,
        /// The JSON pointer.
        place: String,
    },
}

/// What a producer says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerState {
    /// Its name.
    pub name: String,
    /// How many events it holds that the server has not acknowledged.
    pub backlog: u64,
    /// What each of its circuit breakers does, by name.
    pub breakers: Vec<(String, BreakerState)>,
}

/// Reads back through the system's own interface.
#[derive(Clone, Debug)]
pub struct Reader {
    http: Client,
    contract: ReadContract,
    backlog: BacklogContract,
    url: String,
    values: Values,
    producers: Vec<(String, String)>,
}

impl Reader {
    /// A reader that asks the part at `url` for what is stored, with paths and headers filled
    /// from `values`, and the producers, each with its name and its URL, for what they hold.
    pub fn new(
        http: Client,
        url: String,
        values: Values,
        events: &EventContract,
        producers: Vec<(String, String)>,
    ) -> Self {
        let (contract, backlog) = (events.read.clone(), events.backlog.clone());
        Self { http, contract, backlog, url, values, producers }
    }

    /// Everything stored, in the system's own order.
    ///
    /// # Errors
    /// When a page cannot be read or is not as described.
    pub async fn read(&self) -> Result<Vec<StoredEvent>, ReadError> {
        let mut stored = Vec::new();
        let mut path = fill(&self.contract.path, &self.values)?;
        let mut cursors = HashSet::new();
        loop {
            let url = format!("{}{path}", self.url);
            let page = self.page(&url).await?;
            let items = page.pointer(&self.contract.items).and_then(Value::as_array);
            let items = items.ok_or_else(|| ReadError::Unexpected {
                url: url.clone(),
                place: self.contract.items.clone(),
            })?;
            for item in items {
                stored.push(self.stored_event(item, &url)?);
            }
            let Some(cursor) = page.pointer(&self.contract.next).and_then(text_of) else {
                return Ok(stored);
            };
            if !cursors.insert(cursor.clone()) {
                let why = format!("its pages never end: the cursor {cursor} came again");
                return Err(ReadError::Refused { url, why });
            }
            path = fill(&self.contract.next_path, &self.values.clone().with("cursor", cursor))?;
        }
    }

    /// What each producer says of itself. A producer that does not answer is left out.
    pub async fn producer_states(&self) -> Vec<ProducerState> {
        let asked = self.producers.iter().map(|(name, url)| async move {
            let url = format!("{url}{}", self.backlog.path);
            let answer = get(self.http.get(&url).timeout(BACKLOG_BOUND), &url).await.ok()?;
            let events = answer.pointer(&self.backlog.events).and_then(Value::as_u64)?;
            let breakers = self.backlog.breakers.as_deref();
            let breakers = breakers.and_then(|place| answer.pointer(place)?.as_object());
            let told = breakers.into_iter().flatten().filter_map(|(name, state)| {
                Some((name.clone(), BreakerState::deserialize(state).ok()?))
            });
            Some(ProducerState { name: name.clone(), backlog: events, breakers: told.collect() })
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn page(&self, url: &str) -> Result<Value, ReadError> {
        let mut request = self.http.get(url).timeout(PAGE_BOUND);
        for (name, value) in &self.contract.headers {
            request = request.header(name, fill(value, &self.values)?);
        }
        get(request, url).await
    }

    fn stored_event(&self, item: &Value, url: &str) -> Result<StoredEvent, ReadError> {
        let at = |place: &str| item.pointer(place);
        let text_at = |place: &Option<String>| text_of(at(place.as_deref()?)?);
        let contract = &self.contract;
        let id = at(&contract.id).and_then(text_of).ok_or_else(|| ReadError::Unexpected {
            url: url.to_owned(),
            place: format!("{}{}", contract.items, contract.id),
        })?;
        Ok(StoredEvent {
            id,
            producer: text_at(&contract.producer),
            lane: text_at(&contract.lane),
            sequence: contract.sequence.as_deref().and_then(at).and_then(Value::as_u64),
            marker: at(&contract.marker).and_then(text_of),
            dropped: None,
        })
    }
}

/// The JSON that a request is answered with.
async fn get(request: RequestBuilder, url: &str) -> Result<Value, ReadError> {
    let refused = |why: String| ReadError::Refused { url: url.to_owned(), why };
    let response = request.send().await.map_err(|error| refused(error_text(&error)))?;
    let status = response.status();
    let text = response.text().await.map_err(|error| refused(error_text(&error)))?;
    if !status.is_success() {
        return Err(refused(refusal(status, &text)));
    }
    serde_json::from_str(&text).map_err(|error| refused(format!("not JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::test_server::serve;
    use super::*;
    use axum::Router;
    use axum::extract::Query;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::get;
    use serde_json::json;
    use std::collections::HashMap;

    fn contract() -> EventContract {
        serde_json::from_value(json!({
            "emit": {"to": "agent", "path": "/events", "marker": "/marker", "kinds": []},
            "backlog": {"path": "/health", "events": "/backlog", "breakers": "/breakers"},
            "read": {
                "from": "server",
                "path": "/events",
                "next_path": "/events?cursor={cursor}",
                "headers": {"Authorization": "Bearer {token}"},
                "items": "/events",
                "next": "/next",
                "id": "/id",
                "lane": "/lane",
                "sequence": "/number",
                "marker": "/data/marker"
            }
        }))
        .unwrap()
    }

    fn reader(url: String, producers: Vec<(String, String)>) -> Reader {
        let values = Values::default().with("token", "secret");
        Reader::new(Client::new(), url, values, &contract(), producers)
    }

    /// Reads from a server that answers every page with what `page` makes of its cursor.
    async fn read_pages(
        page: fn(Option<&str>) -> (StatusCode, Value),
    ) -> Result<Vec<StoredEvent>, String> {
        let answer = move |headers: HeaderMap, Query(query): Query<HashMap<String, String>>| async move {
            assert_eq!(headers["authorization"], "Bearer secret");
            let (status, body) = page(query.get("cursor").map(String::as_str));
            (status, body.to_string())
        };
        let url = serve(Router::new().route("/events", get(answer))).await;
        reader(url, Vec::new()).read().await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn every_page_is_read_in_order() {
        let read = read_pages(|cursor| {
            let body = match cursor {
                None => json!({"events": [{"id": "a", "data": {"marker": "m"}}], "next": 2}),
                Some("2") => json!({"events": [{"id": 7, "lane": "l", "number": 3}], "next": null}),
                Some(other) => panic!("no such cursor: {other}"),
            };
            (StatusCode::OK, body)
        });
        let read = read.await.unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].id.as_str(), read[0].marker.as_deref()), ("a", Some("m")));
        assert_eq!((read[0].sequence, read[0].producer.as_deref()), (None, None));
        let second = (read[1].id.as_str(), read[1].lane.as_deref(), read[1].sequence);
        assert_eq!(second, ("7", Some("l"), Some(3)));
    }

    #[tokio::test]
    async fn a_cursor_that_comes_again_is_refused() {
        let read = read_pages(|_| (StatusCode::OK, json!({"events": [], "next": "same"})));
        let why = read.await.unwrap_err();
        assert!(why.contains("never end") && why.contains("same"), "{why}");
    }

    #[tokio::test]
    async fn an_answer_without_events_is_refused_with_the_place() {
        let why = read_pages(|_| (StatusCode::OK, json!({"rows": []}))).await.unwrap_err();
        assert!(why.contains("nothing at /events"), "{why}");
    }

    #[tokio::test]
    async fn an_event_without_identity_is_refused_with_the_place() {
        let read = read_pages(|_| (StatusCode::OK, json!({"events": [{"lane": "l"}]})));
        let why = read.await.unwrap_err();
        assert!(why.contains("/events/id"), "{why}");
    }

    #[tokio::test]
    async fn a_refusal_tells_status_and_words() {
        let read = read_pages(|_| (StatusCode::FORBIDDEN, json!({"error": "not you"})));
        let why = read.await.unwrap_err();
        assert!(why.contains("403") && why.contains("not you"), "{why}");
    }

    #[tokio::test]
    async fn what_is_not_json_is_refused() {
        let url = serve(Router::new().route("/events", get(|| async { "<html>" }))).await;
        let why = reader(url, Vec::new()).read().await.unwrap_err().to_string();
        assert!(why.contains("not JSON"), "{why}");
    }

    #[tokio::test]
    async fn a_producer_that_does_not_answer_says_nothing() {
        const SAID: &str = r#"{"backlog": 4, "breakers": {"apt": "half_open", "dnf": "ajar"}}"#;
        let health = Router::new().route("/health", get(|| async { SAID }));
        let silent = Router::new().route("/health", get(std::future::pending::<String>));
        let producers = vec![
            ("one".to_owned(), serve(health).await),
            ("silent".to_owned(), serve(silent).await),
            ("wordless".to_owned(), serve(Router::new()).await),
        ];
        let reader = reader(String::new(), producers);
        let breakers = vec![("apt".to_owned(), BreakerState::HalfOpen)];
        let said = ProducerState { name: "one".to_owned(), backlog: 4, breakers };
        assert_eq!(reader.producer_states().await, [said]);
    }
}
