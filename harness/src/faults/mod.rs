//! Disturbs a running environment: what a fault is, when it comes, and who injects it; and how a
//! schedule is drawn up by chance, and made smaller.

mod active_fault;
mod fault;
mod generate;
mod nemesis;
mod schedule;
mod shrink;
mod targets;

pub use active_fault::ActiveFault;
pub use fault::{Fault, FaultError};
pub use generate::{Coverage, Phase, ScheduleGenerator};
pub use nemesis::Nemesis;
pub use schedule::{Schedule, ScheduledFault};
pub use shrink::{Shrunk, shrink};
pub use targets::Targets;
