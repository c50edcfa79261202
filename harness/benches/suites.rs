//! A hundred trivial database tests through nextest: against the shared cluster, and through
//! `#[sqlx::test]`, in turn. Prints the time of every run and the ratio of the medians.

#![expect(clippy::print_stdout, reason = "the result is what this is run for")]

mod common;

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const SUITES: [&str; 2] = ["suite_isolated", "suite_sqlx"];

fn nextest(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command
        .args(["nextest", "run", "--package=harness", "--features=suites"])
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// The wall time of one run of a suite, with nextest's own start and its listing of the tests.
fn time(suite: &str) -> Duration {
    let start = Instant::now();
    let output = nextest(&["--test", suite, "--status-level=fail"]).output().expect("cargo starts");
    let time = start.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{suite} failed:\n{said}");
    assert!(said.contains("100 tests run: 100 passed"), "{said}");
    time
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() -> ExitCode {
    // As a test (`cargo test --benches`), it only has to build.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    if std::env::var_os(common::DATABASE_URL).is_none() {
        return common::run_again_with_a_server();
    }
    let built = nextest(&["--test", SUITES[0], "--test", SUITES[1], "--no-run"]).status();
    assert!(built.expect("cargo starts").success(), "the suites are built");

    let mut times = [Vec::new(), Vec::new()];
    for round in 1..=ROUNDS {
        for (suite, times) in SUITES.iter().zip(&mut times) {
            let time = time(suite);
            println!("round {round}: {suite:<15} {:>6.2} s", time.as_secs_f64());
            times.push(time);
        }
    }
    let [isolated, sqlx] = times.map(|mut times| median(&mut times).as_secs_f64());
    println!("median: shared cluster {isolated:.2} s, #[sqlx::test] {sqlx:.2} s");
    println!("the shared cluster is {:.1} times faster", sqlx / isolated);
    ExitCode::SUCCESS
}
