//! `harness bench`: how fast the system and the harness are, beside their limits.

mod compare;
mod measure;
mod table;

use clap::{Args, Subcommand};

use crate::exit_code::Exit;

/// What to measure, and for how long.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArguments {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    #[command(flatten)]
    measure: measure::MeasureArguments,
}

/// What else there is to do.
#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// Say what became slower from one result to another, beyond noise
    Compare(compare::CompareArguments),
}

/// Measures, or compares two measurements.
pub async fn bench(arguments: &BenchArguments) -> Exit {
    let outcome = match &arguments.command {
        Some(BenchCommand::Compare(arguments)) => compare::compare(arguments),
        None => measure::measure(&arguments.measure).await,
    };
    outcome.unwrap_or_else(|failure| failure.tell())
}
