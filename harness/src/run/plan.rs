//! What one run does: its load and its faults.

use std::sync::Arc;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::Soak;
use crate::faults::{Fault, Schedule, ScheduledFault, Targets};
use crate::seed::Seed;
use crate::workload::Pace;

/// The choice of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanName {
    /// Under a minute: one fault of each kind while events flow.
    #[default]
    Quick,
    /// As long as asked for: constant load, and generated faults with rests between.
    Soak(Soak),
}

impl PlanName {
    /// The word for it on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Soak(_) => "soak",
        }
    }

    /// What draws up the plan of that name.
    pub fn planner(self) -> Planner {
        match self {
            Self::Quick => Planner::new(quick),
            Self::Soak(soak) => Planner::new(move |targets, seed| soak.plan(targets, seed)),
        }
    }
}

/// Draws up a plan against the targets of a running environment. Every random choice comes from
/// the seed.
#[derive(Clone)]
pub struct Planner(Arc<DrawUp>);

/// From what is there and the seed to what is done.
type DrawUp = dyn Fn(&Targets, Seed) -> Plan + Send + Sync;

impl Planner {
    /// A planner that draws up what this function does.
    pub fn new(draw_up: impl Fn(&Targets, Seed) -> Plan + Send + Sync + 'static) -> Self {
        Self(Arc::new(draw_up))
    }

    /// A planner that always comes to the same plan.
    pub fn fixed(plan: Plan) -> Self {
        Self::new(move |_, _| plan.clone())
    }

    /// The plan for these targets.
    pub fn draw_up(&self, targets: &Targets, seed: Seed) -> Plan {
        (self.0)(targets, seed)
    }
}

impl std::fmt::Debug for Planner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Planner")
    }
}

/// What one run does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// How fast events are given to the producers, and for how long.
    pub pace: Pace,
    /// The faults, with times counted from the first event.
    pub schedule: Schedule,
    /// How long the drain may take, in milliseconds.
    pub drain_bound: u64,
}

/// Events a second in the quick plan, over all producers.
const QUICK_RATE: u32 = 60;
/// How long the load goes on after the last fault, in milliseconds.
pub(super) const CALM_AFTER_FAULTS: u64 = 1500;
/// How long a drain may take, in milliseconds.
pub(super) const DRAIN_BOUND: u64 = 30_000;

/// The quick plan. Which producer is hit by what, and when exactly, comes from the seed.
fn quick(targets: &Targets, seed: Seed) -> Plan {
    let schedule = quick_schedule(targets, seed);
    let pace = Pace { rate: QUICK_RATE, lasts: schedule.end() + CALM_AFTER_FAULTS };
    let name = PlanName::Quick.name().to_owned();
    Plan { name, pace, schedule, drain_bound: DRAIN_BOUND }
}

/// Latency on the link of one producer, a cut of another's, a killed service, a cut of the
/// service's own links, and a producer killed while that cut keeps its events in its buffer.
fn quick_schedule(targets: &Targets, seed: Seed) -> Schedule {
    let mut random = seed.stream("schedule");
    let mut producers = targets.producers.clone();
    shuffle(&mut producers, &mut random);
    let nth = |number: usize| producers[number % producers.len()].as_str();

    let mut faults = Vec::new();
    let mut add = |at: u64, lasts: u64, fault: Fault| {
        let at = at + random.random_range(0..400);
        faults.push(ScheduledFault { at, lasts, fault });
    };
    if let Some(link) = targets.link_from(nth(0)) {
        add(1000, 8000, Fault::Latency { link, latency: 200, jitter: 50 });
    }
    if let Some(link) = targets.link_from(nth(1)) {
        add(2500, 3000, Fault::Cut { link });
    }
    let spared = |part: &str| targets.spared.contains(part);
    for service in &targets.services {
        if !spared(service) {
            add(7000, 1000, Fault::Kill { part: service.clone() });
        }
        if let Some(link) = targets.link_from(service) {
            add(11_000, 2000, Fault::Cut { link });
        }
    }
    if !spared(nth(2)) {
        add(11_800, 1000, Fault::Kill { part: nth(2).to_owned() });
    }
    Schedule::new(faults)
}

fn shuffle(items: &mut [String], random: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.random_range(0..=last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn plan(seed: u64) -> Plan {
        quick(&Targets::sample(), Seed(seed))
    }

    /// Each fault as a word, with what it hits.
    fn hit(plan: &Plan) -> Vec<(&str, &str)> {
        let faults = plan.schedule.faults().iter();
        faults.map(|scheduled| (scheduled.fault.kind(), scheduled.fault.target())).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_plan() {
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn every_fault_comes_and_the_agents_share_them() {
        for seed in 0..50 {
            let plan = plan(seed);
            let faults = hit(&plan);
            let of = |kind: &str, prefix: &str| {
                let found: Vec<&str> = faults
                    .iter()
                    .filter(|(named, target)| *named == kind && target.starts_with(prefix))
                    .filter_map(|(_, target)| target.split("-to-").next())
                    .collect();
                assert_eq!(found.len(), 1, "{kind} of {prefix}: {faults:?}");
                found[0]
            };
            let agents = [of("latency", "agent-"), of("cut", "agent-"), of("kill", "agent-")];
            assert_eq!(BTreeSet::from(agents).len(), 3, "seed {seed}: {faults:?}");
            of("kill", "server");
            of("cut", "server-to-database");
        }
    }

    /// Else the buffer of the killed producer could be empty, and what it loses would go unseen.
    #[test]
    fn a_producer_is_killed_while_the_database_is_cut_off() {
        for seed in 0..50 {
            let plan = plan(seed);
            let faults = plan.schedule.faults();
            let find = |wanted: fn(&Fault) -> bool| faults.iter().find(|one| wanted(&one.fault));
            let cut =
                find(|fault| matches!(fault, Fault::Cut { link } if link.contains("database")));
            let kill =
                find(|fault| matches!(fault, Fault::Kill { part } if part.starts_with("agent")));
            let (cut, kill) = (cut.unwrap(), kill.unwrap());
            assert!(cut.at < kill.at && kill.at < cut.at + cut.lasts, "seed {seed}: {faults:?}");
        }
    }

    #[test]
    fn load_goes_on_after_the_last_fault() {
        let plan = plan(1);
        assert_eq!(plan.pace.lasts, plan.schedule.end() + CALM_AFTER_FAULTS);
    }

    #[test]
    fn a_single_part_without_links_is_only_killed() {
        let alone = Targets {
            producers: vec!["service".into()],
            services: vec!["service".into()],
            ..Targets::default()
        };
        let plan = quick(&alone, Seed(1));
        assert_eq!(hit(&plan), [("kill", "service"), ("kill", "service")]);
    }
}
