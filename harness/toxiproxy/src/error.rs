//! What a control call can answer instead of success.

use std::io;

/// Why a control call was refused. The texts are Toxiproxy's own: clients compare them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is no JSON of the expected shape, or an attribute makes no sense.
    #[error("bad request body: {0}")]
    BadRequestBody(String),
    /// A required field is absent or empty.
    #[error("missing required field: {0}")]
    MissingField(String),
    /// No proxy has this name.
    #[error("proxy not found")]
    ProxyNotFound,
    /// A proxy of this name is there already.
    #[error("proxy already exists")]
    ProxyAlreadyExists,
    /// The toxic names a direction that does not exist.
    #[error("stream was invalid, can be either upstream or downstream")]
    InvalidStream,
    /// No toxic type has this name.
    #[error("invalid toxic type")]
    InvalidToxicType,
    /// The proxy has a toxic of this name already, in either direction.
    #[error("toxic already exists")]
    ToxicAlreadyExists,
    /// The proxy has no toxic of this name.
    #[error("toxic not found")]
    ToxicNotFound,
    /// The listen address cannot be bound.
    #[error("cannot listen on {address}: {source}; choose a free address of this machine")]
    Listen {
        /// The address as it was given.
        address: String,
        /// Why the system refused it.
        source: io::Error,
    },
}

impl Error {
    /// The HTTP status that the API answers.
    pub fn status(&self) -> u16 {
        match self {
            Self::BadRequestBody(_)
            | Self::MissingField(_)
            | Self::InvalidStream
            | Self::InvalidToxicType => 400,
            Self::ProxyNotFound | Self::ToxicNotFound => 404,
            Self::ProxyAlreadyExists | Self::ToxicAlreadyExists => 409,
            Self::Listen { .. } => 500,
        }
    }
}
