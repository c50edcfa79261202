//! Runs a failure again, as the folder of a run describes it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::summary::{findings, told};
use crate::checkers::Outcome;
use crate::cli::failure::Failure;
use crate::cli::interrupt::interrupt_token;
use crate::cli::log;
use crate::cli::progress::Telling;
use crate::cli::run::DEFAULT_OUT;
use crate::cli::run_report::program;
use crate::cli::subject::{Attempt, Subject, SubjectArguments};
use crate::environment::BackendKind;
use crate::exit_code::Exit;
use crate::report;
use crate::report::text::shell_word;
use crate::run::{Planner, Reproducer, RunFolder};

/// Which failure, and how often.
#[derive(Debug, Args)]
pub struct RerunArguments {
    /// The folder that `chaos` left
    folder: PathBuf,
    /// How often to run it
    #[arg(long, default_value_t = 1)]
    times: usize,
    /// Another system file than the one it was found with
    #[arg(long, value_name = "FILE")]
    system: Option<PathBuf>,
    /// The folder that the runs' own folders are made in
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    out: PathBuf,
}

/// Runs it again; findings are the exit code if it fails once.
///
/// # Errors
/// When there is no such failure, or a run could not be carried through.
pub(super) async fn rerun(arguments: &RerunArguments) -> Result<Exit, Failure> {
    let known = Reproducer::read(&arguments.folder).map_err(Failure::usage)?;
    let backend = BackendKind::from_str(&known.backend, false).map_err(Failure::usage)?;
    let system = arguments.system.clone().or_else(|| known.system.clone());
    let subject = SubjectArguments { backend, system, defect: known.defects.clone() };
    let interrupt = interrupt_token().map_err(Failure::environment)?;
    let subject = Subject::prepare(&subject, interrupt).await?;
    let once = arguments.times == 1;
    let mut failed = 0;
    let mut worst = Exit::Good;
    for number in 1..=arguments.times {
        let folder = RunFolder::create(&arguments.out, "rerun", known.seed.0)
            .map_err(Failure::environment)?;
        if number == 1 {
            log::send_to(&folder.own_log()).map_err(Failure::environment)?;
        }
        let again = shell_word(&arguments.folder.to_string_lossy());
        let attempt = Attempt {
            plan: "chaos",
            planner: Planner::fixed(known.plan.clone()),
            lasting: false,
            seed: known.seed,
            folder: &folder,
            rerun: format!("{} chaos rerun {again}", shell_word(&program())),
            telling: if once { Telling::Changes } else { Telling::Counts },
        };
        let report = subject.attempt(attempt).await?;
        // Of a run that nobody could judge, every failure is the one that is looked for.
        let same = known.findings.is_empty()
            || known.findings.iter().any(|id| findings(&report).contains(id.as_str()));
        match report.outcome {
            Outcome::Invalid => {
                failed += usize::from(same);
                worst = Exit::Findings;
            }
            Outcome::Unknown if worst == Exit::Good => worst = Exit::Unknown,
            _ => {}
        }
        match once {
            true => anstream::println!("{}", report::terminal::render(&report)),
            false => anstream::println!("run {number} of {}: {}", arguments.times, told(&report)),
        }
    }
    let with = match known.findings.join(", ") {
        ids if ids.is_empty() => ids,
        ids => format!(" with {ids}"),
    };
    let runs = if once { "run" } else { "runs" };
    anstream::println!("failed{with} in {failed} of {} {runs}", arguments.times);
    Ok(worst)
}
