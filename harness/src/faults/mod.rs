//! Disturbs a running environment: what a fault is, when it comes, and who injects it.

mod fault;
mod nemesis;
mod schedule;

pub use fault::{ActiveFault, Fault, FaultError};
pub use nemesis::Nemesis;
pub use schedule::{Schedule, ScheduledFault};
