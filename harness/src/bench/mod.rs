//! How fast the system and the harness are, each figure beside the limit that was measured in the
//! same run.
//!
//! [`engine`] measures the harness's own workload engine, [`ingest`] how fast a system takes
//! events, as its system file describes, [`retention`] what it costs to delete them, [`reading`]
//! how it answers for its history when that is ten times as long, and [`stream`] how its live
//! stream reaches a thousand subscribers. All give [`Figure`]s: rounds in which the figure and its
//! limit take turns, so that what disturbs the machine disturbs both. [`growth`] measures at
//! several sizes and fits how what is measured grows with them. [`comparison`] says what became
//! slower between two runs beyond their noise, and [`page`] shows it all.

mod bare_exchange;
pub mod comparison;
mod copying;
pub mod engine;
mod error;
mod event_stream;
mod event_template;
mod figure;
mod ground;
pub mod growth;
pub mod ingest;
mod latencies;
mod loading;
pub mod page;
mod processor_time;
mod producers;
pub mod query_effort;
pub mod reading;
mod resampling;
pub mod retention;
mod slow_subscriber;
pub mod stream;
mod subscribers;
mod table;
mod trivial_server;
mod wal;

pub use comparison::{Change, Comparison, compare};
pub use error::BenchError;
pub use figure::{Better, Figure, Results, Target, TargetOf};
pub use ground::{BenchRequest, Subject};
pub use growth::Growth;
pub use latencies::Latencies;
