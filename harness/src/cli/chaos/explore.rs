//! Runs generated schedules until one of them fails, then looks for the smallest one that does.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use futures_util::{StreamExt, stream};

use super::summary::{Found, Summary, findings, told};
use crate::checkers::Outcome;
use crate::cli::failure::Failure;
use crate::cli::interrupt::interrupt_token;
use crate::cli::log;
use crate::cli::output::{output_file, write_file};
use crate::cli::progress::Telling;
use crate::cli::run::DEFAULT_OUT;
use crate::cli::run_report::program;
use crate::cli::subject::{Attempt, Subject, SubjectArguments, exit_for};
use crate::exit_code::Exit;
use crate::faults::{Coverage, Schedule, ScheduleGenerator, shrink};
use crate::report::RunReport;
use crate::report::text::shell_word;
use crate::run::{GENERATED_WINDOW, Plan, Planner, Reproducer, RunFolder, generated_plan};
use crate::seed::Seed;

const PLAN: &str = "chaos";

/// How long to look, and where what is found goes.
#[derive(Debug, Args)]
pub struct ExploreArguments {
    #[command(flatten)]
    subject: SubjectArguments,
    /// How many schedules to try; the first one that fails ends the search
    #[arg(long, default_value_t = 20)]
    runs: u64,
    /// How many of them run at the same time; each has a system of its own
    #[arg(long, value_name = "COUNT", default_value_t = NonZeroUsize::MIN)]
    side_by_side: NonZeroUsize,
    /// Where every random choice comes from; run K has the seed N + K - 1 [default: a fresh one,
    /// which is printed]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The fewest faults of a schedule
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    fewest_faults: usize,
    /// The most faults of a schedule
    #[arg(long, value_name = "COUNT", default_value_t = 30)]
    most_faults: usize,
    /// How many runs the search for the smallest failing schedule may take
    #[arg(long, value_name = "RUNS", default_value_t = 60)]
    shrink_runs: usize,
    /// The folder that the exploration's own folder is made in
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    out: PathBuf,
    /// Write the result as JSON to this file
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    json: Option<PathBuf>,
}

/// An exploration that goes on.
struct Exploration<'a> {
    arguments: &'a ExploreArguments,
    subject: Subject,
    folder: RunFolder,
    drawn: Arc<Mutex<Drawn>>,
}

/// The schedules that were drawn, by the number of their run, and what all of them try.
#[derive(Debug, Default)]
struct Drawn {
    schedules: BTreeMap<u64, Schedule>,
    coverage: Coverage,
}

/// A run of a generated schedule that has ended.
struct Ended {
    number: u64,
    seed: Seed,
    folder: RunFolder,
    report: RunReport,
}

/// Tries schedules, and makes the first one that fails small.
///
/// # Errors
/// When a run could not be carried through.
pub(super) async fn explore(arguments: &ExploreArguments) -> Result<Exit, Failure> {
    if arguments.fewest_faults > arguments.most_faults {
        let (fewest, most) = (arguments.fewest_faults, arguments.most_faults);
        return Err(Failure::usage(format!(
            "--fewest-faults {fewest} is more than --most-faults {most}"
        )));
    }
    let seed = arguments.seed.map_or_else(Seed::fresh, Seed);
    let interrupt = interrupt_token().map_err(Failure::environment)?;
    let subject = Subject::prepare(&arguments.subject, interrupt).await?;
    let folder = RunFolder::create(&arguments.out, PLAN, seed.0).map_err(|error| {
        Failure::usage(format!("cannot write to {}: {error}", arguments.out.display()))
    })?;
    log::send_to(&folder.own_log()).map_err(Failure::environment)?;
    anstream::eprintln!(
        "chaos on {}, {}, seed {seed}; files in {}",
        subject.system.name,
        subject.backend.name(),
        folder.root().display()
    );
    let summary = Summary::new(&subject.system.name, seed);
    let exploration = Exploration { arguments, subject, folder, drawn: Arc::default() };
    exploration.go(seed, summary).await
}

