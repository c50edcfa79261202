//! Rows for every table, generated from the catalog; what a migration did to them; and which of
//! them it refuses.
//!
//! ```text
//! Foresight (fresh pass) → Seeder → Population: capture, migration, compare
//!                                             ↘ refused: reduce → the offending rows
//! ```
//!
//! - [`foresight`]: what later versions demand of a column;
//! - [`seeder`]: rows for every table of one version, and [`outcome`], how each table fared;
//! - [`population`]: which rows there are, when each was born, and what became of them;
//! - [`data_digest`]: whether all data are as they were before;
//! - [`reduce()`]: from a refused migration to the rows that it refuses.

mod calls;
mod classify;
mod coverage;
pub mod data_digest;
mod demands;
mod documents;
mod error;
pub mod foresight;
mod generator;
mod harvest;
mod kinship;
mod look;
mod order;
pub mod outcome;
mod pairing;
pub mod population;
mod record;
pub mod reduce;
mod references;
mod regex_sample;
mod row;
pub mod row_set;
mod script;
pub mod seeder;
mod shape;
mod shape_reader;
mod sieve;
mod suspicion;
mod table_name;
#[cfg(test)]
mod tests;
mod ties;
mod twins;
mod values;

pub use data_digest::DataDigest;
pub use error::SeedingError;
pub use foresight::Foresight;
pub use outcome::{SeedingOutcome, TableSeeding};
pub use population::{Population, RowChange, RowFate};
pub use reduce::{Offence, OffendingRow, Reduction, ReductionClass, Refusal, Trial, reduce};
pub use row_set::RowSet;
pub use seeder::Seeder;
pub use table_name::TableName;
