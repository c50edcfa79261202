//! The command line of the harness.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use harness::cli::{
    Arguments, Command, bench, certify, chaos, doctor, init, log, migrations, proxy, report, run,
    sensitivity,
};
use harness::exit_code::Exit;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Good.into(),
                _ => Exit::Usage.into(),
            };
        }
    };
    log::start();
    let exit = match &arguments.command {
        Command::Run(arguments) => run::run(arguments).await,
        Command::Migrations { command } => migrations::run(command).await,
        Command::Chaos(arguments) => chaos::chaos(arguments).await,
        Command::Certify(arguments) => certify::certify(arguments).await,
        Command::Report { command } => report::run(command),
        Command::Init(arguments) => init::init(arguments),
        Command::Bench(arguments) => bench::bench(arguments).await,
        Command::Sensitivity(arguments) => sensitivity::sensitivity(arguments).await,
        Command::Doctor(arguments) => doctor::examine(arguments),
        Command::Proxy { command: proxy::ProxyCommand::Serve(arguments) } => {
            proxy::serve(arguments).await
        }
    };
    exit.into()
}
