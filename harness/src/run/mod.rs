//! One run: bring a system up, disturb it under load, let it recover, judge it.
//!
//! `plan + seed → environment → (workload ∥ nemesis) → history → heal → drain → probe → verdicts`

mod drain;
mod flow;
mod folder;
mod generated;
mod plan;
#[cfg(test)]
mod planted_failures;
mod promised;
mod reproducer;
mod soak;

pub use flow::{Run, RunError, RunRequest, perform};
pub use folder::RunFolder;
pub use generated::{GENERATED_WINDOW, generated_plan};
pub use plan::{Plan, PlanName, Planner};
pub use promised::{checkers_of, checkers_of_lasting};
pub use reproducer::{Reproducer, ReproducerError};
pub use soak::Soak;
