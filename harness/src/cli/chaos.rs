//! `harness chaos`: disturbs a system by chance until it fails, and makes the failure small.

mod explore;
mod rerun;
mod summary;

use clap::{Args, Subcommand};

use crate::exit_code::Exit;

/// What to disturb, and how often.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ChaosArguments {
    #[command(subcommand)]
    command: Option<ChaosCommand>,
    #[command(flatten)]
    explore: explore::ExploreArguments,
}

/// What else there is to do.
#[derive(Debug, Subcommand)]
enum ChaosCommand {
    /// Run a failure again that was found before
    Rerun(rerun::RerunArguments),
}

/// Explores, or runs a known failure again.
pub async fn chaos(arguments: &ChaosArguments) -> Exit {
    let outcome = match &arguments.command {
        Some(ChaosCommand::Rerun(arguments)) => rerun::rerun(arguments).await,
        None => explore::explore(&arguments.explore).await,
    };
    outcome.unwrap_or_else(|failure| failure.tell())
}
