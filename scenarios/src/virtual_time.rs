//! Virtual time and the real system come to the same verdicts under the same schedules.

use harness::checkers::{Outcome, Verdict};
use harness::environment::BackendKind;
use harness::faults::{Coverage, ScheduleGenerator};
use harness::run::{GENERATED_WINDOW, Plan, Planner, generated_plan};
use harness::seed::Seed;
use libtest_mimic::Failed;
use redflag_simulation::{Load, judge, promises, simulate, targets};

use crate::Scenario;
use crate::expect;
use crate::system_run::run_plan;

/// The defect that half of the schedules are run with: what it loses depends on the schedule.
const DEFECT: &str = "AL-FLUSH";
/// The least share of schedules, in percent, on which both must agree.
const AGREE: usize = 95;

/// A schedule on the sound system, and one on a system that loses events.
pub const TWO_SCHEDULES_AGREE: Scenario =
    Scenario { name: "virtual_time_agrees_with_the_real_system", show: |on| agree(on, 2) };

/// A hundred of them.
pub const A_HUNDRED_SCHEDULES_AGREE: Scenario =
    Scenario { name: "virtual_time_agrees_on_a_hundred_schedules", show: |on| agree(on, 100) };

/// Every second schedule is run with the defect. Each disagreement is printed with all that was
/// said.
fn agree(backend: BackendKind, schedules: usize) -> Result<(), Failed> {
    let first = Seed::fresh();
    eprintln!("schedules from seed {first}");
    let targets = targets();
    let mut coverage = Coverage::default();
    let mut agreed = 0;
    for number in 0..schedules {
        let seed = Seed(first.0.wrapping_add(number as u64));
        let mut generator = ScheduleGenerator::new(&targets, &coverage, seed);
        let schedule = generator.draw(5..=30, GENERATED_WINDOW);
        coverage.note(&schedule, &targets);
        let plan = generated_plan(schedule);
        let defects: &[&str] = if number % 2 == 0 { &[] } else { &[DEFECT] };
        let load = Load { plan: plan.clone(), seed, defects: defects.join(",").parse()? };
        let virtually = judge(&simulate(&load, &promises()));
        let really = run_plan(backend, "agreement", Planner::fixed(plan.clone()), defects)?;
        match differences(&virtually, &really.verdicts).as_slice() {
            [] => agreed += 1,
            differ => tell(seed, defects, &plan, differ),
        }
    }
    eprintln!("virtual time and the real system agree on {agreed} of {schedules} schedules");
    expect::equal("enough agree", &(agreed * 100 >= schedules * AGREE), &true)
}

/// Pairs of verdicts, virtual and real, that say otherwise.
fn differences<'a>(
    virtually: &'a [Verdict],
    really: &'a [Verdict],
) -> Vec<(&'a Verdict, &'a Verdict)> {
    let same = |one: &&'a Verdict| really.iter().find(|other| other.checker == one.checker);
    let pairs = virtually.iter().filter_map(|one| Some((one, same(&one)?)));
    pairs.filter(|(one, other)| one.outcome != other.outcome).collect()
}

fn tell(seed: Seed, defects: &[&str], plan: &Plan, differ: &[(&Verdict, &Verdict)]) {
    eprintln!("seed {seed}, defects {defects:?}: {:?}", plan.schedule);
    let say = |outcome: Outcome, summary: &str| format!("{}: {summary}", outcome.word());
    for (virtually, really) in differ {
        eprintln!(
            "  {} in virtual time: {}",
            virtually.checker,
            say(virtually.outcome, &virtually.summary)
        );
        eprintln!("  {} really: {}", really.checker, say(really.outcome, &really.summary));
    }
}
