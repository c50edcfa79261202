//! `harness proxy`: the fault-injecting proxy, alone.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tokio::net::TcpListener;

use super::interrupt::interrupt_token;
use crate::exit_code::Exit;
use crate::seed::Seed;

/// What to do with the proxy.
#[derive(Debug, Subcommand)]
pub enum ProxyCommand {
    /// Serve Toxiproxy's HTTP interface until Ctrl-C
    Serve(ServeArguments),
}

/// Where the proxy is controlled from.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// The address of the control interface
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The port of the control interface
    #[arg(long, default_value_t = 8474)]
    port: u16,
    /// Proxies to start with: a JSON array, as Toxiproxy reads it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where every random choice comes from
    #[arg(long)]
    seed: Option<u64>,
}

/// Serves until it is interrupted, which is a good end.
pub async fn serve(arguments: &ServeArguments) -> Exit {
    let address = (arguments.host.as_str(), arguments.port);
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            anstream::eprintln!(
                "error: cannot listen on {}:{}: {error}; choose another with --host and --port",
                arguments.host,
                arguments.port
            );
            return Exit::Environment;
        }
    };
    let interrupt = match interrupt_token() {
        Ok(interrupt) => interrupt,
        Err(error) => {
            anstream::eprintln!("error: cannot catch signals: {error}");
            return Exit::Environment;
        }
    };
    let proxies = toxiproxy::Proxies::new(arguments.seed.map_or_else(Seed::fresh, Seed).0);
    if let Some(config) = &arguments.config
        && let Err(error) = toxiproxy::load_config(&proxies, config).await
    {
        anstream::eprintln!("error: {error}");
        return Exit::Usage;
    }
    anstream::eprintln!("serving Toxiproxy's interface on {}:{}", arguments.host, arguments.port);
    match toxiproxy::serve(listener, proxies, interrupt.cancelled_owned()).await {
        Ok(()) => Exit::Good,
        Err(error) => {
            anstream::eprintln!("error: {error}");
            Exit::Environment
        }
    }
}
