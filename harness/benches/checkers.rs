//! Every checker over a history of ten million operations that nobody keeps: how long it takes, how
//! much of a processor, of that how much the history takes by itself, and the most memory that the
//! process had meanwhile. On a machine that does other things, too, the processor's time tells more.
//!
//! `cargo bench -p harness --bench checkers -- 1000000 delivery order` has so many operations, and
//! judges with these checkers alone.

#![expect(clippy::print_stdout, reason = "the result is what this is run for")]

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
use rustix::time::{ClockId, clock_gettime};

/// How many operations there are, unless an argument says otherwise.
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
    operations: u64,
    producers: Vec<String>,
}

impl Generated {
    fn of(kind: Kind, operations: u64) -> Self {
        let retries = RetryPromise { calls: vec!["/events".into()], ..RetryPromise::default() };
        let promises = Promises {
            breakers: Some(BreakerPromise::default()),
            retries: Some(retries),
            goodput: Some(GoodputPromise::default()),
            resources: Some(ResourcePromise::default()),
        };
        let header = Header { promises, ..Header::new(Seed(1), "bench", "none", "generated") };
        let producers = (0..PRODUCERS).map(|number| format!("agent-{number}")).collect();
        Self { header, kind, operations, producers }
    }

    fn producer(&self, number: u64) -> &String {
        &self.producers[(number % PRODUCERS) as usize]
    }

    fn emits(&self, look: &mut dyn FnMut(&Entry)) {
        let mut invoked = entry(Action::Emit(emit()));
        let mut ended = entry(Action::Emit(Emit { receipt: Some(receipt()), ..emit() }));
        for number in 0..self.operations {
            for (entry, phase, after) in
                [(&mut invoked, Phase::Invoke, 0), (&mut ended, Phase::Ok, 500)]
            {
                (entry.phase, entry.operation) = (phase, number);
                entry.at = (number * 1000 + after) * MICROSECOND;
                let Action::Emit(emit) = &mut entry.action else { unreachable!() };
                emit.producer.clone_from(self.producer(number));
                rewrite(&mut emit.marker, "m-", number);
                emit.urgent = number % 20 == 0;
                emit.probe = number + PRODUCERS >= self.operations;
                if let Some(Receipt { id: Some(id), sequence, .. }) = &mut emit.receipt {
                    rewrite(id, "id-", number);
                    *sequence = Some(number / PRODUCERS + 1);
                }
                look(entry);
            }
        }
        let mut page = vec![stored(); PAGE as usize];
        for first in (0..self.operations).step_by(PAGE as usize) {
            for (number, event) in (first..).zip(&mut page) {
                rewrite(&mut event.id, "id-", number);
                rewrite(event.marker.get_or_insert_default(), "m-", number);
                event.producer.get_or_insert_default().clone_from(self.producer(number));
                event.sequence = Some(number / PRODUCERS + 1);
            }
            let mut read = entry(Action::Read { events: page, error: None });
            (read.operation, read.at) = (self.operations, self.operations * 1000 * MICROSECOND);
            let last = first + PAGE >= self.operations;
            read.phase = if last { Phase::Ok } else { Phase::Invoke };
            look(&read);
            let Action::Read { events, .. } = read.action else { unreachable!() };
            page = events;
        }
    }

    fn calls(&self, look: &mut dyn FnMut(&Entry)) {
        let call = Call { caller: String::new(), holds: 1000, fills_in: 10_000, wait: None };
        let mut entry = entry(Action::Call(call));
        for number in 0..self.operations {
            for (phase, after) in [(Phase::Invoke, 0), (Phase::Ok, 500)] {
                (entry.phase, entry.operation) = (phase, number);
                entry.at = (number * 1000 + after) * MICROSECOND;
                let Action::Call(call) = &mut entry.action else { unreachable!() };
                call.caller.clone_from(self.producer(number));
                look(&entry);
            }
        }
    }

    fn attempts(&self, look: &mut dyn FnMut(&Entry)) {
        for part in self.producers.iter().cloned() {
            let breaker = "POST /events".to_owned();
            look(&entry(Action::Breaker { part, breaker, state: BreakerState::Closed }));
        }
        let call = "POST /events".to_owned();
        let mut entry = entry(Action::Attempt(Attempt::new("", call)));
        for number in 0..self.operations {
            let fails = (number / PRODUCERS).is_multiple_of(3);
            let end = if fails { Phase::Fail } else { Phase::Ok };
            for (phase, after) in [(Phase::Invoke, 0), (end, 500 + number % 7 * 10)] {
                (entry.phase, entry.operation) = (phase, number);
                entry.at = (number * 1000 + after) * MICROSECOND;
                let Action::Attempt(attempt) = &mut entry.action else { unreachable!() };
                attempt.caller.clone_from(self.producer(number));
                look(&entry);
            }
        }
    }

    fn looks(&self, look: &mut dyn FnMut(&Entry)) {
        look(&entry(Action::Stage { stage: Stage::Disturb }));
        let mut entry = entry(Action::Resources {
            part: String::new(),
            resident_bytes: 0,
            peak_resident_bytes: 0,
            open_files: 20,
            disk_bytes: 0,
        });
        for number in 0..self.operations {
            entry.at = number * 1000 * MICROSECOND;
            let Action::Resources { part, resident_bytes, .. } = &mut entry.action else {
                unreachable!()
            };
            part.clone_from(self.producer(number));
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
            Kind::Emits => self.emits(look),
            Kind::Calls => self.calls(look),
            Kind::Attempts => self.attempts(look),
            Kind::Looks => self.looks(look),
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

/// Without the standard formatter, which takes longer than most checkers.
fn rewrite(text: &mut String, prefix: &str, mut number: u64) {
    let (mut digits, mut first) = ([b'0'; 20], 20);
    while number > 0 || first == 20 {
        first -= 1;
        digits[first] += (number % 10) as u8;
        number /= 10;
    }
    text.clear();
    text.push_str(prefix);
    text.push_str(std::str::from_utf8(&digits[first..]).expect("digits are text"));
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
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let operations = arguments.iter().find_map(|argument| argument.parse().ok());
    let operations = operations.unwrap_or(OPERATIONS);
    let is_named = |(checker, _): &&(Checker, Kind)| arguments.iter().any(|it| it == checker.name);
    let all = !checkers.iter().any(|checker| is_named(&checker));
    println!("{operations} operations; load {}", load_average());
    for (checker, kind) in checkers.iter().filter(|checker| all || is_named(checker)) {
        let history = Generated::of(*kind, operations);
        forget_peak();
        let (began, worked) = (Instant::now(), processor_time());
        let counted = Counted { history: &history, passes: std::sync::Mutex::new(0) };
        let verdict = (checker.check)(&counted);
        let (took, worked) = (began.elapsed(), processor_time() - worked);
        let peak = peak();
        let passes = *counted.passes.lock().expect("nobody panicked");
        let generating = processor_time();
        for _ in 0..passes {
            history.each(&mut |entry| {
                std::hint::black_box(entry);
            });
        }
        let generating = processor_time() - generating;
        println!(
            "{:14} {:8} {:5.1} s, {:5.1} s of a processor, of which the history {:5.1} s in {passes} \
             passes; {peak:4} MB",
            checker.name,
            verdict.outcome.word(),
            took.as_secs_f64(),
            worked.as_secs_f64(),
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

/// What the process has had of processors.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("it goes forward")
}

fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
