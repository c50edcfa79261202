//! Performs operations: gives one event to one producer and records what came of it.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::Value;

use super::Proposal;
use crate::history::{Action, Emit, Phase, Receipt, Recorder};
use crate::system::EmitContract;

/// How long a producer may take to take an event before nobody knows whether it did.
const BOUND: Duration = Duration::from_secs(3);

/// Gives events to the producers of one system.
#[derive(Clone, Debug)]
pub struct Worker {
    http: Client,
    recorder: Recorder,
    contract: EmitContract,
    /// Name and address of each producer.
    producers: Vec<(String, String)>,
    bound: Duration,
}

impl Worker {
    /// A worker for these producers, each with its name and its URL.
    pub fn new(
        http: Client,
        recorder: Recorder,
        contract: EmitContract,
        producers: Vec<(String, String)>,
    ) -> Self {
        Self { http, recorder, contract, producers, bound: BOUND }
    }

    /// How many producers it serves.
    pub fn producers(&self) -> usize {
        self.producers.len()
    }

    /// Gives one event to its producer. Returns how it ended.
    pub async fn emit(&self, proposal: Proposal, probe: bool) -> Phase {
        let (producer, url) = &self.producers[proposal.producer];
        let mut emit = Emit {
            producer: producer.clone(),
            marker: proposal.marker,
            kind: proposal.kind,
            urgent: proposal.urgent,
            probe,
            receipt: None,
            error: None,
        };
        let process = format!("worker-{producer}");
        let operation = self.recorder.invoke(&process, Action::Emit(emit.clone()));
        let url = format!("{url}{}", self.contract.path);
        let phase = match self.post(&url, &proposal.body).await {
            Ok(receipt) => {
                emit.receipt = Some(receipt);
                Phase::Ok
            }
            Err((phase, why)) => {
                emit.error = Some(why);
                phase
            }
        };
        self.recorder.complete(operation, phase, Action::Emit(emit));
        phase
    }

    /// Only an answer that says no, and a connection that never came about, prove that nothing
    /// happened.
    async fn post(&self, url: &str, body: &Value) -> Result<Receipt, (Phase, String)> {
        let response = self.http.post(url).timeout(self.bound).json(body).send().await;
        let response = response.map_err(|error| {
            let phase = if error.is_connect() { Phase::Fail } else { Phase::Indeterminate };
            (phase, error_text(&error))
        })?;
        let status = response.status();
        let text = response.text().await;
        let text = text.map_err(|error| (Phase::Indeterminate, error_text(&error)))?;
        if !status.is_success() {
            let no = status.is_client_error();
            let phase = if no { Phase::Fail } else { Phase::Indeterminate };
            return Err((phase, refusal(status, &text)));
        }
        Ok(self.receipt(&serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    fn receipt(&self, answer: &Value) -> Receipt {
        let at = |place: &Option<String>| answer.pointer(place.as_deref()?).cloned();
        Receipt {
            id: at(&self.contract.id).and_then(|value| text_of(&value)),
            lane: at(&self.contract.lane).and_then(|value| text_of(&value)),
            sequence: at(&self.contract.sequence).and_then(|value| value.as_u64()),
        }
    }
}

/// How much of a refusal's words is kept; a history holds one for every event.
const WORDS_KEPT: usize = 300;

/// A refusal as a history tells it.
pub(super) fn refusal(status: StatusCode, words: &str) -> String {
    let kept: String = words.trim().chars().take(WORDS_KEPT).collect();
    format!("{status} {kept}").trim_end().to_owned()
}

/// A JSON string or number as text.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An error with what caused it, since reqwest's own words name only the URL.
pub(super) fn error_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::test_server::serve;
    use super::*;
    use crate::history::{EmitView, Header, History};
    use crate::seed::Seed;
    use axum::Router;
    use axum::http::StatusCode as Status;
    use axum::response::IntoResponse;
    use axum::routing::post;
    use serde_json::json;

    /// Gives one event to the producer at `url` and returns what is recorded of it.
    async fn emit_to(url: String, bound: Duration) -> History {
        let folder = tempfile::tempdir().unwrap();
        let header = Header::new(Seed(1), "none", "none", "sample");
        let recorder = Recorder::create(&folder.path().join("history"), header).unwrap();
        let contract = serde_json::from_value(json!({
            "to": "agent", "path": "/events", "marker": "/marker",
            "id": "/id", "lane": "/lane", "sequence": "/number", "kinds": []
        }));
        let producers = vec![("agent-1".to_owned(), url)];
        let worker = Worker::new(Client::new(), recorder.clone(), contract.unwrap(), producers);
        let worker = Worker { bound, ..worker };
        let proposal = Proposal {
            producer: 0,
            kind: "plain".into(),
            urgent: false,
            marker: "m-1".into(),
            body: json!({"marker": "m-1"}),
        };
        let phase = worker.emit(proposal, false).await;
        let history = recorder.finish().unwrap();
        assert_eq!(only(&history).phase, phase, "what is returned is what is recorded");
        history
    }

    async fn emit_answered<A: IntoResponse + Clone + Send + Sync + 'static>(answer: A) -> History {
        let events = Router::new().route("/events", post(|| async { answer }));
        emit_to(serve(events).await, BOUND).await
    }

    fn only(history: &History) -> EmitView<'_> {
        let emits = history.emits();
        assert_eq!(emits.len(), 1);
        emits[0]
    }

