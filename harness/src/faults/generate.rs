//! Draws up schedules by chance, with a leaning to what has not been tried yet.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Fault, Schedule, ScheduledFault, Targets};
use crate::environment::Direction;
use crate::seed::Seed;
use crate::system::{DATABASE, PROXY};

/// What the system is going through when a fault begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No other fault goes on, and none has healed of late.
    Calm,
    /// Another fault goes on.
    Disturbed,
    /// Another fault has just healed.
    Recovering,
}

/// How long after a fault's end the system counts as recovering, in milliseconds.
const RECOVERING: u64 = 2000;
/// Between two faults that exclude each other, in milliseconds.
const APART: u64 = 500;
/// When the first fault may begin, in milliseconds.
const EARLIEST: u64 = 500;
/// How long one lasts at least, in milliseconds.
const SHORTEST: u64 = 100;
/// How long one may last, in milliseconds. In schedules of short faults the system comes to rest in
/// between, so that faults also begin when none goes on.
const LONGEST: [u64; 2] = [500, 4000];
/// How many faults are proposed for each that is taken.
const PROPOSALS: usize = 40;

/// Every kind of fault that hits links, parts, and parts but not stores: as processes, or as
/// containers.
const LINK_KINDS: [&str; 8] =
    ["latency", "bandwidth", "slicer", "slow_close", "hold", "reset", "limit_data", "cut"];
const PART_KINDS: [&str; 3] = ["kill", "terminate", "pause"];
const PROCESS_KINDS: [&str; 2] = ["no_files", "no_memory"];
const CONTAINER_KINDS: [&str; 3] = ["no_memory", "cpu_limit", "disconnect"];

/// A fault as coverage counts it: its kind, whom it hits, and when.
type Pair<'a> = (&'static str, &'a str, Phase);

/// Which faults have begun in which phase, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    seen: BTreeMap<(&'static str, Phase), BTreeMap<String, usize>>,
    possible: usize,
}

impl Coverage {
    /// Counts what a schedule tries.
    pub fn note(&mut self, schedule: &Schedule, targets: &Targets) {
        self.possible = possible(targets);
        for scheduled in schedule.faults() {
            let (kind, role, phase) = pair(scheduled, schedule.faults(), targets);
            let of_kind = self.seen.entry((kind, phase)).or_default();
            *of_kind.entry(role.to_owned()).or_default() += 1;
        }
    }

    /// How many pairs of a fault and a phase were tried.
    pub fn covered(&self) -> usize {
        self.seen.values().map(BTreeMap::len).sum()
    }

    /// How many there are.
    pub fn possible(&self) -> usize {
        self.possible
    }

    fn count(&self, (kind, role, phase): Pair<'_>) -> usize {
        let of_kind = self.seen.get(&(kind, phase));
        of_kind.and_then(|roles| roles.get(role)).copied().unwrap_or(0)
    }
}

/// Draws schedules for one system.
#[derive(Debug)]
pub struct ScheduleGenerator<'a> {
    targets: &'a Targets,
    kinds: Vec<(&'static str, Vec<&'a str>)>,
    coverage: &'a Coverage,
    random: ChaCha8Rng,
}

impl<'a> ScheduleGenerator<'a> {
    /// A generator that leans to what `coverage` has seen least. Every choice comes from the seed.
    pub fn new(targets: &'a Targets, coverage: &'a Coverage, seed: Seed) -> Self {
        let kinds = kinds(targets);
        Self { targets, kinds, coverage, random: seed.stream("chaos") }
    }

    /// A schedule of so many faults, all of which begin within `window` milliseconds. It may have
    /// fewer, where there is no room for more that go on side by side. They are drawn in the order
    /// of their times, so that the phase that each begins in is known when it is chosen.
    pub fn draw(&mut self, count: RangeInclusive<usize>, window: u64) -> Schedule {
        let count = self.random.random_range(count);
        let window = EARLIEST..=window.max(EARLIEST);
        let mut times: Vec<u64> =
            (0..count).map(|_| self.random.random_range(window.clone())).collect();
        times.sort_unstable();
        let longest = LONGEST[self.random.random_range(0..LONGEST.len())];
        let mut faults: Vec<ScheduledFault> = Vec::new();
        for at in times {
            let proposals: Vec<ScheduledFault> =
                (0..PROPOSALS).filter_map(|_| self.propose(at, longest)).collect();
            let possible = proposals
                .into_iter()
                .filter(|proposed| !faults.iter().any(|other| collide(proposed, other)));
            let seldom = |proposed: &ScheduledFault| {
                let pair = pair(proposed, &faults, self.targets);
                let here = faults.iter().filter(|other| other.fault.kind() == pair.0);
                self.coverage.count(pair) + here.count()
            };
            if let Some(taken) = possible.min_by_key(seldom) {
                faults.push(taken);
            }
        }
        Schedule::new(faults)
    }

