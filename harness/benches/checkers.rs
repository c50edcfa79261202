//! Every checker over a history of ten million operations that nobody keeps: how long it takes, of
//! that how long the history takes by itself, and the most memory that the process had meanwhile.

#![expect(clippy::print_stdout, reason = "the result is what this is run for")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use harness::checkers::{
    BREAKER, Checker, DELIVERY, METASTABILITY, ORDER, Outcome, PRIORITY, RATE_LIMIT, RECOVERY,
    RESOURCES, RETRY,
};
use harness::history::{
    Action, Attempt, BreakerState, Call, Emit, Entries, Entry, Header, Phase, Receipt, Stage,
    StoredEvent,
};
use harness::promises::{BreakerPromise, GoodputPromise, Promises, ResourcePromise, RetryPromise};
use harness::seed::Seed;

const OPERATIONS: u64 = 10_000_000;
const PRODUCERS: u64 = 100;
/// Events that a read brings at once.
const PAGE: u64 = 1000;
const MICROSECOND: u64 = 1000;

/// What the operations are.
#[derive(Clone, Copy)]
enum Kind {
    Emits,
    Calls,
    Attempts,
    Looks,
}

/// A history that is made anew each time that somebody goes through it.
struct Generated {
    header: Header,
    kind: Kind,
}

impl Generated {
    fn of(kind: Kind) -> Self {
        let retries = RetryPromise { calls: vec!["/events".into()], ..RetryPromise::default() };
        let promises = Promises {
            breakers: Some(BreakerPromise::default()),
            retries: Some(retries),
            goodput: Some(GoodputPromise::default()),
            resources: Some(ResourcePromise::default()),
        };
        let header = Header { promises, ..Header::new(Seed(1), "bench", "none", "generated") };
        Self { header, kind }
    }

    fn emits(look: &mut dyn FnMut(&Entry)) {
        let mut invoked = entry(Action::Emit(emit()));
        let mut ended = entry(Action::Emit(Emit { receipt: Some(receipt()), ..emit() }));
        for number in 0..OPERATIONS {
            for (entry, phase, after) in
                [(&mut invoked, Phase::Invoke, 0), (&mut ended, Phase::Ok, 500)]
            {
                (entry.phase, entry.operation) = (phase, number);
                entry.at = (number * 1000 + after) * MICROSECOND;
                let Action::Emit(emit) = &mut entry.action else { unreachable!() };
                rewrite(&mut emit.producer, "agent-", number % PRODUCERS);
                rewrite(&mut emit.marker, "m-", number);
                emit.urgent = number % 20 == 0;
                emit.probe = number + PRODUCERS >= OPERATIONS;
                if let Some(Receipt { id: Some(id), sequence, .. }) = &mut emit.receipt {
                    rewrite(id, "id-", number);
                    *sequence = Some(number / PRODUCERS + 1);
                }
                look(entry);
            }
        }
        let mut page = vec![stored(); PAGE as usize];
        for first in (0..OPERATIONS).step_by(PAGE as usize) {
            for (number, event) in (first..).zip(&mut page) {
                rewrite(&mut event.id, "id-", number);
                rewrite(event.marker.get_or_insert_default(), "m-", number);
                rewrite(event.producer.get_or_insert_default(), "agent-", number % PRODUCERS);
                event.sequence = Some(number / PRODUCERS + 1);
            }
            let mut read = entry(Action::Read { events: page, error: None });
            (read.operation, read.at) = (OPERATIONS, OPERATIONS * 1000 * MICROSECOND);
            let last = first + PAGE >= OPERATIONS;
            read.phase = if last { Phase::Ok } else { Phase::Invoke };
            look(&read);
            let Action::Read { events, .. } = read.action else { unreachable!() };
            page = events;
        }
    }

    fn calls(look: &mut dyn FnMut(&Entry)) {
        let call = Call { caller: String::new(), holds: 1000, fills_in: 10_000, wait: None };
        let mut entry = entry(Action::Call(call));
        for number in 0..OPERATIONS {
            for (phase, after) in [(Phase::Invoke, 0), (Phase::Ok, 500)] {
                (entry.phase, entry.operation) = (phase, number);
                entry.at = (number * 1000 + after) * MICROSECOND;
                let Action::Call(call) = &mut entry.action else { unreachable!() };
                rewrite(&mut call.caller, "agent-", number % PRODUCERS);
                look(&entry);
            }
        }
    }

