//! What the proxy costs: each load through it and, in turn with that, straight to the upstream.
//!
//! Prints the median and the range of every quantity over the rounds; the ratios are of the two
//! measurements of one round, so that a machine that slows down slows both. `by processor time` is
//! what the ratio would be if the processors did nothing else: what load and nginx use directly,
//! over what they and the proxy use. It stands even when others use the machine. Upstream are nginx with
//! one worker, and an echo for round trips. Beside kept connections stands a bare relay, the
//! plainest program that passes messages on.
//!
//! `cargo bench -p toxiproxy --bench beside_direct [-- ROUNDS [CASE]]`

#![expect(clippy::print_stdout, reason = "the result is what this is run for")]

#[path = "beside_direct/load.rs"]
mod load;
#[path = "beside_direct/processor.rs"]
mod processor;
#[path = "beside_direct/program.rs"]
mod program;
#[path = "beside_direct/relay.rs"]
mod relay;
#[path = "beside_direct/series.rs"]
mod series;
#[path = "beside_direct/upstreams.rs"]
mod upstreams;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use program::Program;
use relay::Relay;
use series::Series;
use upstreams::Upstreams;

const ROUNDS: usize = 9;
const MEGABYTE: f64 = 1_000_000.0;

/// A load; what it gives is better when it is more.
type Rate = fn(SocketAddr) -> f64;

/// The load that is measured through a bare relay, too.
const KEPT: &str = "32 kept connections";

const RATES: [(&str, &str, Rate, f64); 4] = [
    ("bulk, one stream", "MB", |to| load::bulk(to, 1) / MEGABYTE, 0.4),
    ("bulk, eight streams", "MB", |to| load::bulk(to, 8) / MEGABYTE, 0.65),
    (KEPT, "request", |to| load::requests(to, 32, true), 0.6),
    ("a connection a request", "request", |to| load::requests(to, 32, false), 0.45),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(upstream) = relay::asked(&arguments) {
        relay::run(upstream);
    }
    // As a test (`cargo test --benches`), it only has to build.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let mut own = arguments.iter().filter(|argument| !argument.starts_with("--"));
    let rounds = own.next().map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let only = own.next().map_or("", String::as_str);
    let upstreams = match Upstreams::start() {
        Ok(upstreams) => upstreams,
        Err(what) => {
            println!("{what}");
            std::process::exit(3);
        }
    };
    let program = Program::start(&upstreams);
    println!("{rounds} rounds; median [least to most]\n");
    for (name, unit, load, goal) in RATES.iter().filter(|(name, ..)| name.contains(only)) {
        compare_rates(&upstreams, &program, rounds, (name, unit, *load, *goal));
    }
    if "round trip".contains(only) {
        compare_round_trips(&upstreams, &program, rounds);
    }
    if "latency".contains(only) {
        measure_latency(&program, rounds);
    }
}

/// One run of a load.
struct Run {
    /// Units a second.
    rate: f64,
    /// Seconds of processor time a unit: of the proxy, and of all who took part.
    own: f64,
    all: f64,
}

/// Runs a load through a program, which has used so much processor time, or past it.
fn run(upstreams: &Upstreams, program: impl Fn() -> Duration, load: Rate, to: SocketAddr) -> Run {
    let used = || {
        let own = program();
        (own, own + upstreams.processor_time() + processor::of_process(std::process::id()))
    };
    let (before, started) = (used(), Instant::now());
    let rate = load(to);
    let units = rate * started.elapsed().as_secs_f64();
    let after = used();
    let a_unit = |time: Duration| time.as_secs_f64() / units;
    Run { rate, own: a_unit(after.0 - before.0), all: a_unit(after.1 - before.1) }
}

fn compare_rates(
    upstreams: &Upstreams,
    program: &Program,
    rounds: usize,
    (name, unit, load, goal): (&str, &str, Rate, f64),
) {
    let [mut direct, mut through, mut ratio, mut share, mut own, mut memory]: [Series; 6] =
        Default::default();
    let relay = (name == KEPT).then(|| Relay::start(upstreams.nginx));
    let [mut relayed_ratio, mut relayed_own]: [Series; 2] = Default::default();
    for _ in 0..rounds {
        let of_proxy = || program.processor_time();
        let straight = run(upstreams, of_proxy, load, upstreams.nginx);
        let proxied = run(upstreams, of_proxy, load, program.http);
        if let Some(relay) = &relay {
            let relayed = run(upstreams, || relay.processor_time(), load, relay.address);
            relayed_ratio.push(relayed.rate / straight.rate);
            relayed_own.push(relayed.own * 1e6);
        }
        direct.push(straight.rate);
        through.push(proxied.rate);
        ratio.push(proxied.rate / straight.rate);
        share.push(straight.all / proxied.all);
        own.push(proxied.own * 1e6);
        memory.push(program.resident_bytes() as f64 / MEGABYTE);
    }
    println!("{name}");
    println!("  direct            {direct:.0} {unit} a second");
    println!("  through           {through:.0} {unit} a second");
    println!("  ratio             {ratio:.3}, goal at least {goal}");
    println!("  by processor time {share:.3}");
    println!("  the proxy's own   {own:.2} µs a {unit}");
    if relay.is_some() {
        println!("  a bare relay's    {relayed_own:.2} µs a {unit}, ratio {relayed_ratio:.3}");
    }
    println!("  its memory        {memory:.1} MB\n");
}

fn compare_round_trips(upstreams: &Upstreams, program: &Program, rounds: usize) {
    let [mut direct, mut through, mut added]: [Series; 3] = Default::default();
    for _ in 0..rounds {
        let straight = load::round_trip(upstreams.echo).as_secs_f64() * 1e6;
        let proxied = load::round_trip(program.echo).as_secs_f64() * 1e6;
        direct.push(straight);
        through.push(proxied);
        added.push(proxied - straight);
    }
    println!("round trip of one byte, median of each round");
    println!("  direct         {direct:.1} µs");
    println!("  through        {through:.1} µs");
    println!("  added          {added:.1} µs, goal at most 12\n");
}

/// Beside the sleep of as many threads: what the machine itself is late.
fn measure_latency(program: &Program, rounds: usize) {
    const CONNECTIONS: usize = 8;
    const EACH: usize = 25;
    let [mut medians, mut tails, mut slept_medians, mut slept_tails]: [Series; 4] =
        Default::default();
    let note = |mut times: Vec<Duration>, medians: &mut Series, tails: &mut Series| {
        times.sort_unstable();
        medians.push(times[times.len() / 2].as_secs_f64() * 1e3);
        tails.push(times[times.len() * 99 / 100].as_secs_f64() * 1e3);
    };
    for _ in 0..rounds {
        let slept = load::sleeps(CONNECTIONS, EACH, Duration::from_millis(50));
        note(slept, &mut slept_medians, &mut slept_tails);
        let proxied = load::round_trips(program.delayed, CONNECTIONS, EACH);
        note(proxied, &mut medians, &mut tails);
    }
    println!("round trip of one byte under a latency of 50 ms, and a thread that sleeps so long");
    println!("  median         {medians:.2} ms, goal at most 50.3; slept {slept_medians:.2} ms");
    println!("  99th of 100    {tails:.2} ms, goal at most 50.8; slept {slept_tails:.2} ms");
}
