//! Reads back what the system has stored, and how much its producers still hold.

use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

use super::worker::{error_text, text_of};
use crate::environment::Environment;
use crate::history::StoredEvent;
use crate::system::{BacklogContract, ReadContract, TemplateError, Values, fill};

/// How long one page may take.
const BOUND: Duration = Duration::from_secs(10);
/// More pages than any run fills; a cursor that never ends is a fault of the system.
const MOST_PAGES: usize = 100_000;

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
    /// A reader of this environment.
    ///
    /// # Errors
    /// When the part that is asked does not exist.
    pub fn new(
        environment: &Environment,
        contract: ReadContract,
        backlog: BacklogContract,
        producers: Vec<(String, String)>,
    ) -> Result<Self, ReadError> {
        let part = environment.parts_of(&contract.from).next();
        let url = part.ok_or_else(|| ReadError::NoPart(contract.from.clone()))?.url().to_owned();
        let values = environment.values().clone();
        Ok(Self { http: environment.http().clone(), contract, backlog, url, values, producers })
    }

    /// Everything stored, in the system's own order.
    ///
    /// # Errors
    /// When a page cannot be read or is not as described.
    pub async fn read(&self) -> Result<Vec<StoredEvent>, ReadError> {
        let mut stored = Vec::new();
        let mut path = fill(&self.contract.path, &self.values)?;
        for _ in 0..MOST_PAGES {
            let url = format!("{}{path}", self.url);
            let page = self.get(&url, true).await?;
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
            path = fill(&self.contract.next_path, &self.values.clone().with("cursor", cursor))?;
        }
        Err(ReadError::Refused { url: self.url.clone(), why: "its pages never end".to_owned() })
    }

    /// How many events each producer still holds, by its name. A producer that does not answer
    /// is left out.
    pub async fn backlogs(&self) -> Vec<(String, u64)> {
        let mut backlogs = Vec::new();
        for (name, url) in &self.producers {
            let url = format!("{url}{}", self.backlog.path);
            if let Ok(answer) = self.get(&url, false).await
                && let Some(events) = answer.pointer(&self.backlog.events).and_then(Value::as_u64)
            {
                backlogs.push((name.clone(), events));
            }
        }
        backlogs
    }

    async fn get(&self, url: &str, authorised: bool) -> Result<Value, ReadError> {
        let refused = |why: String| ReadError::Refused { url: url.to_owned(), why };
        let mut request = self.http.get(url).timeout(BOUND);
        if authorised {
            for (name, value) in &self.contract.headers {
                request = request.header(name, fill(value, &self.values)?);
            }
        }
        let response = request.send().await.map_err(|error| refused(error_text(&error)))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| refused(error_text(&error)))?;
        if !status.is_success() {
            return Err(refused(format!("{status} {text}")));
        }
        serde_json::from_str(&text).map_err(|error| refused(format!("not JSON: {error}")))
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
