//! The sources that stored events are read back from: one file each. What each gives is an event
//! as JSON, with where it was found.

mod error;
mod file;
mod pages;
mod query;

use serde_json::Value;

pub use error::ReadError;
pub(super) use file::events_in_file;
pub(super) use pages::{get, pages};
pub(super) use query::rows;

/// A stored event as it was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// Where, as an error says it.
    pub place: String,
    /// What.
    pub event: Value,
}
