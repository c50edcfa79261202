//! `harness migrations`: a folder of migrations, replayed and judged.

mod progress;
mod replay;
mod rules;
mod since;

use clap::Subcommand;

pub use replay::ReplayArguments;
pub use rules::RulesArguments;

use crate::exit_code::Exit;

/// What to do with migrations.
#[derive(Debug, Subcommand)]
pub enum MigrationsCommand {
    /// Run a folder of migrations on every path, and say what breaks
    Replay(Box<ReplayArguments>),
    /// List what is found in migrations without running them
    Rules(RulesArguments),
}

/// Does it, and says how it went.
pub async fn run(command: &MigrationsCommand) -> Exit {
    match command {
        MigrationsCommand::Replay(arguments) => replay::run(arguments).await,
        MigrationsCommand::Rules(arguments) => rules::list(arguments),
    }
}
