//! The live stream of events, kept open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use harness::environment::Environment;
use libtest_mimic::Failed;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::calls::{part, value};

/// When each event was first seen at some place, by its id.
#[derive(Clone, Debug, Default)]
pub struct Arrivals(Arc<Mutex<BTreeMap<String, DateTime<Utc>>>>);

/// An open stream of events.
#[derive(Debug)]
pub struct Stream {
    /// What it has shown.
    pub arrivals: Arrivals,
    reader: JoinHandle<()>,
}

impl Arrivals {
    /// The event of that id is there.
    pub fn note(&self, id: &str) {
        self.lock().entry(id.to_owned()).or_insert_with(Utc::now);
    }

    /// When the event of that id came, if it did.
    pub fn when(&self, id: &str) -> Option<DateTime<Utc>> {
        self.lock().get(id).copied()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, DateTime<Utc>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    /// Opens the stream, from the first event on.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn open(environment: &Environment) -> Result<Self, Failed> {
        let url = format!("{}/api/v1/events/stream", part(environment, "server")?.url());
        let token = value(environment, "admin_token")?;
        let response = environment.http().get(url).bearer_auth(token).send().await?;
        let mut response = response.error_for_status()?;
        let arrivals = Arrivals::default();
        let seen = arrivals.clone();
        let reader = tokio::spawn(async move {
            let mut text = Vec::new();
            while let Ok(Some(chunk)) = response.chunk().await {
                text.extend_from_slice(&chunk);
                while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    note_line(&seen, &line);
                }
            }
        });
        Ok(Self { arrivals, reader })
    }

    /// Whether it has shown the event of that id.
    pub fn has_shown(&self, id: &str) -> bool {
        self.arrivals.when(id).is_some()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn note_line(arrivals: &Arrivals, line: &[u8]) {
    let data = line.strip_prefix(b"data:").unwrap_or_default();
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
    event["id"].as_str().into_iter().for_each(|id| arrivals.note(id));
}
