//! Where a part listens, and where it is found.

use std::fmt;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or a number, as the one who uses it resolves it.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// Where a part listens, keeps its files, and is found by others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// What it binds.
    pub listen: Address,
    /// The folder for its files, as it sees it.
    pub state: String,
    /// Its address as the harness reaches it.
    pub url: String,
    /// Its address as the proxy reaches it.
    pub reached_at: Address,
}
