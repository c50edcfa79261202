//! One replay, from a lineage to its outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{Local, NaiveDate};
use futures_util::FutureExt as _;

use super::explained::told_once;
use super::fresh::{self, fresh_pass};
use super::single_path::single_paths;
use super::stretches::try_all;
use super::timings::{counted, milliseconds};
use super::traffic::TrafficOptions;
use super::upgrade::upgrade_pass;
use super::{
    FreshPass, LineageSummary, ReplayError, ReplayOutcome, Server, UpgradePass, findings, summary,
};
use crate::migrations::lineage::{Lineage, refuse_reaching};
use crate::migrations::rules;
use crate::seed::Seed;

/// How a replay is made.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Where every random choice comes from.
    pub seed: Seed,
    /// How long one statement may take.
    pub statement_deadline: Duration,
    /// Whether each migration is also run twice, taken down, up again and cut.
    pub with_trials: bool,
    /// Whether rows are generated at every version and carried to the head.
    pub with_data: bool,
    /// A dump that the walk with data starts from, in place of generated rows.
    pub from_dump: Option<PathBuf>,
    /// Whether a backup is taken and restored before the last migration with data.
    pub with_drill: bool,
    /// The URL of a live database that the head is compared with; it is only read.
    pub against: Option<String>,
    /// At how many rows of each table that a migration names its cost is measured; at the few
    /// generated ones if not given.
    pub rows: Option<u32>,
    /// The files of the migrations that are measured with these rows and this traffic; all of them
    /// if not given.
    pub measured: Option<BTreeSet<String>>,
    /// Whether readers and writers are at work on the tables during each migration with data.
    pub traffic: Option<TrafficOptions>,
    /// The longest wait of theirs that is no finding, in milliseconds.
    pub stall_budget: Option<u64>,
    /// How many upgrade paths, drawn by seed, are replayed alone as a check on the walk with data.
    pub paths: usize,
    /// The day on which it is judged what `lineage.toml` accepts.
    pub today: NaiveDate,
}

impl Default for ReplayOptions {
    /// Everything but what takes long, with a seed that nobody chose.
    fn default() -> Self {
        Self {
            seed: Seed::fresh(),
            statement_deadline: Duration::from_secs(60),
            with_trials: true,
            with_data: true,
            from_dump: None,
            with_drill: false,
            against: None,
            rows: None,
            measured: None,
            traffic: None,
            stall_budget: None,
            paths: 1,
            today: Local::now().date_naive(),
        }
    }
}

impl ReplayOptions {
    /// How often a replay of this lineage tells of its progress.
    pub fn steps(&self, lineage: &Lineage) -> usize {
        let all = lineage.migrations.len();
        let downs = lineage.migrations.iter().filter(|migration| migration.down.is_some()).count();
        let trials = if self.with_trials { all + downs } else { 0 };
        let with_data = if self.with_data { all + self.paths } else { 0 };
        all + trials + with_data
    }
}

/// What a replay is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The pass on an empty database.
    Fresh,
    /// Each migration twice, down and up again.
    Trial,
    /// The walk from the head to nothing.
    WalkDown,
    /// The walk with data.
    Upgrade,
    /// One upgrade path alone, from this version.
    SinglePath,
}

/// Is told of each migration's version before it is run in a stage.
pub type Progress<'run> = &'run (dyn Fn(Stage, &str) + Sync);

/// Replays a lineage on PostgreSQL servers of its own.
///
/// # Errors
/// PostgreSQL is missing, does not start, or goes away; or a migration reaches the machine, and
/// `lineage.toml` does not let it. What migrations do wrong is in the outcome.
pub async fn replay(
    lineage: &Lineage,
    options: &ReplayOptions,
    progress: Progress<'_>,
) -> Result<ReplayOutcome, ReplayError> {
    let (outcome, parts) = counted(replay_all(lineage, options, progress)).await;
    let mut outcome = outcome?;
    outcome.timings.extend(parts);
    Ok(outcome)
}

