//! Performs operations: gives one event to one producer and records what came of it.

use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

use super::Proposal;
use super::give::{NotTaken, give};
use super::words::{number_of, text_of};
use crate::environment::Endpoint;
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
    producers: Vec<Endpoint>,
    bound: Duration,
}

impl Worker {
    /// A worker for these producers.
    pub fn new(
        http: Client,
        recorder: Recorder,
        contract: EmitContract,
        producers: Vec<Endpoint>,
    ) -> Self {
        Self { http, recorder, contract, producers, bound: BOUND }
    }

    /// How many producers it serves.
    pub fn producers(&self) -> usize {
        self.producers.len()
    }

    /// Gives one event to its producer. Returns how it ended.
    pub async fn emit(&self, proposal: Proposal, probe: bool) -> Phase {
        let producer = &self.producers[proposal.producer];
        let mut emit = Emit {
            producer: producer.name.clone(),
            marker: proposal.marker.clone(),
            kind: proposal.kind.clone(),
            urgent: proposal.urgent,
            probe,
            receipt: None,
            error: None,
        };
        let process = format!("worker-{}", producer.name);
        let operation = self.recorder.invoke(&process, Action::Emit(emit.clone()));
        let way = &self.contract.way;
        let phase = match give(way, &self.http, producer, &proposal, self.bound).await {
            Ok(answer) => {
                emit.receipt = Some(self.receipt(&answer));
                Phase::Ok
            }
            Err(NotTaken { phase, why }) => {
                emit.error = Some(why);
                phase
            }
        };
        self.recorder.complete(operation, phase, Action::Emit(emit));
        phase
    }

    fn receipt(&self, answer: &Value) -> Receipt {
        let at = |place: &Option<String>| answer.pointer(place.as_deref()?);
        Receipt {
            id: at(&self.contract.id).and_then(text_of),
            lane: at(&self.contract.lane).and_then(text_of),
            sequence: at(&self.contract.sequence).and_then(number_of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_server::{endpoint, serve};
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
        let producers = vec![endpoint("agent-1", &url)];
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
