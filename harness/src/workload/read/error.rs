//! Why what was stored cannot be read back.

use crate::system::TemplateError;

/// What was stored cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is nothing to ask.
    #[error("no part `{0}` to read from")]
    NoPart(String),
    /// A text of the system file asks for something unknown.
    #[error("in the system file: {0}")]
    Template(#[from] TemplateError),
    /// No answer, or a refusal.
    #[error("{what}: {why}")]
    Refused {
        /// What was asked.
        what: String,
        /// What came back.
        why: String,
    },
    /// Something that is not what the system file describes.
    #[error("{what}: there is nothing at {place}")]
    Unexpected {
        /// What was looked at.
        what: String,
        /// The JSON pointer.
        place: String,
    },
}