    fn error(history: &History) -> &str {
        only(history).emit.error.as_deref().unwrap()
    }

    #[tokio::test]
    async fn a_yes_is_ok_and_its_receipt_is_kept() {
        let history = emit_answered(r#"{"id": "e-1", "lane": "urgent", "number": 5}"#).await;
        assert_eq!(only(&history).phase, Phase::Ok);
        let receipt = only(&history).emit.receipt.as_ref().unwrap();
        assert_eq!(receipt.id.as_deref(), Some("e-1"));
        assert_eq!((receipt.lane.as_deref(), receipt.sequence), (Some("urgent"), Some(5)));
    }

    #[tokio::test]
    async fn a_yes_without_words_is_ok() {
        let history = emit_answered(Status::NO_CONTENT).await;
        assert_eq!(only(&history).phase, Phase::Ok);
        assert_eq!(only(&history).emit.receipt.as_ref().unwrap().id, None);
    }

    #[tokio::test]
    async fn a_no_is_a_failure_with_its_words_cut_short() {
        let history = emit_answered((Status::BAD_REQUEST, "no ".repeat(10_000))).await;
        assert_eq!(only(&history).phase, Phase::Fail);
        let why = error(&history);
        assert!(why.starts_with("400 Bad Request no no") && why.len() < 400, "{why}");
    }

    #[tokio::test]
    async fn an_error_of_the_producer_proves_nothing() {
        let history = emit_answered((Status::INTERNAL_SERVER_ERROR, "oh")).await;
        assert_eq!(only(&history).phase, Phase::Indeterminate);
        assert!(error(&history).contains("500"));
    }

    #[tokio::test]
    async fn no_answer_in_time_proves_nothing() {
        let silent = Router::new().route("/events", post(std::future::pending::<String>));
        let history = emit_to(serve(silent).await, Duration::from_millis(100)).await;
        assert_eq!(only(&history).phase, Phase::Indeterminate);
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_proves_nothing() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let breaking = async {
            let (stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
        };
        let (history, ()) = tokio::join!(emit_to(url, BOUND), breaking);
        assert_eq!(only(&history).phase, Phase::Indeterminate);
    }

    #[tokio::test]
    async fn a_connection_that_never_came_about_is_a_failure() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let history = emit_to(url, BOUND).await;
        assert_eq!(only(&history).phase, Phase::Fail);
        assert!(error(&history).contains("refused"), "{}", error(&history));
    }
}
