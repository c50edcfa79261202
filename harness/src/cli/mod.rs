//! The command line: one file a subcommand; each parses, calls and maps the outcome to an exit.

pub mod bench;
pub mod certify;
pub mod chaos;
pub mod doctor;
mod failure;
mod gate;
pub mod init;
mod interrupt;
pub mod log;
mod machine;
pub mod migrations;
mod output;
mod progress;
pub mod proxy;
mod release;
pub mod report;
pub mod run;
mod run_report;
pub mod sensitivity;
mod subject;

use clap::{Parser, Subcommand};

/// Proves, before a release ships, that an event-driven service on PostgreSQL survives its
/// migrations, its network and its load, and that every event still arrives.
#[derive(Debug, Parser)]
#[command(name = "harness", version, after_help = EXIT_CODES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the harness can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a system, disturb it under load, and judge what became of its events
    Run(run::RunArguments),
    /// Disturb a system by chance, and find the smallest disturbance that it does not survive
    Chaos(chaos::ChaosArguments),
    /// Start a server in every situation that a release meets, and judge its migration runner
    Certify(certify::CertifyArguments),
    /// Judge a folder of migrations by running it
    Migrations {
        /// What to do with it.
        #[command(subcommand)]
        command: migrations::MigrationsCommand,
    },
    /// Join, compare or open reports
    Report {
        /// What to do with them.
        #[command(subcommand)]
        command: report::ReportCommand,
    },
    /// Write the files that say what is to be checked of a project
    Init(init::InitArguments),
    /// Measure how fast the system and the harness are, beside what the machine allows
    Bench(bench::BenchArguments),
    /// Plant each defect of a ledger and see whether its detector finds it, and nothing without it
    Sensitivity(sensitivity::SensitivityArguments),
    /// Say what this machine has, what is missing, and the command that mends it
    Doctor(doctor::DoctorArguments),
    /// The fault-injecting proxy, alone
    Proxy {
        /// What to do with it.
        #[command(subcommand)]
        command: proxy::ProxyCommand,
    },
}

const EXIT_CODES: &str = "\
Exit codes: 0 all good, 1 findings or an invalid verdict, 2 usage or configuration error, \
3 the environment could not be started, 4 an unknown verdict, 130 interrupted. \
When several apply, the first of 3, 2, 1, 4 wins.";
