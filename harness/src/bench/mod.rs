//! How fast the system and the harness are, each figure beside the limit that was measured in the
//! same run.
//!
//! [`engine`] measures the harness's own workload engine, [`ingest`] how fast a system takes
//! events and [`retention`] what it costs to delete them, as its system file describes. All give [`Figure`]s: rounds in which the figure and its
//! limit take turns, so that what disturbs the machine disturbs both. [`comparison`] says what
//! became slower between two runs beyond their noise.

mod bare_exchange;
pub mod comparison;
mod copying;
pub mod engine;
mod error;
mod event_template;
mod figure;
pub mod ingest;
mod producers;
mod resampling;
pub mod retention;
mod table;
mod trivial_server;

pub use comparison::{Change, Comparison, compare};
pub use error::BenchError;
pub use figure::{Better, Figure, Results, Target, TargetOf};