    fn attempts(look: &mut dyn FnMut(&Entry)) {
        for producer in 0..PRODUCERS {
            let (part, breaker) = (format!("agent-{producer}"), "POST /events".to_owned());
            look(&entry(Action::Breaker { part, breaker, state: BreakerState::Closed }));
        }
        let call = "POST /events".to_owned();
        let mut entry = entry(Action::Attempt(Attempt::new("", call)));
        for number in 0..OPERATIONS {
            let fails = (number / PRODUCERS).is_multiple_of(3);
            let end = if fails { Phase::Fail } else { Phase::Ok };
            for (phase, after) in [(Phase::Invoke, 0), (end, 500 + number % 7 * 10)] {
                (entry.phase, entry.operation) = (phase, number);
                entry.at = (number * 1000 + after) * MICROSECOND;
                let Action::Attempt(attempt) = &mut entry.action else { unreachable!() };
                rewrite(&mut attempt.caller, "agent-", number % PRODUCERS);
                look(&entry);
            }
        }
    }

    fn looks(look: &mut dyn FnMut(&Entry)) {
        look(&entry(Action::Stage { stage: Stage::Disturb }));
        let mut entry = entry(Action::Resources {
            part: String::new(),
            resident_bytes: 0,
            peak_resident_bytes: 0,
            open_files: 20,
            disk_bytes: 0,
        });
        for number in 0..OPERATIONS {
            entry.at = number * 1000 * MICROSECOND;
            let Action::Resources { part, resident_bytes, .. } = &mut entry.action else {
                unreachable!()
            };
            rewrite(part, "agent-", number % PRODUCERS);
            *resident_bytes = 10_000_000 + number % 1000;
            look(&entry);
        }
    }
}

impl Entries for Generated {
    fn header(&self) -> &Header {
        &self.header
    }

    fn each(&self, look: &mut dyn FnMut(&Entry)) {
        match self.kind {
            Kind::Emits => Self::emits(look),
            Kind::Calls => Self::calls(look),
            Kind::Attempts => Self::attempts(look),
            Kind::Looks => Self::looks(look),
        }
    }
}

fn entry(action: Action) -> Entry {
    Entry { at: 0, process: "worker".into(), operation: 0, phase: Phase::Ok, action }
}

fn emit() -> Emit {
    Emit {
        producer: String::new(),
        marker: String::new(),
        kind: "plain".into(),
        urgent: false,
        probe: false,
        receipt: None,
        error: None,
    }
}

fn receipt() -> Receipt {
    Receipt { id: Some(String::new()), lane: Some("normal".into()), sequence: None }
}

fn stored() -> StoredEvent {
    StoredEvent {
        id: String::new(),
        producer: None,
        lane: Some("normal".into()),
        sequence: None,
        marker: None,
        dropped: None,
    }
}

fn rewrite(text: &mut String, prefix: &str, number: u64) {
    text.clear();
    write!(text, "{prefix}{number}").expect("a string takes everything");
}

/// The most memory that the process has had since [`forget_peak`], in MB of a million bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1024 / 1_000_000
}

fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux forgets it");
}

fn main() {
    // As a test (`cargo test --benches`), it only has to build.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let checkers: [(Checker, Kind); 9] = [
        (DELIVERY, Kind::Emits),
        (ORDER, Kind::Emits),
        (PRIORITY, Kind::Emits),
        (RECOVERY, Kind::Emits),
        (METASTABILITY, Kind::Emits),
        (RATE_LIMIT, Kind::Calls),
        (RETRY, Kind::Attempts),
        (BREAKER, Kind::Attempts),
        (RESOURCES, Kind::Looks),
    ];
    println!("{OPERATIONS} operations; load {}", load_average());
    for (checker, kind) in checkers {
        let history = Generated::of(kind);
        let (mut passes, mut generating) = (0, Duration::ZERO);
        forget_peak();
        let began = Instant::now();
        let counted = Counted { history: &history, passes: std::sync::Mutex::new(0) };
        let verdict = (checker.check)(&counted);
        let took = began.elapsed();
        let peak = peak();
        passes += *counted.passes.lock().expect("nobody panicked");
        for _ in 0..passes {
            let began = Instant::now();
            history.each(&mut |entry| {
                std::hint::black_box(entry);
            });
            generating += began.elapsed();
        }
        println!(
            "{:14} {:8} {:5.1} s, of which the history {:5.1} s in {passes} passes; {peak:4} MB",
            checker.name,
            verdict.outcome.word(),
            took.as_secs_f64(),
            generating.as_secs_f64(),
        );
        assert_ne!(verdict.outcome, Outcome::Unknown, "{}", verdict.summary);
    }
}

/// Counts how often somebody goes through a history.
struct Counted<'a> {
    history: &'a Generated,
    passes: std::sync::Mutex<u32>,
}

impl Entries for Counted<'_> {
    fn header(&self) -> &Header {
        self.history.header()
    }

    fn each(&self, look: &mut dyn FnMut(&Entry)) {
        *self.passes.lock().expect("nobody panicked") += 1;
        self.history.each(look);
    }
}

fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
