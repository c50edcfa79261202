//! What one run does: its load and its faults.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::environment::{Environment, Part};
use crate::faults::{Fault, Schedule, ScheduledFault};
use crate::seed::Seed;
use crate::system::EventContract;
use crate::workload::Pace;

/// The choice of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum PlanName {
    /// Under a minute: one fault of each kind while events flow.
    #[default]
    Quick,
}

impl PlanName {
    /// The word for it on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
        }
    }

    /// What draws up the plan of that name.
    pub fn planner(self) -> Planner {
        match self {
            Self::Quick => quick,
        }
    }
}

/// Draws up a plan for a running environment, whose producers and service the contract names.
/// Every random choice comes from the seed.
pub type Planner = fn(&Environment, &EventContract, Seed) -> Plan;

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
const CALM_AFTER_FAULTS: u64 = 1500;
const DRAIN_BOUND: u64 = 30_000;

/// The quick plan. Which producer is hit by what, and when exactly, comes from the seed.
fn quick(environment: &Environment, events: &EventContract, seed: Seed) -> Plan {
    let schedule = quick_schedule(environment, &events.emit.to, &events.read.from, seed);
    let pace = Pace { rate: QUICK_RATE, lasts: schedule.end() + CALM_AFTER_FAULTS };
    let name = PlanName::Quick.name().to_owned();
    Plan { name, pace, schedule, drain_bound: DRAIN_BOUND }
}

/// Latency on the link of one producer, a cut of another's, a killed service, a cut of the
/// service's own links, and a producer killed while that cut keeps its events in its buffer.
fn quick_schedule(
    environment: &Environment,
    producer: &str,
    service: &str,
    seed: Seed,
) -> Schedule {
    let mut random = seed.stream("schedule");
    let mut producers: Vec<&str> = environment.parts_of(producer).map(Part::name).collect();
    shuffle(&mut producers, &mut random);
    let nth = |number: usize| producers[number % producers.len()];
    let link_from = |part: &str| {
        environment.links().iter().find(|link| link.from == part).map(|link| link.name.clone())
    };

    let mut faults = Vec::new();
    let mut add = |at: u64, lasts: u64, fault: Fault| {
        let at = at + random.random_range(0..400);
        faults.push(ScheduledFault { at, lasts, fault });
    };
    if let Some(link) = link_from(nth(0)) {
        add(1000, 8000, Fault::Latency { link, latency: 200, jitter: 50 });
    }
    if let Some(link) = link_from(nth(1)) {
        add(2500, 3000, Fault::Cut { link });
    }
    for part in environment.parts_of(service) {
        add(7000, 1000, Fault::Kill { part: part.name().to_owned() });
        if let Some(link) = link_from(part.name()) {
            add(11_000, 2000, Fault::Cut { link });
        }
    }
    add(11_800, 1000, Fault::Kill { part: nth(2).to_owned() });
    Schedule::new(faults)
}

fn shuffle(items: &mut [&str], random: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.random_range(0..=last));
    }
}
