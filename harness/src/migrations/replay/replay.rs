//! One replay, from a lineage to its outcome.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::fresh::fresh_pass;
use super::{LineageSummary, ReplayError, ReplayOutcome, Seeding, Upgrade, findings, summary};
use crate::migrations::lineage::Lineage;
use crate::seed::Seed;

/// How a replay is made.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Where every random choice comes from.
    pub seed: Seed,
    /// How long one statement may take.
    pub statement_deadline: Duration,
    /// Whether rows are generated at every version and carried to the head.
    pub with_data: bool,
}

/// What a replay is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The pass on an empty database.
    Fresh,
    /// The walk from the head to nothing.
    WalkDown,
    /// The walk with data.
    Upgrade,
}

/// Is told of each migration before it is run: the stage, its place in the lineage, its version.
pub type Progress<'run> = &'run (dyn Fn(Stage, usize, &str) + Sync);

/// Replays a lineage on PostgreSQL servers of its own.
///
/// # Errors
/// PostgreSQL is missing, does not start, or goes away. What migrations do wrong is in the outcome.
pub async fn replay(
    lineage: &Lineage,
    options: &ReplayOptions,
    progress: Progress<'_>,
) -> Result<ReplayOutcome, ReplayError> {
    let mut timings = BTreeMap::new();
    let begun = Instant::now();
    let fresh = fresh_pass(lineage, options, progress).await?;
    timings.insert("fresh_ms", milliseconds(begun));
    timings.insert("total_ms", milliseconds(begun));
    Ok(ReplayOutcome {
        lineage: LineageSummary::of(lineage),
        seed: options.seed,
        fresh: summary::fresh(lineage, &fresh),
        upgrade: Upgrade::default(),
        round_trip: summary::round_trips(lineage, &fresh),
        twice: summary::twice(lineage, &fresh),
        seeding: Seeding::default(),
        trials: fresh.trials,
        findings: findings::of(lineage, &fresh),
        timings,
    })
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
