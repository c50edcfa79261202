//! Injects the faults of a schedule, each at its time, and records them.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::{FaultError, Schedule, ScheduledFault};
use crate::environment::Environment;
use crate::history::{Action, Phase, Recorder};

/// The actor that disturbs an environment.
#[derive(Debug)]
pub struct Nemesis {
    environment: Arc<Environment>,
    recorder: Recorder,
}

impl Nemesis {
    /// A nemesis of this environment.
    pub fn new(environment: Arc<Environment>, recorder: Recorder) -> Self {
        Self { environment, recorder }
    }

    /// Carries a schedule out, from `start` on; faults may overlap. Returns when the last one has
    /// healed. Dropped before that, it heals what is still going on.
    ///
    /// # Errors
    /// The first fault that could not be injected or healed, after the others have been.
    pub async fn carry_out(&self, schedule: &Schedule, start: Instant) -> Result<(), FaultError> {
        let mut running = JoinSet::new();
        for scheduled in schedule.faults().iter().cloned() {
            let (environment, recorder) = (Arc::clone(&self.environment), self.recorder.clone());
            running.spawn(disturb(environment, recorder, scheduled, start));
        }
        let mut outcome = Ok(());
        while let Some(ended) = running.join_next().await {
            let ended = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
            outcome = outcome.and(ended);
        }
        outcome
    }
}

async fn disturb(
    environment: Arc<Environment>,
    recorder: Recorder,
    scheduled: ScheduledFault,
    start: Instant,
) -> Result<(), FaultError> {
    sleep_until(start + Duration::from_millis(scheduled.at)).await;
    let described = scheduled.fault.describe(&environment);
    let operation = recorder.invoke("nemesis", Action::Fault(described.clone()));
    let outcome = async {
        let active = scheduled.fault.inject(&environment).await?;
        sleep_until(start + Duration::from_millis(scheduled.at + scheduled.lasts)).await;
        active.heal().await
    }
    .await;
    let phase = if outcome.is_ok() { Phase::Ok } else { Phase::Fail };
    recorder.complete(operation, phase, Action::Fault(described));
    outcome
}
