//! Which checkers judge a system: those of what it promises.

use crate::checkers::{
    BREAKER, Checker, DELIVERY, LEAK, METASTABILITY, ORDER, PRIORITY, RECOVERY, RESOURCES, RETRY,
    promise,
};
use crate::environment::BackendKind;
use crate::system::{Promise, System};

/// Delivery and recovery for every system, order for one that promises it, priority for one that
/// has urgent events, and one for each promise of its own. The calls of parts and what parts take
/// of the machine are seen only where both are this machine's.
pub fn checkers_of(system: &System, backend: BackendKind) -> Vec<Checker> {
    let events = &system.events;
    let (delivery, order) = match events.promised {
        Promise::ExactlyOnce => (DELIVERY, ORDER),
        Promise::AtLeastOnce => (promise::AT_LEAST_ONCE, promise::ORDER_OF_FIRST_COPIES),
        Promise::AtMostOnce => (promise::AT_MOST_ONCE, promise::ORDER_WITH_GAPS),
    };
    let order = events.is_ordered().then_some(order);
    let priority = events.emit.kinds.iter().any(|kind| kind.urgent).then_some(PRIORITY);
    let promises = &system.promises;
    let breaker = promises.breakers.as_ref().map(|_| BREAKER);
    let seen = backend == BackendKind::Embedded;
    let retry = promises.retries.as_ref().filter(|_| seen).map(|_| RETRY);
    let metastability = promises.goodput.as_ref().map(|_| METASTABILITY);
    let resources = promises.resources.as_ref().filter(|_| seen).map(|_| RESOURCES);
    [Some(delivery), order, priority, Some(RECOVERY), breaker, retry, metastability, resources]
        .into_iter()
        .flatten()
        .collect()
}

/// Those of [`checkers_of`], and what can be told of a run only that lasts for minutes: whether what
/// parts take grows slowly.
pub fn checkers_of_lasting(system: &System, backend: BackendKind) -> Vec<Checker> {
    let mut checkers = checkers_of(system, backend);
    if checkers.iter().any(|checker| checker.name == RESOURCES.name) {
        checkers.push(LEAK);
    }
    checkers
}
