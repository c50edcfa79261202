//! How `bench` reads what a system has stored, and follows what is new.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How the history is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadsContract {
    /// As `rows` of the section above it, with what the reads look for among them.
    pub rows: String,
    /// Headers of every call.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Queries, each for one text that paths may ask for by its name.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// The path of each GET, by a name for it.
    pub paths: BTreeMap<String, String>,
}

/// How what is new is followed: as Server-Sent Events, which can be resumed by `Last-Event-ID`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamContract {
    /// The path of the GET, which may ask for `{after}`.
    pub path: String,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A query for `{after}`, a text: where a stream starts that first shows the event that is
    /// `{behind}` events before the end of the history.
    pub after: String,
    /// Where a message's data tells what the event's `{uuid7}` was, a JSON pointer.
    pub id: String,
}
