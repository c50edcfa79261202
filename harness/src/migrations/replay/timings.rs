//! What the time of a replay goes to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

tokio::task_local! {
    static SPENT: RefCell<BTreeMap<&'static str, Duration>>;
}

/// Does work, and says what was spent on each part of it that [`spent_on`] tells apart, in
/// milliseconds.
pub(super) async fn counted<T>(work: impl Future<Output = T>) -> (T, BTreeMap<&'static str, u64>) {
    let work = async {
        let outcome = work.await;
        let spent = SPENT.with(RefCell::take);
        (outcome, spent.into_iter().map(|(part, time)| (part, milliseconds(time))).collect())
    };
    SPENT.scope(RefCell::default(), work).await
}

/// Does work that is one part of a replay. Parts are told apart, so none lies in another.
pub(super) async fn spent_on<T>(part: &'static str, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let outcome = work.await;
    let spent = begun.elapsed();
    // What is used alone, outside a replay, is counted by nobody.
    let _ = SPENT.try_with(|all| *all.borrow_mut().entry(part).or_default() += spent);
    outcome
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
