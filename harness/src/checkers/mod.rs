//! Judges a history. A checker is a pure function from a history to a verdict, and reads nothing
//! else: neither the environment nor which defect is on.
//!
//! To add one, write its file and name it in [`ALL`].

mod composition;
mod delivery;
mod evidence;
mod order;
mod recovery;
mod verdict;

pub use composition::{Checker, judge};
pub use verdict::{Outcome, Verdict};

/// Nothing lost, doubled, invented or undead.
pub const DELIVERY: Checker = Checker { name: "delivery", check: delivery::check };

/// Order within producer and lane. Only for systems that promise one.
pub const ORDER: Checker = Checker { name: "order", check: order::check };

/// Every part came back by itself, and the whole works again.
pub const RECOVERY: Checker = Checker { name: "recovery", check: recovery::check };

/// Every checker.
pub const ALL: [Checker; 3] = [DELIVERY, ORDER, RECOVERY];