    fn propose(&mut self, at: u64, longest: u64) -> Option<ScheduledFault> {
        if self.kinds.is_empty() {
            return None;
        }
        let kind = self.random.random_range(0..self.kinds.len());
        let (kind, targets) = &self.kinds[kind];
        let target = targets[self.random.random_range(0..targets.len())].to_owned();
        let fault = self.fault(kind, target)?;
        Some(ScheduledFault { at, lasts: self.random.random_range(SHORTEST..=longest), fault })
    }

    fn fault(&mut self, kind: &str, target: String) -> Option<Fault> {
        let direction = match self.random.random::<bool>() {
            true => Direction::ToServer,
            false => Direction::ToClient,
        };
        let mut within = |range: RangeInclusive<u64>| self.random.random_range(range);
        Some(match kind {
            "latency" => {
                Fault::Latency { link: target, latency: within(10..=500), jitter: within(0..=10) }
            }
            "bandwidth" => Fault::Bandwidth { link: target, direction, rate: within(1..=100) },
            "slicer" => Fault::Slicer {
                link: target,
                direction,
                size: within(8..=200),
                delay: within(0..=500),
            },
            "slow_close" => Fault::SlowClose { link: target, direction, delay: within(50..=2000) },
            "hold" => Fault::Hold { link: target, direction },
            "reset" => Fault::Reset { link: target },
            "limit_data" => Fault::LimitData { link: target, direction, bytes: within(1..=20_000) },
            "cut" => Fault::Cut { link: target },
            "kill" => Fault::Kill { part: target },
            "terminate" => Fault::Terminate { part: target },
            "pause" => Fault::Pause { part: target },
            "no_files" => Fault::NoFiles { part: target },
            "disk_full" => Fault::DiskFull { part: target },
            "slow_disk" => Fault::SlowDisk { part: target, delay: within(5..=300) },
            "no_memory" => Fault::NoMemory { part: target, spare: within(0..=4) << 20 },
            "cpu_limit" => Fault::CpuLimit { part: target, percent: within(2..=25) },
            "disconnect" => Fault::Disconnect { part: target },
            "clock" => {
                let ahead = i64::try_from(within(1..=7200)).unwrap_or_default();
                Fault::Clock {
                    part: target,
                    ahead: if direction == Direction::ToServer { ahead } else { -ahead },
                }
            }
            "no_connections" => Fault::NoConnections {},
            "kill_proxy" => Fault::KillProxy {},
            _ => return None,
        })
    }
}

/// Every kind of fault that there is a target for, with the targets.
fn kinds<'a>(targets: &'a Targets) -> Vec<(&'static str, Vec<&'a str>)> {
    let links: Vec<&str> = targets.links.iter().map(|link| link.name.as_str()).collect();
    let (parts, programs) = (targets.parts(), targets.programs());
    let named = |parts: &'a BTreeSet<String>| parts.iter().map(String::as_str).collect();
    let (clocks, disks) = (named(&targets.clocks), named(&targets.disks));
    let slow_disks = named(&targets.slow_disks);
    let store = targets.stores.iter().filter(|store| *store == DATABASE).map(String::as_str);
    let proxy = (!links.is_empty()).then_some(PROXY).into_iter();
    let of_links = LINK_KINDS.map(|kind| (kind, links.clone()));
    let of_parts = PART_KINDS.map(|kind| (kind, parts.clone()));
    let of_programs = |kind| (kind, programs.clone());
    let of_processes = PROCESS_KINDS.map(of_programs).into_iter();
    let of_resources = of_processes.chain([("kill_proxy", proxy.collect())]);
    let of_containers = CONTAINER_KINDS.map(of_programs).into_iter();
    of_links
        .into_iter()
        .chain(of_parts)
        .chain([("clock", clocks), ("disk_full", disks), ("slow_disk", slow_disks)])
        .chain([("no_connections", store.collect())])
        .chain(of_resources.filter(|_| targets.resources))
        .chain(of_containers.filter(|_| targets.containers))
        .filter(|(_, targets)| !targets.is_empty())
        .collect()
}

/// Whether two faults exclude each other and go on at the same time, or nearly.
fn collide(one: &ScheduledFault, two: &ScheduledFault) -> bool {
    let begins_within = |inner: &ScheduledFault, outer: &ScheduledFault| {
        (outer.at..=outer.at + outer.lasts + APART).contains(&inner.at)
    };
    (begins_within(one, two) || begins_within(two, one)) && one.fault.excludes(&two.fault)
}

fn pair<'a>(
    scheduled: &'a ScheduledFault,
    among: &[ScheduledFault],
    targets: &Targets,
) -> Pair<'a> {
    let fault = &scheduled.fault;
    (fault.kind(), role(fault.target(), targets), phase(scheduled, among))
}

