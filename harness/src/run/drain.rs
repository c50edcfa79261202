//! Waits until nothing moves any more, then gives every producer a fresh event.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::history::{Action, Phase, Recorder, StoredEvent};
use crate::workload::{Generator, ReadError, Reader, Worker};

const INTERVAL: Duration = Duration::from_millis(100);
/// How often a probe is proposed again to a producer that does not take it.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);

/// Notes how much each producer still holds, and returns how many answered and how much it is
/// together.
pub(super) async fn note_backlogs(reader: &Reader, recorder: &Recorder) -> (usize, u64) {
    let backlogs = reader.backlogs().await;
    let sum = backlogs.iter().map(|(_, events)| events).sum();
    let answered = backlogs.len();
    for (part, events) in backlogs {
        recorder.note("harness", Action::Backlog { part, events });
    }
    (answered, sum)
}

/// Waits until every one of `producers` holds nothing more, or until the bound. Returns whether
/// they do.
pub(super) async fn drain(
    reader: &Reader,
    recorder: &Recorder,
    producers: usize,
    bound: Duration,
) -> bool {
    let deadline = Instant::now() + bound;
    loop {
        if note_backlogs(reader, recorder).await == (producers, 0) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        sleep(INTERVAL).await;
    }
}

/// Gives every producer one fresh event, again until it takes it or the bound is over.
pub(super) async fn probe(worker: &Worker, generator: &mut Generator, bound: Duration) {
    let deadline = Instant::now() + bound;
    for producer in 0..worker.producers() {
        loop {
            let phase = worker.emit(generator.propose_for(producer), true).await;
            if phase == Phase::Ok || Instant::now() >= deadline {
                break;
            }
            sleep(PROBE_INTERVAL).await;
        }
    }
}

/// Reads everything back, again until the system answers or the bound is over, and records it.
pub(super) async fn final_read(
    reader: &Reader,
    recorder: &Recorder,
    bound: Duration,
) -> Result<(), ReadError> {
    let deadline = Instant::now() + bound;
    let read = |events: Vec<StoredEvent>| Action::Read { events };
    let operation = recorder.invoke("harness", read(Vec::new()));
    loop {
        match reader.read().await {
            Ok(events) => {
                recorder.complete(operation, Phase::Ok, read(events));
                return Ok(());
            }
            Err(error) if Instant::now() >= deadline => {
                recorder.complete(operation, Phase::Fail, read(Vec::new()));
                return Err(error);
            }
            Err(_) => sleep(INTERVAL).await,
        }
    }
}
