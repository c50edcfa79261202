//! Performs operations: gives one event to one producer and records what came of it.

use std::time::Duration;

use reqwest::Client;
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
}

impl Worker {
    /// A worker for these producers, each with its name and its URL.
    pub fn new(
        http: Client,
        recorder: Recorder,
        contract: EmitContract,
        producers: Vec<(String, String)>,
    ) -> Self {
        Self { http, recorder, contract, producers }
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
        let response = self.http.post(url).timeout(BOUND).json(body).send().await;
        let response = response.map_err(|error| {
            let phase = if error.is_connect() { Phase::Fail } else { Phase::Indeterminate };
            (phase, error_text(&error))
        })?;
        let status = response.status();
        let text = response.text().await;
        let text = text.map_err(|error| (Phase::Indeterminate, error_text(&error)))?;
        if status.is_client_error() {
            return Err((Phase::Fail, format!("{status} {text}")));
        }
        if !status.is_success() {
            return Err((Phase::Indeterminate, format!("{status} {text}")));
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
