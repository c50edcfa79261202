//! One case at work: it starts the server, sees what comes of it, and compares.

use super::CertifyError;
use super::blueprint::Blueprint;
use super::database::Database;
use super::goal::Goal;
use super::ground::Ground;
use super::instance::{Instance, Launch};
use super::sighting::Sighting;
use super::state::State;

/// One case at work.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'g, 'a> {
    /// What it stands on.
    pub ground: &'g Ground<'a>,
    /// Its name, after which logs are called.
    pub case: &'g str,
}

impl<'g, 'a> Scene<'g, 'a> {
    /// What all cases share.
    pub fn blueprint(&self) -> &'a Blueprint {
        self.ground.blueprint
    }

    /// Starts the server, sees what comes of it, and kills it.
    ///
    /// # Errors
    /// When the server cannot be started, or there is nothing to compare with.
    pub async fn sight(
        &self,
        step: &str,
        launch: &Launch<'_>,
        goal: Goal<'_>,
    ) -> Result<Sighting, CertifyError> {
        let mut instance = Instance::start(self.ground, launch).await?;
        let seen = self.observe(&mut instance, launch.database, step, goal).await;
        instance.kill().await;
        seen
    }

    /// Sees what comes of a server that was started.
    ///
    /// # Errors
    /// When there is nothing to compare with, or PostgreSQL refuses to tell.
    pub async fn observe(
        &self,
        instance: &mut Instance<'_>,
        database: &Database,
        step: &str,
        goal: Goal<'_>,
    ) -> Result<Sighting, CertifyError> {
        let seen = self.conduct(instance, database, step, goal).await;
        let found = State::read(database, &self.blueprint().file).await?;
        let mut drift = goal.target.drift(&found);
        if goal.under_traffic {
            drift.data.clear();
        }
        let seen = Sighting {
            recorded: found.recorded.len(),
            unexpected_records: drift.unexpected_records,
            missing_records: drift.missing_records,
            catalog: drift.catalog,
            data: drift.data,
            ..seen
        };
        Ok(with_last_words(seen.judged(goal.expected), instance))
    }

    /// Sees what a server does, unjudged.
    pub async fn conduct(
        &self,
        instance: &mut Instance<'_>,
        database: &Database,
        step: &str,
        goal: Goal<'_>,
    ) -> Sighting {
        let file = &self.blueprint().file;
        let is_complete = async || goal.complete.is_reached_in(database, file).await;
        let watched = instance.watch(goal.expected, is_complete).await;
        let ready_while_incomplete_ms = watched.ready_while_incomplete.as_millis();
        Sighting {
            step: step.to_owned(),
            end: watched.end,
            exited_well: watched.exited_well,
            health: instance.health().await,
            claims: instance.claims(),
            ready_while_incomplete_ms: u64::try_from(ready_while_incomplete_ms).unwrap_or(u64::MAX),
            ..Sighting::default()
        }
    }
}

/// Where something is wrong, the server's own words belong to the evidence.
pub fn with_last_words(seen: Sighting, instance: &Instance<'_>) -> Sighting {
    let log = if seen.problems.is_empty() { Vec::new() } else { instance.last_words() };
    Sighting { log, ..seen }
}
