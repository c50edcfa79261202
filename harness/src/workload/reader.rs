//! Reads back what the system has stored, and how much its producers still hold.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;

use super::read::{Found, ReadError, events_in_file, get, pages, rows};
use super::words::{number_of, text_of};
use crate::environment::Endpoint;
use crate::history::{BreakerState, StoredEvent};
use crate::system::{BacklogContract, EventContract, ReadContract, ReadSource};

/// How long a producer may take to say how much it holds.
const BACKLOG_BOUND: Duration = Duration::from_secs(1);

/// What is asked for stored events.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A part.
    Part(Endpoint),
    /// The system's database.
    Database(Box<PgConnectOptions>),
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

/// Reads back through the system's own interface, or from where it stores.
#[derive(Clone, Debug)]
pub struct Reader {
    http: Client,
    contract: ReadContract,
    backlog: Option<BacklogContract>,
    asked: Asked,
    producers: Vec<Endpoint>,
}

impl Reader {
    /// A reader of what is stored, and of what these producers hold.
    pub fn new(
        http: Client,
        asked: Asked,
        events: &EventContract,
        producers: Vec<Endpoint>,
    ) -> Self {
        let (contract, backlog) = (events.read.clone(), events.backlog.clone());
        Self { http, contract, backlog, asked, producers }
    }

    /// Whether producers tell how much they hold.
    pub fn knows_backlogs(&self) -> bool {
        self.backlog.is_some()
    }

    /// Everything stored, in the system's own order.
    ///
    /// # Errors
    /// When it cannot be read or is not as described.
    pub async fn read(&self) -> Result<Vec<StoredEvent>, ReadError> {
        let found = match (&self.contract.source, &self.asked) {
            (ReadSource::Http(contract), Asked::Part(part)) => {
                pages(&self.http, part, contract).await?
            }
            (ReadSource::File { path, line }, Asked::Part(part)) => {
                events_in_file(part, path, line.as_ref()).await?
            }
            (ReadSource::Query(query), Asked::Database(database)) => rows(database, query).await?,
            _ => return Err(ReadError::NoPart(self.contract.from.clone())),
        };
        found.iter().enumerate().map(|(number, found)| self.stored_event(number, found)).collect()
    }

    /// What each producer says of itself. A producer that does not answer is left out.
    pub async fn producer_states(&self) -> Vec<ProducerState> {
        let Some(backlog) = &self.backlog else { return Vec::new() };
        let asked = self.producers.iter().map(|producer| async move {
            let url = producer.url(&backlog.path);
            let answer = get(self.http.get(&url).timeout(BACKLOG_BOUND), &url).await.ok()?;
            let events = answer.pointer(&backlog.events).and_then(Value::as_u64)?;
            let breakers = backlog.breakers.as_deref();
            let breakers = breakers.and_then(|place| answer.pointer(place)?.as_object());
            let told = breakers.into_iter().flatten().filter_map(|(name, state)| {
                Some((name.clone(), BreakerState::deserialize(state).ok()?))
            });
            let (name, breakers) = (producer.name.clone(), told.collect());
            Some(ProducerState { name, backlog: events, breakers })
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    fn stored_event(&self, number: usize, found: &Found) -> Result<StoredEvent, ReadError> {
        let contract = &self.contract;
        let at = |place: &Option<String>| found.event.pointer(place.as_deref()?);
        let id = match &contract.id {
            None => format!("#{}", number + 1),
            Some(place) => {
                let id = found.event.pointer(place).and_then(text_of);
                let (what, place) = (found.place.clone(), place.clone());
                id.ok_or(ReadError::Unexpected { what, place })?
            }
        };
        Ok(StoredEvent {
            id,
            producer: at(&contract.producer).and_then(text_of),
            lane: at(&contract.lane).and_then(text_of),
            sequence: at(&contract.sequence).and_then(number_of),
            marker: found.event.pointer(&contract.marker).and_then(text_of),
            dropped: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_server::{endpoint, serve};
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

    fn reader(url: &str, producers: Vec<Endpoint>) -> Reader {
        let mut asked = endpoint("server", url);
        asked.values.set("token", "secret");
        Reader::new(Client::new(), Asked::Part(asked), &contract(), producers)
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
        reader(&url, Vec::new()).read().await.map_err(|error| error.to_string())
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
        assert!(why.contains("/events: there is nothing at /id"), "{why}");
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
        let why = reader(&url, Vec::new()).read().await.unwrap_err().to_string();
        assert!(why.contains("not JSON"), "{why}");
    }

    #[tokio::test]
    async fn a_producer_that_does_not_answer_says_nothing() {
        const SAID: &str = r#"{"backlog": 4, "breakers": {"apt": "half_open", "dnf": "ajar"}}"#;
        let health = Router::new().route("/health", get(|| async { SAID }));
        let silent = Router::new().route("/health", get(std::future::pending::<String>));
        let producers = vec![
            endpoint("one", &serve(health).await),
            endpoint("silent", &serve(silent).await),
            endpoint("wordless", &serve(Router::new()).await),
        ];
        let reader = reader("http://127.0.0.1:1", producers);
        let breakers = vec![("apt".to_owned(), BreakerState::HalfOpen)];
        let said = ProducerState { name: "one".to_owned(), backlog: 4, breakers };
        assert_eq!(reader.producer_states().await, [said]);
    }

    #[tokio::test]
    async fn an_event_without_a_place_for_its_identity_has_its_position_for_it() {
        let mut contract = contract();
        contract.read.id = None;
        let page = r#"{"events": [{"number": "7"}, {}]}"#;
        let url = serve(Router::new().route("/events", get(move || async move { page }))).await;
        let mut asked = endpoint("server", &url);
        asked.values.set("token", "secret");
        let reader = Reader::new(Client::new(), Asked::Part(asked), &contract, Vec::new());
        let read = reader.read().await.unwrap();
        let ids: Vec<&str> = read.iter().map(|event| event.id.as_str()).collect();
        assert_eq!((ids, read[0].sequence), (vec!["#1", "#2"], Some(7)));
    }
}
