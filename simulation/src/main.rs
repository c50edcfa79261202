//! Runs generated schedules in virtual time until one fails, and says how many a second.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use harness::checkers::Outcome;
use harness::faults::{Coverage, ScheduleGenerator};
use harness::run::{GENERATED_WINDOW, generated_plan};
use harness::seed::Seed;
use harness::workload::Pace;
use redflag_protocol::DefectSet;
use redflag_simulation::{Load, judge, promises, simulate, targets};

/// The reference system in virtual time, under generated schedules.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many schedules to try; the first one that fails ends the search
    #[arg(long, default_value_t = 1000)]
    runs: u64,
    /// Run K has the seed N + K - 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Events a second
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Defects that the agents are told to have
    #[arg(long, value_name = "ID,…", default_value = "")]
    defects: DefectSet,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout().lock();
    match explore(&arguments, &mut out) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}

/// Says whether every schedule held.
fn explore(arguments: &Arguments, out: &mut impl Write) -> std::io::Result<bool> {
    let (targets, promises) = (targets(), promises());
    let mut coverage = Coverage::default();
    let (began, mut faults, mut events) = (Instant::now(), 0, 0);
    for run in 0..arguments.runs {
        let seed = Seed(arguments.seed + run);
        let mut generator = ScheduleGenerator::new(&targets, &coverage, seed);
        let schedule = generator.draw(5..=30, GENERATED_WINDOW);
        coverage.note(&schedule, &targets);
        faults += schedule.faults().len();
        let mut plan = generated_plan(schedule);
        plan.pace = Pace { rate: arguments.rate, ..plan.pace };
        events += plan.pace.operations();
        let load = Load { plan, seed, defects: arguments.defects.clone() };
        let verdicts = judge(&simulate(&load, &promises));
        if let Some(verdict) = verdicts.iter().find(|verdict| verdict.outcome != Outcome::Valid) {
            let (checker, outcome) = (&verdict.checker, verdict.outcome.word());
            writeln!(out, "seed {seed}: {checker} is {outcome}: {}", verdict.summary)?;
            writeln!(out, "{}", serde_json::to_string(&load.plan.schedule)?)?;
            return Ok(false);
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    writeln!(
        out,
        "{} schedules with {faults} faults and {events} events held, {:.0} schedules a second; \
         {} of {} pairs of a fault and a phase",
        arguments.runs,
        arguments.runs as f64 / seconds,
        coverage.covered(),
        coverage.possible()
    )?;
    Ok(true)
}
