//! Generated schedules in virtual time: the sound system holds, and planted defects are found.

use std::collections::BTreeSet;

use harness::checkers::Outcome;
use harness::faults::{Coverage, ScheduleGenerator};
use harness::run::{GENERATED_WINDOW, generated_plan};
use harness::seed::Seed;
use redflag_simulation::{Load, judge, promises, simulate, targets};

fn load(seed: u64, defects: &str) -> Load {
    let (targets, coverage) = (targets(), Coverage::default());
    let schedule =
        ScheduleGenerator::new(&targets, &coverage, Seed(seed)).draw(5..=30, GENERATED_WINDOW);
    Load { plan: generated_plan(schedule), seed: Seed(seed), defects: defects.parse().unwrap() }
}

/// The checkers that find fault with any of the first schedules.
fn found(defects: &str, schedules: u64) -> BTreeSet<String> {
    let verdicts =
        (1..=schedules).flat_map(|seed| judge(&simulate(&load(seed, defects), &promises())));
    verdicts
        .filter(|verdict| verdict.outcome == Outcome::Invalid)
        .map(|verdict| verdict.checker)
        .collect()
}

#[test]
fn the_sound_system_holds() {
    for seed in 1..=60 {
        for verdict in judge(&simulate(&load(seed, ""), &promises())) {
            assert_eq!(verdict.outcome, Outcome::Valid, "seed {seed}: {verdict:#?}");
        }
    }
}

#[test]
fn planted_defects_are_found_by_the_checkers_of_what_they_break() {
    for (defect, checker) in
        [("AL-FLUSH", "delivery"), ("A3-RETRY", "retry"), ("A3-PRIORITY", "priority")]
    {
        let found = found(defect, 20);
        assert!(found.contains(checker), "{defect}: {found:?}");
    }
}

#[test]
fn a_seed_makes_the_same_history_again() {
    let entries = |seed| {
        let history = simulate(&load(seed, ""), &promises());
        history.entries().cloned().collect::<Vec<_>>()
    };
    assert_eq!(entries(7), entries(7));
    assert_ne!(entries(7), entries(8));
}
