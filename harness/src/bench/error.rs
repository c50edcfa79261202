//! Why nothing could be measured.

use crate::environment::EnvironmentError;
use crate::history::HistoryError;
use crate::system::TemplateError;

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The system could not be started.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The record of the environment cannot be written.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A text of the system file asks for something unknown.
    #[error("in the system file, [bench]: {0}")]
    Template(#[from] TemplateError),
    /// The database refuses what the bench asks for.
    #[error("the database refuses what [bench] asks for: {0}")]
    Database(#[from] sqlx::Error),
    /// The system file cannot be measured by.
    #[error("in the system file, [bench]: {0}")]
    Unusable(String),
    /// Events were answered for and are not there.
    #[error("{accepted} events were accepted and {stored} are stored: the rate would mean nothing")]
    Lost {
        /// How many events were answered with success.
        accepted: u64,
        /// How many are in the table.
        stored: u64,
    },
    /// No request was answered with success.
    #[error("{what}: of {requests} requests none succeeded; its log ends with: {log}")]
    NoneSucceeded {
        /// What was measured.
        what: String,
        /// How many were sent.
        requests: u64,
        /// What the part that takes events wrote last.
        log: String,
    },
    /// Some requests were not answered with success.
    #[error("{what}: of {requests} requests {succeeded} succeeded; its log ends with: {log}")]
    NotAllSucceeded {
        /// What was measured.
        what: String,
        /// How many were sent.
        requests: u64,
        /// How many were answered with success.
        succeeded: u64,
        /// What the part that was asked wrote last.
        log: String,
    },
    /// A subscriber did not get every event, once and in the order of all others.
    #[error("{0}: the latency of the stream would mean nothing")]
    Missed(String),
    /// The operating system refuses a socket, a folder or a thread.
    #[error("cannot measure: {0}")]
    System(#[from] std::io::Error),
}
