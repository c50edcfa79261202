//! Loads a system with events from producers of the bench, and keeps count of what it answered for.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::BenchError;
use super::ground::{address, last_line};
use super::producers::Producers;
use crate::environment::Environment;
use crate::seed::Seed;
use crate::system::BenchContract;
use crate::workload::engine::{Load, Loop, Measured, drive};

/// How events are given in, closed loop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loading {
    /// Events of a request.
    pub events: usize,
    pub connections: usize,
}

/// A system that takes events.
pub(super) struct Loads {
    to: SocketAddr,
    producers: Arc<Mutex<Producers>>,
    /// How many events were answered for with success.
    pub accepted: u64,
    /// The log of the part that takes events.
    log: PathBuf,
}

impl Loads {
    /// Without producers yet.
    pub fn make(
        contract: &BenchContract,
        environment: &Environment,
        seed: Seed,
        folder: &Path,
    ) -> Result<Self, BenchError> {
        Ok(Self {
            to: address(environment, &contract.to)?,
            producers: Arc::new(Mutex::new(Producers::none(contract, seed)?)),
            accepted: 0,
            log: folder.join(format!("{}.log", contract.to)),
        })
    }

    /// Adds producers until there are so many.
    pub async fn enlarge(
        &mut self,
        producers: usize,
        contract: &BenchContract,
        environment: &Environment,
    ) -> Result<(), BenchError> {
        let there = self.lock().count();
        for number in there + 1..=producers {
            let head = Producers::head(number, contract, environment, self.to).await?;
            self.lock().add(head);
        }
        Ok(())
    }

    /// Gives in events for so long.
    ///
    /// # Errors
    /// No request was answered with success.
    pub async fn load(
        &mut self,
        loading: Loading,
        lasts: Duration,
    ) -> Result<Measured, BenchError> {
        let measured = self.exchange(self.to, loading, lasts).await?;
        if measured.succeeded == 0 {
            return Err(BenchError::NoneSucceeded {
                what: format!("batches of {}", loading.events),
                requests: measured.lateness.len(),
                log: last_line(&self.log),
            });
        }
        self.accepted += measured.succeeded * loading.events as u64;
        Ok(measured)
    }

    /// Sends the same requests anywhere, for so long; nothing is counted as accepted.
    pub async fn exchange(
        &self,
        to: SocketAddr,
        Loading { events, connections }: Loading,
        lasts: Duration,
    ) -> Result<Measured, BenchError> {
        let load = Load { pace: Loop::Closed(lasts), connections, depth: 1 };
        let producers = Arc::clone(&self.producers);
        let loading = spawn_blocking(move || {
            let mut producers = producers.lock().unwrap_or_else(PoisonError::into_inner);
            drive(to, &load, |request, bytes| producers.write_request(request, events, bytes))
        });
        Ok(loading.await.map_err(std::io::Error::other)??)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Producers> {
        self.producers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
