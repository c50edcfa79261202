//! `harness run`: one plan on one system, judged and reported.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::failure::Failure;
use super::gate::GateArguments;
use super::interrupt::interrupt_token;
use super::log;
use super::output::{output_file, write_file};
use super::progress::Telling;
use super::run_report::{program, rerun_command};
use super::subject::{Attempt, Subject, SubjectArguments, exit_for};
use crate::exit_code::Exit;
use crate::report;
use crate::run::{PlanName, RunFolder, Soak};
use crate::seed::Seed;

/// Where runs are kept when no other folder is named.
pub(super) const DEFAULT_OUT: &str = "reports/generated";

/// What to run, and on what.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// What the run does
    #[arg(long, value_enum, default_value_t)]
    plan: PlanChoice,
    /// What the gate checks [default: harness.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The lineage that the gate replays [default: as harness.toml says]
    #[arg(long, value_name = "DIR")]
    migrations: Option<PathBuf>,
    /// How long a soak lasts [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: Option<u64>,
    /// Events a second of a soak, over all producers [default: 60]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: Option<u32>,
    #[command(flatten)]
    subject: SubjectArguments,
    /// Where every random choice comes from [default: a fresh one, which is printed]
    #[arg(long)]
    seed: Option<u64>,
    /// The folder that the run's own folder is made in
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    out: PathBuf,
    /// Write the run's report as JSON to this file, too
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    json: Option<PathBuf>,
}

/// One run, or all that a release must pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum PlanChoice {
    /// Under a minute: one fault of each kind while events flow
    #[default]
    Quick,
    /// All that harness.toml asks of a release, one command after the other
    Gate,
    /// Constant load for minutes, generated faults with rests between, and a look for slow growth
    Soak,
}

/// Runs, reports, and says how it went.
pub async fn run(arguments: &RunArguments) -> Exit {
    attempt(arguments).await.unwrap_or_else(|failure| failure.tell())
}

async fn attempt(arguments: &RunArguments) -> Result<Exit, Failure> {
    let seed = arguments.seed.map_or_else(Seed::fresh, Seed);
    if arguments.plan != PlanChoice::Soak
        && (arguments.minutes.is_some() || arguments.rate.is_some())
    {
        return Err(Failure::usage("--minutes and --rate are of --plan soak alone"));
    }
    let name = match arguments.plan {
        PlanChoice::Quick => PlanName::Quick,
        PlanChoice::Soak => PlanName::Soak(soak(arguments)),
        PlanChoice::Gate => return gate(arguments, seed).await,
    };
    let interrupt = interrupt_token().map_err(Failure::environment)?;
    let subject = Subject::prepare(&arguments.subject, interrupt).await?;
    let plan = name.name();
    let folder = RunFolder::create(&arguments.out, plan, seed.0).map_err(|error| {
        Failure::usage(format!("cannot write to {}: {error}", arguments.out.display()))
    })?;
    anstream::eprintln!(
        "plan {plan} on {}, {}, seed {seed}; files in {}",
        subject.system.name,
        subject.backend.name(),
        folder.root().display()
    );
    log::send_to(&folder.own_log()).map_err(Failure::environment)?;
    let report = subject
        .attempt(Attempt {
            plan,
            planner: name.planner(),
            lasting: matches!(name, PlanName::Soak(_)),
            seed,
            folder: &folder,
            rerun: rerun_command(&program(), name, &arguments.subject, seed),
            telling: Telling::Changes,
        })
        .await?;
    anstream::println!("{}", report::terminal::render(&report));
    anstream::println!("report: {}", folder.root().join("report.html").display());
    if let Some(path) = &arguments.json {
        write_file(path, &report::json::render(&report))?;
    }
    Ok(exit_for(report.outcome))
}

fn soak(arguments: &RunArguments) -> Soak {
    let usual = Soak::default();
    Soak {
        minutes: arguments.minutes.unwrap_or(usual.minutes),
        rate: arguments.rate.unwrap_or(usual.rate),
    }
}

async fn gate(arguments: &RunArguments, seed: Seed) -> Result<Exit, Failure> {
    super::gate::gate(GateArguments {
        config: arguments.config.as_deref(),
        migrations: arguments.migrations.as_deref(),
        subject: &arguments.subject,
        seed,
        out: &arguments.out,
        json: arguments.json.as_deref(),
    })
    .await
}
