//! Producers that exist for the bench alone, and the requests that they give events in with.

use std::net::SocketAddr;

use chrono::{SecondsFormat, Utc};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use super::BenchError;
use super::event_template::EventTemplate;
use crate::environment::{Environment, make_setup_call};
use crate::seed::Seed;
use crate::system::{BenchContract, fill};

/// Stands for the list of events in a body.
const EVENTS: &str = "\"{events}\"";

/// Producers that take turns.
#[derive(Debug)]
pub(super) struct Producers {
    /// What precedes the length of a body, for each producer.
    heads: Vec<String>,
    /// The body around its events.
    body: (String, String),
    event: EventTemplate,
    /// How many events each has given in.
    given: Vec<u64>,
    random: ChaCha8Rng,
    /// The body of the request that is being written.
    scratch: Vec<u8>,
    /// The ids of its events.
    ids: Vec<Uuid>,
}

impl Producers {
    /// Makes so many producers.
    pub async fn make(
        count: usize,
        contract: &BenchContract,
        environment: &Environment,
        to: SocketAddr,
        seed: Seed,
    ) -> Result<Self, BenchError> {
        let mut producers = Self::none(contract, seed)?;
        for number in 1..=count {
            producers.add(Self::head(number, contract, environment, to).await?);
        }
        Ok(producers)
    }

    /// None yet.
    pub fn none(contract: &BenchContract, seed: Seed) -> Result<Self, BenchError> {
        let body = contract.body.to_string();
        let (before, after) = body.split_once(EVENTS).ok_or_else(|| {
            BenchError::Unusable("`body` has no text \"{events}\" for the events".to_owned())
        })?;
        Ok(Self {
            given: Vec::new(),
            heads: Vec::new(),
            body: (before.to_owned(), after.to_owned()),
            event: EventTemplate::new(&contract.event),
            random: seed.stream("bench events"),
            scratch: Vec::new(),
            ids: Vec::new(),
        })
    }

    /// Makes a producer, of which no other has this number, and returns the beginning of its
    /// requests.
    pub async fn head(
        number: usize,
        contract: &BenchContract,
        environment: &Environment,
        to: SocketAddr,
    ) -> Result<String, BenchError> {
        let mut values = environment.values().clone().with("producer", number.to_string());
        let (url, call) = (format!("http://{to}"), &contract.producer);
        for (name, value) in make_setup_call(environment.http(), &url, call, &values).await? {
            values.set(name, value);
        }
        let mut head =
            format!("POST {} HTTP/1.1\r\nHost: {to}\r\n", fill(&contract.path, &values)?);
        for (name, value) in &contract.headers {
            head.push_str(&format!("{name}: {}\r\n", fill(value, &values)?));
        }
        head.push_str("Content-Type: application/json\r\nContent-Length: ");
        Ok(head)
    }

    /// Adds the producer whose requests begin so.
    pub fn add(&mut self, head: String) {
        self.heads.push(head);
        self.given.push(0);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.heads.len()
    }

    /// Appends a request with so many events, of the producer whose turn it is.
    pub fn write_request(&mut self, request: u64, events: usize, bytes: &mut Vec<u8>) {
        let producer = (request % self.heads.len() as u64) as usize;
        let now = Utc::now();
        let text = now.to_rfc3339_opts(SecondsFormat::Millis, true);
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        self.scratch.clear();
        self.ids.clear();
        self.scratch.extend_from_slice(self.body.0.as_bytes());
        self.scratch.push(b'[');
        for index in 0..events {
            if index > 0 {
                self.scratch.push(b',');
            }
            self.given[producer] += 1;
            let number = self.given[producer];
            let (event, now) = (&self.event, (millis, text.as_str()));
            self.ids.extend(event.write(number, now, &mut self.random, &mut self.scratch));
        }
        self.scratch.push(b']');
        self.scratch.extend_from_slice(self.body.1.as_bytes());
        bytes.extend_from_slice(self.heads[producer].as_bytes());
        bytes.extend_from_slice(self.scratch.len().to_string().as_bytes());
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(&self.scratch);
    }

    /// The UUIDs of version 7 in the events of the last request.
    pub fn last_ids(&self) -> &[Uuid] {
        &self.ids
    }
}