impl Exploration<'_> {
    async fn go(self, seed: Seed, mut summary: Summary) -> Result<Exit, Failure> {
        let is_over = AtomicBool::new(false);
        let runs = (0..self.arguments.runs).map(async |number| {
            // Runs that go on come to their end; no other begins.
            match is_over.load(Ordering::Relaxed) {
                true => None,
                false => Some(self.run(number, Seed(seed.0.wrapping_add(number))).await),
            }
        });
        let mut runs =
            std::pin::pin!(stream::iter(runs).buffered(self.arguments.side_by_side.get()));
        let (mut failing, mut failure) = (None, None);
        while let Some(run) = runs.next().await {
            match run {
                None => {}
                Some(Ok(ended)) => self.note(ended, &mut summary, &mut failing),
                Some(Err(error)) => failure = failure.or(Some(error)),
            }
            is_over.fetch_or(failing.is_some() || failure.is_some(), Ordering::Relaxed);
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        if let Some(ended) = failing {
            summary.failure = Some(self.make_small(&ended).await?);
        }
        self.finish(summary)
    }

    /// Runs the schedule that it draws.
    async fn run(&self, number: u64, seed: Seed) -> Result<Ended, Failure> {
        let folder = self.run_folder("run", seed)?;
        let report = self.attempt(&folder, self.generated(number), seed).await;
        let undecided = |report: &RunReport| report.outcome == Outcome::Unknown;
        if report.as_ref().map_or(true, undecided) {
            self.make_repeatable(&folder, seed);
        }
        Ok(Ended { number, seed, folder, report: report? })
    }

    /// Tells of a run, and keeps of it what is worth keeping: the first that fails is made small.
    fn note(&self, ended: Ended, summary: &mut Summary, failing: &mut Option<Ended>) {
        let Ended { number, seed, folder, report } = &ended;
        let (run, runs) = (number + 1, self.arguments.runs);
        anstream::eprintln!("run {run} of {runs}, seed {seed}: {}", told(report));
        summary.count(report.outcome);
        match report.outcome {
            Outcome::Valid => discard(folder),
            Outcome::Unknown => summary.undecided.push(folder.root().to_owned()),
            Outcome::Invalid if failing.is_some() => {
                self.make_repeatable(folder, *seed);
                summary.failed_too.push(folder.root().to_owned());
            }
            Outcome::Invalid => *failing = Some(ended),
        }
    }

    /// Draws a schedule for what is there, and remembers what it tries. It leans to what was not
    /// tried by the runs that have ended for certain when this one begins: so the same seed draws
    /// the same schedules again.
    fn generated(&self, number: u64) -> Planner {
        let drawn = Arc::clone(&self.drawn);
        let count = self.arguments.fewest_faults..=self.arguments.most_faults;
        let side_by_side = self.arguments.side_by_side.get() as u64;
        Planner::new(move |targets, seed| {
            let mut drawn = drawn.lock().unwrap_or_else(PoisonError::into_inner);
            let mut tried = Coverage::default();
            for (_, schedule) in drawn.schedules.range(..(number + 1).saturating_sub(side_by_side))
            {
                tried.note(schedule, targets);
            }
            let mut generator = ScheduleGenerator::new(targets, &tried, seed);
            let schedule = generator.draw(count.clone(), GENERATED_WINDOW);
            drawn.coverage.note(&schedule, targets);
            drawn.schedules.insert(number, schedule.clone());
            generated_plan(schedule)
        })
    }

    async fn attempt(
        &self,
        folder: &RunFolder,
        planner: Planner,
        seed: Seed,
    ) -> Result<RunReport, Failure> {
        let rerun = rerun_command(&program(), folder.root());
        let alone = self.arguments.side_by_side == NonZeroUsize::MIN;
        let telling = if alone { Telling::Counts } else { Telling::Nothing };
        let lasting = false;
        let attempt = Attempt { plan: PLAN, planner, lasting, seed, folder, rerun, telling };
        self.subject.attempt(attempt).await
    }

    /// Looks for the smallest schedule that still shows one of the same findings, and keeps the
    /// folder of the last run that did.
    async fn make_small(&self, ended: &Ended) -> Result<Found, Failure> {
        let Ended { seed, folder, report, .. } = ended;
        let seed = *seed;
        let findings = findings(report);
        let plan = read_plan(folder)?;
        let original = plan.schedule.clone();
        anstream::eprintln!(
            "looking for the smallest schedule that fails so, in {} runs at most",
            self.arguments.shrink_runs
        );
        let mut kept = None;
        let mut tried = 0;
        let outcome = shrink(original.clone(), self.arguments.shrink_runs, async |candidate| {
            tried += 1;
            let folder = self.run_folder("shrink", seed)?;
            let planner = Planner::fixed(plan.around(candidate.clone()));
            let report = self.attempt(&folder, planner, seed).await?;
            anstream::eprintln!("shrink run {tried}: {}", told(&report));
            let fails = self::findings(&report).intersection(&findings).next().is_some();
            match fails {
                true => keep(&mut kept, candidate, folder),
                false => discard(&folder),
            }
            Ok::<_, Failure>(fails)
        });
        let shrunk = outcome.await?;
        let root = match kept {
            Some((schedule, kept)) if schedule == shrunk.schedule => kept.root().to_owned(),
            _ => folder.root().to_owned(),
        };
        let reproducer = Reproducer {
            findings: findings.into_iter().map(str::to_owned).collect(),
            original,
            runs: shrunk.runs,
            failed: shrunk.failed,
            confirmations: shrunk.confirmations,
            ..self.reproducer(plan.around(shrunk.schedule), seed)
        };
        reproducer.write(&root).map_err(Failure::environment)?;
        let rerun = rerun_command(&program(), &root);
        Ok(Found { reproducer, rerun, folder: root })
    }

    /// What repeats a plan, of which nothing is known yet.
    fn reproducer(&self, plan: Plan, seed: Seed) -> Reproducer {
        let arguments = &self.arguments.subject;
        Reproducer {
            version: Reproducer::VERSION,
            system: arguments.system.clone(),
            backend: arguments.backend.name().to_owned(),
            defects: arguments.defect.clone(),
            seed,
            findings: Vec::new(),
            original: plan.schedule.clone(),
            plan,
            runs: 0,
            failed: 0,
            confirmations: 0,
        }
    }

    /// Lets a run be repeated that nobody can judge, or that could not be carried through. One that
    /// never came to its plan has nothing to repeat.
    fn make_repeatable(&self, folder: &RunFolder, seed: Seed) {
        let written = read_plan(folder)
            .map_err(|_| ())
            .and_then(|plan| self.reproducer(plan, seed).write(folder.root()).map_err(drop));
        if written.is_err() {
            tracing::warn!(folder = %folder.root().display(), "it cannot be repeated");
        }
    }

    fn run_folder(&self, name: &str, seed: Seed) -> Result<RunFolder, Failure> {
        RunFolder::create(self.folder.root(), name, seed.0).map_err(Failure::environment)
    }

    fn finish(&self, mut summary: Summary) -> Result<Exit, Failure> {
        let drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        (summary.covered, summary.possible) = (drawn.coverage.covered(), drawn.coverage.possible());
        anstream::println!("{}", summary.render());
        if let Some(path) = &self.arguments.json {
            write_file(path, &summary.to_json())?;
        }
        Ok(exit_for(summary.outcome()))
    }
}

fn rerun_command(program: &str, folder: &Path) -> String {
    format!("{} chaos rerun {}", shell_word(program), shell_word(&folder.to_string_lossy()))
}

/// The plan that a run wrote into its folder.
fn read_plan(folder: &RunFolder) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(folder.plan()).map_err(Failure::environment)?;
    serde_json::from_str(&text).map_err(Failure::environment)
}

/// Keeps the folder of a failing run in place of the one of a larger schedule.
fn keep(kept: &mut Option<(Schedule, RunFolder)>, schedule: &Schedule, folder: RunFolder) {
    if let Some((_, before)) = kept.replace((schedule.clone(), folder)) {
        discard(&before);
    }
}

/// Nobody reads what a run left that held. A folder that cannot be removed only takes room.
fn discard(folder: &RunFolder) {
    let _ = std::fs::remove_dir_all(folder.root());
}
