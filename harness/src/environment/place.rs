//! Where a part listens, and where it is found.

use std::fmt;

use super::input::PartInput;
use crate::system::Values;

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

/// A part as it is found by who gives it events or reads them.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its name, as `agent-1`.
    pub name: String,
    /// Its address as the harness reaches it.
    pub address: Address,
    /// What texts about it may ask for.
    pub values: Values,
    /// Its standard input, if lines are to be written to it.
    pub input: Option<PartInput>,
}

impl Endpoint {
    /// Its URL for a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Where a part listens, keeps its files, and is found by others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// What it binds.
    pub listen: Address,
    /// The folder for its files, as it sees it.
    pub state: String,
    /// The same as the harness sees it, if it does.
    pub seen: String,
    /// Its address as the harness reaches it.
    pub here: Address,
    /// Its address as the proxy reaches it.
    pub reached_at: Address,
}
