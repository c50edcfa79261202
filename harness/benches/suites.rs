//! A hundred trivial database tests through nextest, in turn: against the shared cluster, and
//! through `#[sqlx::test]`, once with a server as `initdb` makes it, in the temporary folder, and
//! once with one in memory and with the shared cluster's settings, where only the templates are
//! missing. Prints the time of every run and the ratios of the medians.

#![expect(clippy::print_stdout, reason = "the result is what this is run for")]

mod common;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::plain_cluster::PlainCluster;

const ROUNDS: usize = 5;

fn nextest(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command
        .args(["nextest", "run", "--package=harness", "--features=suites"])
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// The wall time of one run of a suite, with nextest's own start and its listing of the tests.
fn time(suite: &str, database_url: &str) -> Duration {
    let start = Instant::now();
    let output = nextest(&["--test", suite, "--status-level=fail"])
        .env(common::DATABASE_URL, database_url)
        .output()
        .expect("cargo starts");
    let time = start.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{suite} failed:\n{said}");
    assert!(said.contains("100 tests run: 100 passed"), "{said}");
    time
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

fn main() {
    // As a test (`cargo test --benches`), it only has to build.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let built = nextest(&["--test=suite_isolated", "--test=suite_sqlx", "--no-run"]).status();
    assert!(built.expect("cargo starts").success(), "the suites are built");

    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let logs = tempfile::tempdir().expect("a temporary folder");
    let tuned = runtime.block_on(common::server_for_sqlx(logs.path()));
    let plain = PlainCluster::start(&std::env::temp_dir(), &[]);
    let mut candidates = [
        ("the shared cluster", "suite_isolated", String::new(), Vec::new()),
        ("#[sqlx::test], server as installed", "suite_sqlx", plain.url(), Vec::new()),
        ("#[sqlx::test], server tuned like ours", "suite_sqlx", tuned.superuser_url(), Vec::new()),
    ];
    for round in 1..=ROUNDS {
        for (name, suite, url, times) in &mut candidates {
            let time = time(suite, url);
            println!("round {round}: {:>6.2} s  {name}", time.as_secs_f64());
            times.push(time);
        }
    }
    let [ours, others @ ..] = candidates.map(|(name, _, _, mut times)| (name, median(&mut times)));
    println!("median:  {:>6.2} s  {}", ours.1, ours.0);
    for (name, time) in others {
        println!("median:  {time:>6.2} s  {name}: {:.1} times as long", time / ours.1);
    }
}
