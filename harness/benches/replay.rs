//! A replay beside one `psql` process that is fed the same files, on the same kind of server, in
//! turn; and a lineage four times as long beside that.
//!
//! Prints each figure with its target: medians over the rounds, of ratios between two measurements
//! of one round, so that a machine that slows down slows both. The lineages are generated, the
//! same ones in every run. What a replay needs to start its servers is part of its time; `psql`
//! finds its server there, so the first figure is given without it as well.
//!
//! `cargo bench -p harness --bench replay [-- ROUNDS]`

#![expect(clippy::print_stdout, reason = "the result is what this is run for")]

#[path = "replay/generated.rs"]
mod generated;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::migrations::lineage::{Lineage, ReadOptions, Step, read};
use harness::migrations::replay::{ReplayOptions, Server, replay};
use harness::seed::Seed;
use tempfile::TempDir;

const SEED: Seed = Seed(20_261_122);
const SHORT: usize = 300;
const LONG: usize = 1_200;
const ROUNDS: usize = 5;
/// In how many of the rounds the long lineage has its turn, if the time permits.
const LONG_ROUNDS: usize = 2;
/// How many times as long the long lineage is thought to take beforehand.
const LONG_BY_SHORT: f64 = 6.0;
/// After so long nothing begins any more.
const BUDGET: Duration = Duration::from_secs(240);

/// What a replay took, or `psql`.
struct Taken {
    /// Seconds in all.
    total: f64,
    /// Seconds of these in which servers were started.
    starting: f64,
    /// What the time went to, in milliseconds; nothing is known of `psql`.
    parts: BTreeMap<&'static str, u64>,
}

/// The measurements that are compared with each other.
struct Round {
    psql: Taken,
    fresh: Taken,
    without_data: Taken,
    with_data: Taken,
    /// Of the long lineage, without data and with it.
    long: Option<[Taken; 2]>,
}

/// A generated lineage in its folder.
struct Written {
    folder: TempDir,
    lineage: Lineage,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // As a test (`cargo test --benches`), it only has to build.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let mut own = arguments.iter().filter(|argument| !argument.starts_with("--"));
    let rounds = own.next().map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let (short, long) = (Written::new(SHORT), Written::new(LONG));
    let begun = Instant::now();
    let mut done = Vec::new();
    while done.len() < rounds && (done.is_empty() || begun.elapsed() < BUDGET) {
        let mut round = Round::measure(&short);
        let expected = round.without_data.total + round.with_data.total;
        let expected = begun.elapsed() + Duration::from_secs_f64(expected * LONG_BY_SHORT);
        if done.len() < LONG_ROUNDS && expected < BUDGET {
            round.measure_long(&long);
        }
        println!("{round}");
        done.push(round);
    }
    tell(&done);
}

/// Every figure with its target.
fn tell(rounds: &[Round]) {
    let figure = |name: &str, of: &dyn Fn(&Round) -> Option<f64>, target: f64| {
        let mut values: Vec<f64> = rounds.iter().filter_map(of).collect();
        if values.is_empty() {
            println!("{name:<52} not measured: there was no time for it");
            return;
        }
        values.sort_unstable_by(f64::total_cmp);
        let median = values[values.len() / 2];
        let (least, most) = (values[0], values[values.len() - 1]);
        let met = if median <= target { "met" } else { "not met" };
        println!("{name:<52} {median:>7.2} [{least:.2} to {most:.2}]  at most {target}: {met}");
    };
    let psql = |round: &Round| round.psql.running();
    println!("\n{} rounds; median [least to most]", rounds.len());
    figure("fresh, by psql", &|round| Some(round.fresh.total / round.psql.total), 1.15);
    figure(
        "fresh, by psql, both without the server's start",
        &|round| Some(round.fresh.running() / psql(round)),
        1.15,
    );
    figure(
        "matrix without data, by psql",
        &|round| Some(round.without_data.total / psql(round)),
        8.0,
    );
    figure("matrix with data, by psql", &|round| Some(round.with_data.total / psql(round)), 20.0);
    let times = |place: usize, round: &Round| {
        let short = [&round.without_data, &round.with_data][place];
        Some(round.long.as_ref()?[place].total / short.total)
    };
    figure("1,200 by 300, without data", &|round| times(0, round), 4.4);
    figure("1,200 by 300, with data", &|round| times(1, round), 4.4);
    figure("peak memory, MB", &|_| Some(peak_megabytes()), 300.0);
    for (name, taken) in [
        ("without data", rounds.last().map(|round| &round.without_data)),
        ("with data", rounds.last().map(|round| &round.with_data)),
    ] {
        println!(
            "\nthe last matrix {name}, in milliseconds: {:?}",
            taken.map(|taken| &taken.parts)
        );
    }
}

