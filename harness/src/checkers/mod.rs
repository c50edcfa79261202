//! Judges a history. A checker is a pure function from a history to a verdict, and reads nothing
//! else: neither the environment nor which defect is on.
//!
//! A history may be of millions of operations: a checker goes through it as often as it must, an
//! entry at a time, and keeps little of each.
//!
//! To add one, write its file and name it in [`ALL`].

mod breaker;
mod composition;
mod delivery;
mod evidence;
#[cfg(test)]
mod expect;
mod facts;
mod leak;
mod metastability;
mod numbers;
mod order;
mod priority;
pub mod promise;
mod rate_limit;
mod recovery;
mod resources;
mod retry;
mod spread;
mod table;
mod trend;
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

/// Breakers open when they must and close by themselves. Only for systems that promise breakers.
pub const BREAKER: Checker = Checker { name: "breaker", check: breaker::check };

/// Failed calls come again seldom and spread. Only for systems that promise it.
pub const RETRY: Checker = Checker { name: "retry", check: retry::check };

/// What gets through is back soon after the faults. Only for systems that promise it.
pub const METASTABILITY: Checker = Checker { name: "metastability", check: metastability::check };

/// What parts take comes back to its level. Only for systems that promise it.
pub const RESOURCES: Checker = Checker { name: "resources", check: resources::check };

/// What parts take does not grow slowly. Only for systems that promise something of it, and for
/// runs of minutes.
pub const LEAK: Checker = Checker { name: "leak", check: leak::check };

/// Every checker.
pub const ALL: [Checker; 10] = [
    DELIVERY,
    ORDER,
    PRIORITY,
    RATE_LIMIT,
    RECOVERY,
    BREAKER,
    RETRY,
    METASTABILITY,
    RESOURCES,
    LEAK,
];