/// Producers are alike, and so are their links; what else there is stands for itself.
fn role<'a>(target: &'a str, targets: &Targets) -> &'a str {
    let of_producer = |name: &str| targets.producers.iter().any(|producer| producer == name);
    let link = targets.links.iter().find(|link| link.name == target);
    match link {
        Some(link) if of_producer(&link.from) => "a producer's link",
        None if of_producer(target) => "a producer",
        _ => target,
    }
}

fn phase(scheduled: &ScheduledFault, among: &[ScheduledFault]) -> Phase {
    let others = || among.iter().filter(|other| *other != scheduled && other.at <= scheduled.at);
    if others().any(|other| scheduled.at < other.at + other.lasts) {
        Phase::Disturbed
    } else if others().any(|other| scheduled.at < other.at + other.lasts + RECOVERING) {
        Phase::Recovering
    } else {
        Phase::Calm
    }
}

/// How many pairs there are for these targets.
fn possible(targets: &Targets) -> usize {
    let roles = |names: &[&str]| {
        let roles: BTreeSet<&str> = names.iter().map(|name| role(name, targets)).collect();
        roles.len()
    };
    3 * kinds(targets).iter().map(|(_, names)| roles(names)).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, coverage: &Coverage) -> Schedule {
        ScheduleGenerator::new(&Targets::sample(), coverage, Seed(seed)).draw(5..=30, 12_000)
    }

    #[test]
    fn the_same_seed_and_coverage_draw_the_same_schedule() {
        let unseen = Coverage::default();
        assert_eq!(draw(3, &unseen), draw(3, &unseen));
        assert_ne!(draw(3, &unseen), draw(4, &unseen));
    }

    #[test]
    fn no_fault_would_be_ended_by_another_ones_end() {
        for seed in 0..200 {
            let schedule = draw(seed, &Coverage::default());
            let faults = schedule.faults();
            assert!((5..=30).contains(&faults.len()), "seed {seed}: {}", faults.len());
            for (number, one) in faults.iter().enumerate() {
                for two in &faults[number + 1..] {
                    assert!(!collide(one, two), "seed {seed}: {one:?} and {two:?}");
                }
            }
        }
    }

    #[test]
    fn two_hundred_schedules_cover_every_fault_in_every_phase() {
        let (targets, mut coverage) = (Targets::sample(), Coverage::default());
        let covered: Vec<usize> = (0..200)
            .map(|seed| {
                let mut generator = ScheduleGenerator::new(&targets, &coverage, Seed(seed));
                let schedule = generator.draw(5..=30, 9_000);
                coverage.note(&schedule, &targets);
                coverage.covered()
            })
            .collect();
        let pairs_of_kinds = 2 * 8 + 3 * 3 + 2 * 2 + 5;
        assert_eq!(coverage.possible(), 3 * pairs_of_kinds);
        assert!(covered[23] * 10 >= coverage.possible() * 9, "after 24: {}", covered[23]);
        assert_eq!(covered[199], coverage.possible());
    }

    #[test]
    fn containers_have_faults_of_their_own() {
        let processes = Targets::sample();
        let containers = Targets { resources: false, containers: true, ..Targets::sample() };
        let kinds = |targets: &Targets| -> BTreeSet<&str> {
            let coverage = Coverage::default();
            let mut generator = ScheduleGenerator::new(targets, &coverage, Seed(1));
            let schedules: Vec<Schedule> = (0..40).map(|_| generator.draw(5..=30, 9_000)).collect();
            schedules.iter().flat_map(Schedule::faults).map(|fault| fault.fault.kind()).collect()
        };
        let (of_processes, of_containers) = (kinds(&processes), kinds(&containers));
        let only: Vec<_> = of_containers.difference(&of_processes).copied().collect();
        assert_eq!(only, ["cpu_limit", "disconnect"]);
        let never: Vec<_> = of_processes.difference(&of_containers).copied().collect();
        assert_eq!(never, ["kill_proxy", "no_files"]);
    }

    #[test]
    fn a_phase_is_what_other_faults_have_left() {
        let kill = |at, lasts, part: &str| ScheduledFault {
            at,
            lasts,
            fault: Fault::Kill { part: part.into() },
        };
        let faults = [kill(1000, 500, "a"), kill(1200, 100, "b"), kill(2000, 10, "c")];
        assert_eq!(phase(&faults[0], &faults), Phase::Calm);
        assert_eq!(phase(&faults[1], &faults), Phase::Disturbed);
        assert_eq!(phase(&faults[2], &faults), Phase::Recovering);
        assert_eq!(phase(&kill(9000, 1, "d"), &faults), Phase::Calm);
    }
}
