//! The calls that a server must answer as long as it says that it is ready.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::blueprint::Blueprint;
use super::instance::Instance;
use crate::environment::make_setup_call;
use crate::system::{SetupCall, Values};

/// How long callers rest between two rounds.
const REST: Duration = Duration::from_millis(5);

/// Calls to one instance.
#[derive(Debug)]
pub struct Traffic<'a> {
    blueprint: &'a Blueprint,
    url: String,
    values: Values,
}

/// What became of the calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// How many there were.
    pub made: usize,
    /// How many failed.
    pub failed: usize,
    /// Why the first of those did.
    pub first_failure: Option<String>,
}

impl<'a> Traffic<'a> {
    /// Prepares the calls to an instance that is ready.
    ///
    /// # Errors
    /// When a setup call fails; its words.
    pub async fn prepare(
        blueprint: &'a Blueprint,
        instance: &Instance<'_>,
    ) -> Result<Self, String> {
        let (url, values) = (instance.url.clone(), instance.values.clone());
        let mut traffic = Self { blueprint, url, values };
        for call in &blueprint.file.setup {
            traffic.make(call).await?;
        }
        Ok(traffic)
    }

    async fn make(&mut self, call: &SetupCall) -> Result<(), String> {
        let made = make_setup_call(&self.blueprint.http, &self.url, call, &self.values).await;
        for (name, value) in made.map_err(|error| error.to_string())? {
            self.blueprint.secrets.add(value.clone());
            self.values.set(name, value);
        }
        Ok(())
    }

    /// Makes every call again and again until it is told to stop, and at least `rounds` times.
    pub async fn flow(&mut self, rounds: usize, stop: &CancellationToken) -> Calls {
        let mut calls = Calls::default();
        let mut round = 0;
        while round < rounds || !stop.is_cancelled() {
            for call in &self.blueprint.file.traffic {
                calls.made += 1;
                if let Err(why) = self.make(call).await {
                    calls.failed += 1;
                    calls.first_failure.get_or_insert(why);
                }
            }
            round += 1;
            sleep(REST).await;
        }
        calls
    }
}

impl Calls {
    /// What is wrong with them.
    pub fn problem(&self) -> Option<String> {
        let why = self.first_failure.as_deref()?;
        Some(format!("{} of {} calls failed, the first with: {why}", self.failed, self.made))
    }
}