async fn replay_all(
    lineage: &Lineage,
    options: &ReplayOptions,
    progress: Progress<'_>,
) -> Result<ReplayOutcome, ReplayError> {
    refuse_reaching(lineage)?;
    let begun = Instant::now();
    let server = Server::start(fresh::DATABASE).await?;
    let (mut fresh, descent) = fresh_pass(&server, lineage, options, progress).await?;
    let mut timings = BTreeMap::from([("fresh_ms", milliseconds(begun.elapsed()))]);
    let walking = Instant::now();
    // On the heap: all of them at once are too much for a thread's stack.
    let trials = async {
        match options.with_trials {
            true => try_all(lineage, &fresh, options, progress).await.map(Some),
            false => Ok(None),
        }
    }
    .boxed();
    let walk_down = async {
        match options.with_trials {
            true => descent.walk_down(&fresh.courses, progress).await,
            false => Ok(Vec::new()),
        }
    }
    .boxed();
    let upgrade = async {
        match options.with_data {
            true => upgrade_pass(lineage, &fresh, options, progress).await.map(Some),
            false => Ok(None),
        }
    }
    .boxed();
    // They only wait for their servers. Where the waits of readers and writers are measured, nothing
    // else is done meanwhile.
    let (tries, walk_failed, upgrade) = match options.traffic {
        None => tokio::try_join!(trials, walk_down, upgrade)?,
        Some(_) => (trials.await?, walk_down.await?, upgrade.await?),
    };
    if let Some(tries) = tries {
        fresh.take(tries);
    }
    fresh.walk_failed = walk_failed;
    drop(server);
    timings.insert("walks_ms", milliseconds(walking.elapsed()));
    let checking = Instant::now();
    let alone = match &upgrade {
        Some(walk) => single_paths(lineage, &fresh, walk, options, progress).await?,
        None => Vec::new(),
    };
    timings.insert("single_paths_ms", milliseconds(checking.elapsed()));
    timings.insert("total_ms", milliseconds(begun.elapsed()));
    let mut outcome = assemble(lineage, options, &fresh, upgrade.as_ref(), timings);
    outcome.upgrade.alone = alone;
    Ok(judged(lineage, options, (&fresh, upgrade.as_ref()), outcome))
}

fn assemble(
    lineage: &Lineage,
    options: &ReplayOptions,
    fresh: &FreshPass,
    upgrade: Option<&UpgradePass>,
    timings: BTreeMap<&'static str, u64>,
) -> ReplayOutcome {
    let mut round_trip = summary::round_trips(lineage, fresh);
    round_trip.data_lost =
        upgrade.map(|pass| summary::data_lost(lineage, pass)).unwrap_or_default();
    ReplayOutcome {
        lineage: LineageSummary::of(lineage),
        seed: options.seed,
        fresh: summary::fresh(lineage, fresh),
        upgrade: upgrade.map(|pass| summary::upgrade(lineage, fresh, pass)).unwrap_or_default(),
        round_trip,
        twice: summary::twice(lineage, fresh, upgrade),
        seeding: upgrade.map(|pass| summary::seeding(lineage, pass)).unwrap_or_default(),
        cut: summary::cuts(lineage, fresh),
        cost: summary::costs(lineage, fresh, upgrade),
        stalls: upgrade.map(|pass| summary::stalls(lineage, pass)).unwrap_or_default(),
        drift: fresh.drifts.clone(),
        drill: upgrade.and_then(|pass| pass.drill.clone()),
        trials: fresh.trials,
        judged: None,
        findings: Vec::new(),
        accepted: Vec::new(),
        timings,
    }
}

/// The outcome with its findings, and those apart that are accepted.
fn judged(
    lineage: &Lineage,
    options: &ReplayOptions,
    passes: (&FreshPass, Option<&UpgradePass>),
    mut outcome: ReplayOutcome,
) -> ReplayOutcome {
    let mut found = findings::of(lineage, passes, &outcome);
    found.extend(findings::of_comparisons(&outcome));
    found.extend(findings::over_budget(lineage, options.stall_budget, &outcome));
    found.extend(rules::check(lineage));
    (outcome.findings, outcome.accepted) = lineage.sift(told_once(found), options.today);
    outcome
}
