//! A failure behind twenty faults and more is made small, and the small schedule fails again.

use std::collections::BTreeSet;

use harness::checkers::{Outcome, Verdict};
use harness::environment::BackendKind;
use harness::faults::{Coverage, Schedule, ScheduleGenerator, shrink};
use harness::run::{GENERATED_WINDOW, Plan, Planner, generated_plan};
use harness::seed::Seed;
use libtest_mimic::Failed;
use redflag_simulation::{Load, judge, promises, simulate, targets};
use tokio::runtime::Runtime;
use tokio::task::block_in_place;

use crate::Scenario;
use crate::expect;
use crate::system_run::run_plan;
use crate::workers;

/// The most runs that the search may take.
const RUNS: usize = 60;
/// The most faults that may be left.
const FAULTS: usize = 3;
/// How often a small schedule is run again, and how often it must fail then.
const AGAIN: usize = 20;
const FAILS_AGAIN: usize = 19;
/// How many searches go on at the same time.
const AT_A_TIME: usize = 3;

/// What is planted, and where the schedules that it hides behind are drawn from.
struct Plant {
    defect: &'static str,
    seed: Seed,
}

/// Ten of them: each needs other faults.
const PLANTS: [Plant; 10] = [
    Plant { defect: "AL-FLUSH", seed: Seed(100) },
    Plant { defect: "AL-FLUSH", seed: Seed(200) },
    Plant { defect: "AL-FLUSH", seed: Seed(300) },
    Plant { defect: "AL-FLUSH", seed: Seed(400) },
    Plant { defect: "A3-RETRY", seed: Seed(500) },
    Plant { defect: "A3-RETRY", seed: Seed(600) },
    Plant { defect: "A3-RETRY", seed: Seed(700) },
    Plant { defect: "A3-PRIORITY", seed: Seed(800) },
    Plant { defect: "A3-PRIORITY", seed: Seed(900) },
    Plant { defect: "A3-PRIORITY", seed: Seed(1000) },
];

/// One of them is made small in virtual time, and what is left fails on the real system.
pub const SMALL_IN_VIRTUAL_TIME: Scenario = Scenario {
    name: "what_is_made_small_in_virtual_time_fails_really",
    show: |on| {
        let plant = Plant { defect: "AL-FLUSH", seed: Seed::fresh() };
        eprintln!("schedules from seed {}", plant.seed);
        let virtually = |plan: &Plan| in_virtual_time(&plant, plan);
        let (plan, _) = make_small(&plant, virtually)?;
        eprintln!("left: {:?}", plan.schedule);
        expect::equal("it fails really", &!really(on, &plant, &plan)?.is_empty(), &true)
    },
};

/// All of them are made small on the real system, and fail again nearly every time.
pub const TEN_FAILURES_ARE_SMALL: Scenario = Scenario {
    name: "ten_failures_are_made_small",
    show: |on| workers::each(PLANTS, AT_A_TIME, |plant| make_small_really(on, &plant)).map(drop),
};

/// A failure is told at once: the others may take an hour more.
fn make_small_really(backend: BackendKind, plant: &Plant) -> Result<(), Failed> {
    let (defect, seed) = (plant.defect, plant.seed);
    make_small_and_again(backend, plant).inspect_err(|failed| {
        eprintln!("{defect} from seed {seed}: {}", failed.message().unwrap_or_default());
    })
}

fn make_small_and_again(backend: BackendKind, plant: &Plant) -> Result<(), Failed> {
    let (plan, findings) = make_small(plant, |plan| really(backend, plant, plan))?;
    let mut failed = 0;
    for _ in 0..AGAIN {
        failed += usize::from(!really(backend, plant, &plan)?.is_disjoint(&findings));
    }
    let (left, defect, seed) = (plan.schedule.faults(), plant.defect, plant.seed);
    eprintln!("{defect} from seed {seed}: fails {failed} of {AGAIN} times under {left:?}");
    expect::equal("it fails again", &(failed >= FAILS_AGAIN), &true)
}

/// Draws schedules until one fails, and makes that one small: what is left of it, and what was
/// found. `run` says what is found under a plan.
fn make_small(
    plant: &Plant,
    mut run: impl FnMut(&Plan) -> Result<BTreeSet<String>, Failed>,
) -> Result<(Plan, BTreeSet<String>), Failed> {
    const TRIES: u64 = 20;
    let mut failing = None;
    for number in 0..TRIES {
        let plan = behind_twenty_faults(Seed(plant.seed.0.wrapping_add(number)));
        let findings = run(&plan)?;
        if !findings.is_empty() {
            failing = Some((plan, findings));
            break;
        }
    }
    let (plan, findings) = failing.ok_or_else(|| format!("{TRIES} schedules held"))?;
    let faults = plan.schedule.faults().len();
    let fails = async |tried: &Schedule| -> Result<bool, Failed> {
        // A run has a runtime of its own.
        let found = block_in_place(|| run(&plan.around(tried.clone())))?;
        Ok(!found.is_disjoint(&findings))
    };
    let shrunk = Runtime::new()?.block_on(shrink(plan.schedule.clone(), RUNS, fails))?;
    let left = shrunk.schedule.faults().len();
    let (defect, seed) = (plant.defect, plant.seed);
    eprintln!("{defect} from seed {seed}: {faults} faults became {left} in {} runs", shrunk.runs);
    expect::equal("few faults are left", &(left <= FAULTS), &true)?;
    expect::equal("in few runs", &(shrunk.runs <= RUNS), &true)?;
    Ok((plan.around(shrunk.schedule), findings))
}

fn behind_twenty_faults(seed: Seed) -> Plan {
    let coverage = Coverage::default();
    let targets = targets();
    generated_plan(
        ScheduleGenerator::new(&targets, &coverage, seed).draw(20..=30, GENERATED_WINDOW),
    )
}

fn in_virtual_time(plant: &Plant, plan: &Plan) -> Result<BTreeSet<String>, Failed> {
    let load = Load { plan: plan.clone(), seed: plant.seed, defects: plant.defect.parse()? };
    Ok(found(&judge(&simulate(&load, &promises()))))
}

fn really(backend: BackendKind, plant: &Plant, plan: &Plan) -> Result<BTreeSet<String>, Failed> {
    let run = run_plan(backend, "made-small", Planner::fixed(plan.clone()), &[plant.defect])?;
    Ok(found(&run.verdicts))
}

/// The ids of what checkers found wrong.
fn found(verdicts: &[Verdict]) -> BTreeSet<String> {
    let invalid = verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Invalid);
    invalid.flat_map(|verdict| &verdict.findings).map(|finding| finding.id.clone()).collect()
}
