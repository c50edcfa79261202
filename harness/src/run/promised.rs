//! Which checkers judge a system: those of what it promises.

use crate::checkers::{Checker, DELIVERY, ORDER, PRIORITY, RECOVERY};
use crate::system::System;

/// Delivery and recovery for every system, order for one whose events are numbered, priority for
/// one that has urgent events.
pub fn checkers_of(system: &System) -> Vec<Checker> {
    let events = &system.events;
    let order = events.read.sequence.is_some().then_some(ORDER);
    let priority = events.emit.kinds.iter().any(|kind| kind.urgent).then_some(PRIORITY);
    [Some(DELIVERY), order, priority, Some(RECOVERY)].into_iter().flatten().collect()
}
