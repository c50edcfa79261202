//! Gives an event in, the way its contract says.

use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::time::timeout;

use super::{command, http, line};
use crate::environment::Endpoint;
use crate::history::Phase;
use crate::system::EmitWay;
use crate::workload::Proposal;

/// How an event was not taken, or nobody knows, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::workload) struct NotTaken {
    pub phase: Phase,
    pub why: String,
}

impl NotTaken {
    /// It was certainly not taken.
    pub fn certainly(why: impl Into<String>) -> Self {
        Self { phase: Phase::Fail, why: why.into() }
    }

    /// It may have been taken.
    pub fn perhaps(why: impl Into<String>) -> Self {
        Self { phase: Phase::Indeterminate, why: why.into() }
    }
}

/// What fails in mid-way proves nothing.
impl From<std::io::Error> for NotTaken {
    fn from(error: std::io::Error) -> Self {
        Self::perhaps(error.to_string())
    }
}

/// Gives an event to a producer within `bound`, and returns the producer's answer: JSON, or null
/// where it says nothing or something else.
pub(in crate::workload) async fn give(
    way: &EmitWay,
    client: &Client,
    producer: &Endpoint,
    proposal: &Proposal,
    bound: Duration,
) -> Result<Value, NotTaken> {
    let giving = async {
        match way {
            EmitWay::Http(path) => http::post(client, &producer.url(path), &proposal.body).await,
            EmitWay::Command(command) => command::run(command, producer, proposal).await,
            EmitWay::Line(channel) => line::send(channel, producer, &proposal.text()).await,
        }
    };
    let answer = timeout(bound, giving).await;
    let answer = answer.unwrap_or_else(|_| {
        Err(NotTaken::perhaps(format!("no answer within {} ms", bound.as_millis())))
    });
    answer.map(|text| serde_json::from_str(&text).unwrap_or(Value::Null))
}
