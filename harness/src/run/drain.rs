//! Waits until nothing moves any more, then gives every producer a fresh event.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::history::{Action, Phase, Recorder, StoredEvent};
use crate::workload::{Generator, ProducerState, Reader, Worker};

const INTERVAL: Duration = Duration::from_millis(100);
/// How often a probe is proposed again to a producer that does not take it.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);

/// Notes how much each producer still holds and what its breakers do, and returns how many answered and how much it is
/// together.
pub(super) async fn note_backlogs(reader: &Reader, recorder: &Recorder) -> (usize, u64) {
    let states = reader.producer_states().await;
    let sum = states.iter().map(|state| state.backlog).sum();
    let answered = states.len();
    for ProducerState { name: part, backlog: events, breakers } in states {
        for (breaker, state) in breakers {
            recorder.note("harness", Action::Breaker { part: part.clone(), breaker, state });
        }
        recorder.note("harness", Action::Backlog { part, events });
    }
    (answered, sum)
}

/// Waits until every one of `producers` holds nothing more or, where they do not tell, nothing new
/// has been stored for the time of `quiet`; or until the bound. Returns whether it is so.
pub(super) async fn drain(
    reader: &Reader,
    recorder: &Recorder,
    producers: usize,
    quiet: Duration,
    bound: Duration,
) -> bool {
    let deadline = Instant::now() + bound;
    if !reader.knows_backlogs() {
        return fall_quiet(reader, quiet, deadline).await;
    }
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

async fn fall_quiet(reader: &Reader, quiet: Duration, deadline: Instant) -> bool {
    let mut since = Instant::now();
    let mut before = None;
    while since.elapsed() < quiet {
        if Instant::now() >= deadline {
            return false;
        }
        let stored = reader.read().await.ok().map(|events| events.len());
        if stored.is_none() || stored != before {
            (since, before) = (Instant::now(), stored);
        }
        sleep(INTERVAL).await;
    }
    true
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
/// What cannot be read back is for the checkers to judge: without a read they say unknown.
pub(super) async fn final_read(reader: &Reader, recorder: &Recorder, bound: Duration) {
    let deadline = Instant::now() + bound;
    let read = |events: Vec<StoredEvent>, error| Action::Read { events, error };
    let operation = recorder.invoke("harness", read(Vec::new(), None));
    loop {
        match reader.read().await {
            Ok(events) => return recorder.complete(operation, Phase::Ok, read(events, None)),
            Err(error) if Instant::now() >= deadline => {
                let failed = read(Vec::new(), Some(error.to_string()));
                return recorder.complete(operation, Phase::Fail, failed);
            }
            Err(_) => sleep(INTERVAL).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::history::{Header, History};
    use crate::seed::Seed;
    use crate::system::EventContract;
    use crate::workload::Asked;
    use crate::workload::test_server::{endpoint, serve};
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use reqwest::Client;
    use serde_json::json;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(200);

    fn contract() -> EventContract {
        serde_json::from_value(json!({
            "emit": {
                "to": "agent", "path": "/events", "marker": "/marker",
                "kinds": [{"name": "plain", "body": {}}]
            },
            "backlog": {"path": "/health", "events": "/backlog"},
            "read": {
                "from": "server", "path": "/events", "next_path": "/events", "items": "/events",
                "next": "/next", "id": "/id", "marker": "/marker"
            }
        }))
        .unwrap()
    }

    fn recorder() -> (tempfile::TempDir, Recorder) {
        let folder = tempfile::tempdir().unwrap();
        let header = Header::new(Seed(1), "none", "none", "sample");
        let recorder = Recorder::create(&folder.path().join("history"), header).unwrap();
        (folder, recorder)
    }

    fn reader(url: &str) -> Reader {
        let part = endpoint("agent", url);
        Reader::new(Client::new(), Asked::Part(part.clone()), &contract(), vec![part])
    }

    fn backlogs(history: &History) -> Vec<u64> {
        let actions = history.entries().map(|entry| &entry.action);
        actions
            .filter_map(|action| match action {
                Action::Backlog { events, .. } => Some(*events),
                _ => None,
            })
            .collect()
    }

    /// Counts down to 0 with each question, or refuses until then.
    fn counting_down(from: u64) -> Router {
        let left = Arc::new(AtomicU64::new(from + 1));
        let count = move || {
            let before =
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            before.map_or(0, |before| before - 1)
        };
        let health = count.clone();
        let events = move || {
            let status = match count() {
                0 => StatusCode::OK,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            async move { (status, r#"{"events": []}"#) }
        };
        Router::new()
            .route("/health", get(move || async move { json!({"backlog": health()}).to_string() }))
            .route("/events", post(events.clone()).get(events))
    }

    #[tokio::test]
    async fn draining_waits_until_nothing_is_held() {
        let (_folder, recorder) = recorder();
        let reader = reader(&serve(counting_down(2)).await);
        assert!(drain(&reader, &recorder, 1, SHORT, LONG).await);
        assert_eq!(backlogs(&recorder.history()), [2, 1, 0]);
    }

    #[tokio::test]
    async fn draining_ends_with_its_bound() {
        let (_folder, recorder) = recorder();
        let reader = reader(&serve(counting_down(u64::MAX - 1)).await);
        assert!(!drain(&reader, &recorder, 1, SHORT, SHORT).await);
    }

    #[tokio::test]
    async fn a_producer_that_does_not_answer_is_not_drained() {
        let (_folder, recorder) = recorder();
        let reader = reader(&serve(Router::new()).await);
        assert!(!drain(&reader, &recorder, 1, SHORT, SHORT).await);
        assert_eq!(backlogs(&recorder.history()), [0; 0]);
    }

    /// A reader of one whose producers do not tell what they hold.
    fn unknowing(url: &str) -> Reader {
        let contract = EventContract { backlog: None, ..contract() };
        Reader::new(Client::new(), Asked::Part(endpoint("agent", url)), &contract, Vec::new())
    }

    #[tokio::test]
    async fn without_backlogs_draining_waits_until_nothing_new_is_stored() {
        let (_folder, recorder) = recorder();
        let reads = Arc::new(AtomicU64::new(0));
        let counting = Arc::clone(&reads);
        let events = move || {
            let stored = counting.fetch_add(1, Ordering::Relaxed).min(3);
            let events: Vec<_> = (0..stored).map(|id| json!({"id": id})).collect();
            async move { json!({"events": events}).to_string() }
        };
        let reader = unknowing(&serve(Router::new().route("/events", get(events))).await);
        assert!(drain(&reader, &recorder, 1, SHORT, LONG).await);
        assert!(reads.load(Ordering::Relaxed) > 4, "three came in, and then no more");
    }

    #[tokio::test]
    async fn what_cannot_be_read_back_is_not_quiet() {
        let (_folder, recorder) = recorder();
        let reader = unknowing(&serve(Router::new()).await);
        assert!(!drain(&reader, &recorder, 1, SHORT, 2 * SHORT).await);
    }

    #[tokio::test]
    async fn a_probe_is_proposed_until_it_is_taken() {
        let (_folder, recorder) = recorder();
        let url = serve(counting_down(1)).await;
        let emit = contract().emit;
        let mut generator = Generator::new(&emit, 1, Seed(1), "probe");
        let producers = vec![endpoint("agent", &url)];
        let worker = Worker::new(Client::new(), recorder.clone(), emit, producers);
        probe(&worker, &mut generator, LONG).await;
        let history = recorder.history();
        let probes: Vec<(bool, Phase)> =
            history.emits().iter().map(|emit| (emit.emit.probe, emit.phase)).collect();
        assert_eq!(probes, [(true, Phase::Indeterminate), (true, Phase::Ok)]);
    }

    #[tokio::test]
    async fn the_final_read_is_asked_for_again() {
        let (_folder, recorder) = recorder();
        final_read(&reader(&serve(counting_down(1)).await), &recorder, LONG).await;
        assert_eq!(recorder.history().final_read().unwrap().events, []);
    }

    #[tokio::test]
    async fn a_final_read_that_fails_says_why() {
        let (_folder, recorder) = recorder();
        let reader = reader(&serve(counting_down(u64::MAX - 1)).await);
        final_read(&reader, &recorder, SHORT).await;
        let history = recorder.history();
        assert!(history.final_read().is_none());
        assert!(history.why_unread().contains("503"), "{}", history.why_unread());
    }
}
