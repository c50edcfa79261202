//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// How long a condition is waited for where nothing else is said: long enough for a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);

/// Waits, blocking, until `condition` holds.
///
/// # Panics
/// It does not hold within [`DEADLINE`].
#[cfg(test)]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "in vain for {DEADLINE:?}: {what}");
        std::thread::sleep(PAUSE);
    }
}
