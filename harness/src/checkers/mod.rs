//! Judges a history. A checker is a pure function from a history to a verdict, and reads nothing
//! else: neither the environment nor which defect is on.
//!
//! To add one, write its file and name it in [`ALL`].

mod composition;
mod delivery;
mod evidence;
mod order;
mod priority;
pub mod promise;
mod rate_limit;
mod recovery;
mod verdict;

pub use composition::{Checker, judge};
pub use verdict::{Outcome, Verdict};

/// Nothing lost, doubled, invented or undead.
pub const DELIVERY: Checker = Checker { name: "delivery", check: delivery::check };

/// Order within producer and lane. Only for systems that promise one.
pub const ORDER: Checker = Checker { name: "order", check: order::check };

/// No urgent event waits behind others. Only for systems that have urgent events.
pub const PRIORITY: Checker = Checker { name: "priority", check: priority::check };

/// A limit lets in what its bucket holds, no more and no less. Only for histories of calls.
pub const RATE_LIMIT: Checker = Checker { name: "rate limit", check: rate_limit::check };

/// Every part came back by itself, and the whole works again.
pub const RECOVERY: Checker = Checker { name: "recovery", check: recovery::check };

/// Every checker.
pub const ALL: [Checker; 5] = [DELIVERY, ORDER, PRIORITY, RATE_LIMIT, RECOVERY];
