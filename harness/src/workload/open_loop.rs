//! The open-loop clock: operations start at their planned time, whatever the system does.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::{Generator, Worker};

/// How fast operations are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pace {
    /// Operations a second, over all producers.
    pub rate: u32,
    /// For how long, in milliseconds.
    pub lasts: u64,
}

impl Pace {
    /// How many operations are started.
    pub fn operations(self) -> u64 {
        u64::from(self.rate) * self.lasts / 1000
    }

    /// When an operation is due, after the beginning.
    pub(super) fn due(self, operation: u64) -> Duration {
        Duration::from_nanos(operation * 1_000_000_000 / u64::from(self.rate.max(1)))
    }
}

/// Starts operations at a constant pace from `start` on, and returns when the last has ended.
pub async fn emit_for(worker: &Worker, generator: &mut Generator, pace: Pace, start: Instant) {
    let worker = Arc::new(worker.clone());
    let mut running = JoinSet::new();
    for operation in 0..pace.operations() {
        sleep_until(start + pace.due(operation)).await;
        let (worker, proposal) = (Arc::clone(&worker), generator.propose());
        running.spawn(async move { worker.emit(proposal, false).await });
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_due_evenly() {
        let pace = Pace { rate: 4, lasts: 2000 };
        assert_eq!(pace.operations(), 8);
        assert_eq!(pace.due(0), Duration::ZERO);
        assert_eq!(pace.due(6), Duration::from_millis(1500));
    }
}
