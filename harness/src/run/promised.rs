//! Which checkers judge a system: those of what it promises.

use crate::checkers::{
    BREAKER, Checker, DELIVERY, METASTABILITY, ORDER, PRIORITY, RECOVERY, RETRY,
};
use crate::system::System;

/// Delivery and recovery for every system, order for one whose events are numbered, priority for
/// one that has urgent events, and one for each promise of its own.
pub fn checkers_of(system: &System) -> Vec<Checker> {
    let events = &system.events;
    let order = events.read.sequence.is_some().then_some(ORDER);
    let priority = events.emit.kinds.iter().any(|kind| kind.urgent).then_some(PRIORITY);
    let promises = &system.promises;
    let breaker = promises.breakers.as_ref().map(|_| BREAKER);
    let retry = promises.retries.as_ref().map(|_| RETRY);
    let metastability = promises.goodput.as_ref().map(|_| METASTABILITY);
    [Some(DELIVERY), order, priority, Some(RECOVERY), breaker, retry, metastability]
        .into_iter()
        .flatten()
        .collect()
}
