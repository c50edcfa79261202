//! Which checkers judge a system: those of what it promises.

use crate::checkers::{
    BREAKER, Checker, DELIVERY, METASTABILITY, ORDER, PRIORITY, RECOVERY, RESOURCES, RETRY,
};
use crate::environment::BackendKind;
use crate::system::System;

/// Delivery and recovery for every system, order for one whose events are numbered, priority for
/// one that has urgent events, and one for each promise of its own. The calls
/// of parts and what parts take of the machine are seen only where both are this machine's.
pub fn checkers_of(system: &System, backend: BackendKind) -> Vec<Checker> {
    let events = &system.events;
    let order = events.read.sequence.is_some().then_some(ORDER);
    let priority = events.emit.kinds.iter().any(|kind| kind.urgent).then_some(PRIORITY);
    let promises = &system.promises;
    let breaker = promises.breakers.as_ref().map(|_| BREAKER);
    let seen = backend == BackendKind::Embedded;
    let retry = promises.retries.as_ref().filter(|_| seen).map(|_| RETRY);
    let metastability = promises.goodput.as_ref().map(|_| METASTABILITY);
    let resources = promises.resources.as_ref().filter(|_| seen).map(|_| RESOURCES);
    [Some(DELIVERY), order, priority, Some(RECOVERY), breaker, retry, metastability, resources]
        .into_iter()
        .flatten()
        .collect()
}
