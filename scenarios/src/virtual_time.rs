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
use crate::workers;

/// The defect that half of the schedules are run with: what it loses depends on the schedule.
const DEFECT: &str = "AL-FLUSH";
/// The least share of schedules, in percent, on which both must agree.
const AGREE: usize = 95;
/// How many real runs go on at the same time: they mostly wait.
const AT_A_TIME: usize = 3;

/// A schedule on the sound system, and one on a system that loses events.
pub const TWO_SCHEDULES_AGREE: Scenario =
    Scenario { name: "virtual_time_agrees_with_the_real_system", show: |on| agree(on, 2) };

/// A hundred of them.
pub const A_HUNDRED_SCHEDULES_AGREE: Scenario =
    Scenario { name: "virtual_time_agrees_on_a_hundred_schedules", show: |on| agree(on, 100) };

/// A schedule, what it is run with, and where its draws come from.
struct Case {
    seed: Seed,
    defects: &'static [&'static str],
    plan: Plan,
}

/// Every second schedule is run with the defect. Each disagreement is printed with all that was
/// said.
fn agree(backend: BackendKind, schedules: usize) -> Result<(), Failed> {
    let first = Seed::fresh();
    eprintln!("schedules from seed {first}");
    let agreed = workers::each(cases(first, schedules), AT_A_TIME, |case| {
        let Case { seed, defects, plan } = &case;
        let load = Load { plan: plan.clone(), seed: *seed, defects: defects.join(",").parse()? };
        let virtually = judge(&simulate(&load, &promises()));
        let really = run_plan(backend, "agreement", Planner::fixed(plan.clone()), defects)?;
        let differ = differences(&virtually, &really.verdicts);
        if !differ.is_empty() {
            tell(&case, &differ);
        }
        Ok(differ.is_empty())
    })?;
    let agreed = agreed.into_iter().filter(|agreed| *agreed).count();
    eprintln!("virtual time and the real system agree on {agreed} of {schedules} schedules");
    expect::equal("enough agree", &(agreed * 100 >= schedules * AGREE), &true)
}

/// Schedules that lean to what those before them did not try.
fn cases(first: Seed, schedules: usize) -> Vec<Case> {
    let targets = targets();
    let mut coverage = Coverage::default();
    let draw = |number: usize| {
        let seed = Seed(first.0.wrapping_add(number as u64));
        let mut generator = ScheduleGenerator::new(&targets, &coverage, seed);
        let schedule = generator.draw(5..=30, GENERATED_WINDOW);
        coverage.note(&schedule, &targets);
        let defects: &[&str] = if number.is_multiple_of(2) { &[] } else { &[DEFECT] };
        Case { seed, defects, plan: generated_plan(schedule) }
    };
    (0..schedules).map(draw).collect()
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

fn tell(Case { seed, defects, plan }: &Case, differ: &[(&Verdict, &Verdict)]) {
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
