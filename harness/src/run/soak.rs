//! The plan of a soak: the same load for long, disturbed again and again, with rests in which what
//! grows by itself can be told from what a fault has moved.

use super::plan::DRAIN_BOUND;
use super::{Plan, PlanName};
use crate::faults::{Coverage, Schedule, ScheduleGenerator, ScheduledFault, Targets};
use crate::seed::Seed;
use crate::workload::Pace;

/// Faults come once in so many milliseconds, some at a time.
const CYCLE: u64 = 60_000;
/// How long each cycle rests before they come, in milliseconds.
const REST: u64 = 30_000;
/// Within what time they begin, in milliseconds. The longest of them ends before the cycle does.
const WINDOW: u64 = 20_000;
/// The most faults of a cycle.
const MOST_FAULTS: usize = 5;

/// How long and how fast a soak is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soak {
    /// How long events are given in, in minutes.
    pub minutes: u64,
    /// Events a second, over all producers.
    pub rate: u32,
}

impl Default for Soak {
    fn default() -> Self {
        Self { minutes: 10, rate: 60 }
    }
}

impl Soak {
    /// The plan. Each cycle leans to what those before it have not tried.
    pub(super) fn plan(self, targets: &Targets, seed: Seed) -> Plan {
        let mut coverage = Coverage::default();
        let cycles = (0..self.minutes).flat_map(|cycle| {
            let seed = Seed(seed.0.wrapping_add(cycle));
            let mut generator = ScheduleGenerator::new(targets, &coverage, seed);
            let drawn = generator.draw(1..=MOST_FAULTS, WINDOW);
            coverage.note(&drawn, targets);
            let later = cycle * CYCLE + REST;
            let moved =
                |fault: &ScheduledFault| ScheduledFault { at: fault.at + later, ..fault.clone() };
            drawn.faults().iter().map(moved).collect::<Vec<_>>()
        });
        Plan {
            name: PlanName::Soak(self).name().to_owned(),
            pace: Pace { rate: self.rate, lasts: self.minutes * CYCLE },
            schedule: Schedule::new(cycles.collect()),
            drain_bound: DRAIN_BOUND,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(minutes: u64, seed: u64) -> Plan {
        Soak { minutes, rate: 40 }.plan(&Targets::sample(), Seed(seed))
    }

    #[test]
    fn the_same_seed_makes_the_same_soak() {
        assert_eq!(plan(10, 3), plan(10, 3));
        assert_ne!(plan(10, 3), plan(10, 4));
    }

    #[test]
    fn every_cycle_has_faults_and_a_rest_before_them() {
        for seed in 0..50 {
            let plan = plan(20, seed);
            assert_eq!(plan.pace.lasts, 20 * CYCLE);
            for cycle in 0..20 {
                let faults = plan.schedule.faults().iter();
                let of_cycle: Vec<_> = faults.filter(|fault| fault.at / CYCLE == cycle).collect();
                assert!((1..=MOST_FAULTS).contains(&of_cycle.len()), "seed {seed}: {of_cycle:?}");
                for fault in of_cycle {
                    let (begins, ends) = (fault.at % CYCLE, fault.at % CYCLE + fault.lasts);
                    assert!(begins >= REST && ends < CYCLE, "seed {seed}: {fault:?}");
                }
            }
        }
    }

    #[test]
    fn a_long_soak_tries_every_kind_of_fault() {
        let plan = plan(120, 1);
        let kinds: std::collections::BTreeSet<&str> =
            plan.schedule.faults().iter().map(|fault| fault.fault.kind()).collect();
        assert_eq!(kinds.len(), 18, "{kinds:?}");
    }
}
