//! What a scenario expects: at once, or in the end.

use std::fmt::Debug;
use std::time::Duration;

use libtest_mimic::Failed;
use tokio::time::{Instant, sleep};

/// How long a condition is waited for: long enough for a busy machine.
pub const BOUND: Duration = Duration::from_secs(30);
/// How long something is waited for that comes within a second, if it ever does.
pub const SOON: Duration = Duration::from_secs(10);
/// How often it is looked at.
pub const INTERVAL: Duration = Duration::from_millis(20);

/// What was seen is what was expected.
///
/// # Errors
/// It is something else.
pub fn equal<T, U>(what: &str, seen: &T, expected: &U) -> Result<(), Failed>
where
    T: PartialEq<U> + Debug + ?Sized,
    U: Debug + ?Sized,
{
    match seen == expected {
        true => Ok(()),
        false => Err(format!("{what}: {seen:?}, not {expected:?}").into()),
    }
}

/// A text holds another.
///
/// # Errors
/// It does not.
pub fn contains(what: &str, text: &str, expected: &str) -> Result<(), Failed> {
    match text.contains(expected) {
        true => Ok(()),
        false => Err(format!("{what} does not say {expected:?}:\n{text}").into()),
    }
}

/// Looks again and again until there is something to see, and returns it.
///
/// # Errors
/// There is nothing within [`BOUND`], or looking fails.
pub async fn eventually<T>(
    what: &str,
    look: impl AsyncFnMut() -> Result<Option<T>, Failed>,
) -> Result<T, Failed> {
    within(BOUND, what, look).await
}

/// The same for what a planted defect keeps from happening, and a sound system promises within much
/// less than [`SOON`].
///
/// # Errors
/// There is nothing within [`SOON`], or looking fails.
pub async fn soon<T>(
    what: &str,
    look: impl AsyncFnMut() -> Result<Option<T>, Failed>,
) -> Result<T, Failed> {
    within(SOON, what, look).await
}

async fn within<T>(
    bound: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>, Failed>,
) -> Result<T, Failed> {
    let deadline = Instant::now() + bound;
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if Instant::now() >= deadline {
            return Err(format!("in vain for {} s: {what}", bound.as_secs()).into());
        }
        sleep(INTERVAL).await;
    }
}