impl Round {
    fn measure(short: &Written) -> Self {
        let fresh = ReplayOptions { with_trials: false, ..without_data() };
        Self {
            psql: short.fed_to_psql(),
            fresh: short.replayed(&fresh),
            without_data: short.replayed(&without_data()),
            with_data: short.replayed(&with_data()),
            long: None,
        }
    }

    fn measure_long(&mut self, long: &Written) {
        self.long = Some([long.replayed(&without_data()), long.replayed(&with_data())]);
    }
}

impl fmt::Display for Round {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { psql, fresh, without_data, with_data, long } = self;
        let [psql, fresh, without_data, with_data] =
            [psql, fresh, without_data, with_data].map(|taken| taken.total);
        write!(
            out,
            "psql {psql:.3} s, fresh {fresh:.3} s, without data {without_data:.2} s, \
             with data {with_data:.2} s"
        )?;
        match long {
            Some([one, other]) => write!(out, "; long {:.2} s, {:.2} s", one.total, other.total),
            None => Ok(()),
        }
    }
}

/// What is bounded: rows of every version, and all data compared. That a path is also replayed
/// alone, as a check on the walk, is no part of it.
fn with_data() -> ReplayOptions {
    ReplayOptions { seed: SEED, paths: 0, ..ReplayOptions::default() }
}

/// Fresh, twice, round trips, drift, locks and rewrites of each statement, and the walk down.
fn without_data() -> ReplayOptions {
    ReplayOptions { with_data: false, ..with_data() }
}

impl Taken {
    fn since(begun: Instant, starting: Duration, parts: BTreeMap<&'static str, u64>) -> Self {
        Self { total: begun.elapsed().as_secs_f64(), starting: starting.as_secs_f64(), parts }
    }

    fn running(&self) -> f64 {
        self.total - self.starting
    }
}

impl Written {
    fn new(migrations: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        generated::write_lineage(folder.path(), SEED, migrations);
        let lineage = read(folder.path(), &ReadOptions::default()).expect("the lineage is read");
        assert_eq!(lineage.migrations.len(), migrations);
        Self { folder, lineage }
    }

    #[tokio::main(flavor = "current_thread")]
    async fn fed_to_psql(&self) -> Taken {
        let begun = Instant::now();
        let server = Server::start("peer").await.expect("a server starts");
        let started = begun.elapsed();
        let mut psql = Command::new(server.cluster().binaries().program("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]);
        psql.args(["--dbname", &server.cluster().superuser_url()]);
        for migration in &self.lineage.migrations {
            if let Step::Script(up) = &migration.up {
                psql.arg("--file").arg(self.folder.path().join(&up.file));
            }
        }
        assert!(psql.status().expect("psql starts").success(), "psql runs every file");
        Taken::since(begun, started, BTreeMap::new())
    }

    #[tokio::main]
    async fn replayed(&self, options: &ReplayOptions) -> Taken {
        let begun = Instant::now();
        let outcome = replay(&self.lineage, options, &|_, _| ()).await.expect("it is replayed");
        assert_eq!(outcome.fresh.failed.len(), 0, "{:?}", outcome.fresh.failed);
        assert_eq!(outcome.seeding.unseeded, [], "every table gets its rows");
        if options.with_trials && !options.with_data {
            let migrations = self.lineage.migrations.len();
            assert_eq!(outcome.cost.len(), migrations, "locks and rewrites are a part of it");
        }
        let starting = Duration::from_millis(outcome.timings["servers_ms"]);
        Taken::since(begun, starting, outcome.timings)
    }
}

/// The most memory that this program has had: that of all replays in it.
fn peak_megabytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux says what a program takes");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    kilobytes.and_then(|peak| peak.parse::<f64>().ok()).expect("a number of kilobytes") / 1_000.0
}
