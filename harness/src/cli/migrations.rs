//! `harness migrations`: a folder of migrations, replayed and judged.

mod progress;
mod replay;

use clap::Subcommand;

pub use replay::ReplayArguments;

use crate::exit_code::Exit;

/// What to do with migrations.
#[derive(Debug, Subcommand)]
pub enum MigrationsCommand {
    /// Run a folder of migrations on every path, and say what breaks
    Replay(Box<ReplayArguments>),
}

/// Does it, and says how it went.
pub async fn run(command: &MigrationsCommand) -> Exit {
    match command {
        MigrationsCommand::Replay(arguments) => replay::run(arguments).await,
    }
}
