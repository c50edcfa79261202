//! The ordered operations of a run. Imports nothing above it.
//!
//! A [`Recorder`] takes what happens as it happens, keeps it, and writes it through to a file of
//! JSON Lines. A [`History`] is what checkers and reports read: the entries in their one order,
//! and views that join the beginnings of operations with their ends.

#[cfg(test)]
pub mod build;
mod entries;
mod file;
mod operation;
mod recorder;
mod view;

pub use entries::Entries;
pub use file::{FORMAT, Header, HistoryError, VERSION};
pub use operation::*;
pub use recorder::{OperationId, Recorder};
pub use view::{
    CallView, EmitView, FaultView, History, PartChange, ReadView, ResourceSample, StageView,
};
