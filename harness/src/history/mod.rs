//! The ordered operations of a run. Imports nothing above it.

mod operation;

pub use operation::*;
