//! The proxy as a program of its own: `toxiproxy-server --port 8474 --config proxies.json`.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use toxiproxy::{Metrics, Proxies, load_config, serve_with_metrics};
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

/// A TCP proxy that injects faults, controlled through Toxiproxy's HTTP API.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address that the HTTP API listens on
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Port that the HTTP API listens on; 0 lets the system choose
    #[arg(long, default_value_t = 8474)]
    port: u16,
    /// JSON file with an array of proxies to start with
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Number that every random choice follows from [default: drawn, and logged]
    #[arg(long)]
    seed: Option<u64>,
    /// Threads that move bytes; more than one pays on machines with many cores
    #[arg(long, default_value = "1")]
    threads: NonZero<usize>,
    /// Count the bytes of each proxy under /metrics
    #[arg(long)]
    proxy_metrics: bool,
    /// Show version, processor time, memory and open files under /metrics
    #[arg(long)]
    runtime_metrics: bool,
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let arguments = Arguments::parse_from(std::env::args_os().map(two_dashes));
    let runtime = match runtime(arguments.threads) {
        Ok(runtime) => runtime,
        Err(error) => {
            error!("cannot start: {error}");
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            error!("{problem}");
            ExitCode::from(2)
        }
    }
}

/// Toxiproxy's own options may begin with one dash, `-port`, so scripts write them so.
fn two_dashes(argument: OsString) -> OsString {
    match argument.to_str() {
        Some(text) if text.len() > 2 && text.starts_with('-') && !text.starts_with("--") => {
            format!("-{text}").into()
        }
        _ => argument,
    }
}

/// One thread needs to wake no other, which would cost more than a small message does.
fn runtime(threads: NonZero<usize>) -> std::io::Result<Runtime> {
    let mut builder = match threads.get() {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(threads.get()).enable_all().build()
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let shutdown = stop_signal().map_err(|error| format!("cannot wait for signals: {error}"))?;
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let Arguments { host, port, .. } = &arguments;
    let listener = TcpListener::bind((host.as_str(), *port)).await.map_err(|error| {
        format!("cannot listen on {host}:{port}: {error}; choose another --host or --port")
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let proxies = Proxies::new(seed);
    if let Some(file) = &arguments.config {
        let made = load_config(&proxies, file).await.map_err(|error| error.to_string())?;
        info!(file = %file.display(), proxies = made, "populated");
    }
    info!(%address, seed, "serving the API");
    let metrics = Metrics { proxies: arguments.proxy_metrics, runtime: arguments.runtime_metrics };
    let served = serve_with_metrics(listener, proxies, metrics, shutdown).await;
    served.map_err(|error| format!("the API broke: {error}"))
}

/// Ready when the program is asked to end. The handlers stand from the call on, so that no signal
/// during the start is missed.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping");
    })
}
