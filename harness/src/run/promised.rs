//! Which checkers judge a system: those of what it promises.

use crate::checkers::{Checker, DELIVERY, ORDER, PRIORITY, RECOVERY, promise};
use crate::system::{Promise, System};

/// Delivery and recovery for every system, order for one that promises it, priority for one that has
/// urgent events.
pub fn checkers_of(system: &System) -> Vec<Checker> {
    let events = &system.events;
    let (delivery, order) = match events.promised {
        Promise::ExactlyOnce => (DELIVERY, ORDER),
        Promise::AtLeastOnce => (promise::AT_LEAST_ONCE, promise::ORDER_OF_FIRST_COPIES),
        Promise::AtMostOnce => (promise::AT_MOST_ONCE, promise::ORDER_WITH_GAPS),
    };
    let order = events.is_ordered().then_some(order);
    let priority = events.emit.kinds.iter().any(|kind| kind.urgent).then_some(PRIORITY);
    [Some(delivery), order, priority, Some(RECOVERY)].into_iter().flatten().collect()
}
