//! Several runs at the same time, each with a system of its own.

use std::sync::{Mutex, PoisonError};
use std::thread;

use libtest_mimic::Failed;

/// What `work` makes of each item, in the order of the items; so many are worked on at a time.
///
/// # Errors
/// The first failure by the order of the items, after all have ended.
pub fn each<I: Send, R: Send>(
    items: impl IntoIterator<Item = I>,
    at_a_time: usize,
    work: impl Fn(I) -> Result<R, Failed> + Sync,
) -> Result<Vec<R>, Failed> {
    let items = Mutex::new(items.into_iter().collect::<Vec<_>>().into_iter().enumerate());
    let results = Mutex::new(Vec::new());
    // A worker that panics passes its panic on at the end of the scope.
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some((number, item)) = next() {
                    let result = work(item);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_and_the_first_failure_wins() {
        let double = |number: u64| Ok(number * 2);
        assert_eq!(each(0..50, 4, double).unwrap(), (0..50).map(|n| n * 2).collect::<Vec<_>>());
        let odd = |number: u64| match number % 2 {
            0 => Ok(number),
            _ => Err(Failed::from(number.to_string())),
        };
        assert_eq!(each([2, 5, 3], 2, odd).unwrap_err().message().unwrap(), "5");
    }
}
