//! What the API reads and writes.
//!
//! Reading is as lenient as Toxiproxy: unknown keys are ignored and `null` means absent.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;

/// The attributes of a toxic, by name.
pub type Attributes = Map<String, Value>;

/// Which way bytes go. Only the API calls it `stream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Direction {
    /// From the client to the server; in the API `upstream`.
    #[serde(rename = "upstream")]
    ToServer,
    /// From the server to the client; in the API `downstream`.
    #[serde(rename = "downstream")]
    ToClient,
}

impl Direction {
    /// The API's word for this direction.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToServer => "upstream",
            Self::ToClient => "downstream",
        }
    }

    /// Reads the API's word, in any case.
    ///
    /// # Errors
    /// [`Error::InvalidStream`] for every other word.
    pub fn parse(word: &str) -> Result<Self, Error> {
        [Self::ToServer, Self::ToClient]
            .into_iter()
            .find(|direction| word.eq_ignore_ascii_case(direction.as_str()))
            .ok_or(Error::InvalidStream)
    }
}

/// A proxy to make.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NewProxy {
    /// Its name; required.
    pub name: Option<String>,
    /// Where it listens, `host:port`. Port 0 lets the system choose; no host means every interface.
    pub listen: Option<String>,
    /// The address behind it, `host:port`; required.
    pub upstream: Option<String>,
    /// Whether it starts to listen at once; it does unless told otherwise.
    pub enabled: Option<bool>,
    /// Toxics that it has from the start.
    pub toxics: Option<Vec<NewToxic>>,
}

impl NewProxy {
    /// An enabled proxy without toxics.
    pub fn new(
        name: impl Into<String>,
        listen: impl Into<String>,
        upstream: impl Into<String>,
    ) -> Self {
        Self {
            name: Some(name.into()),
            listen: Some(listen.into()),
            upstream: Some(upstream.into()),
            ..Self::default()
        }
    }
}

/// A change of a proxy; what is `None` stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ProxyUpdate {
    /// The new listen address.
    pub listen: Option<String>,
    /// The new address behind the proxy.
    pub upstream: Option<String>,
    /// Whether it listens.
    pub enabled: Option<bool>,
}

/// A proxy as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProxyView {
    /// Its name.
    pub name: String,
    /// The address that it was really bound to, or shall be when enabled.
    pub listen: String,
    /// The address behind it.
    pub upstream: String,
    /// Whether it listens.
    pub enabled: bool,
    /// Its toxics, those towards the server first, then in the order they were added.
    pub toxics: Vec<ToxicView>,
}

/// A toxic to add.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NewToxic {
    /// Its name, unique in the proxy; `<type>_<stream>` when absent.
    pub name: Option<String>,
    /// Its type, one of [`crate::toxics::TYPES`].
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `upstream` or `downstream`; downstream when absent.
    pub stream: Option<String>,
    /// What some clients write in place of `stream`.
    pub direction: Option<String>,
    /// The share of connections it acts on, 0 to 1; 1 when absent.
    pub toxicity: Option<f32>,
    /// Its attributes; what is absent is 0.
    pub attributes: Option<Attributes>,
}

impl NewToxic {
    /// A toxic for every connection, with the default name.
    pub fn new(kind: impl Into<String>, direction: Direction, attributes: Attributes) -> Self {
        Self {
            kind: Some(kind.into()),
            stream: Some(direction.as_str().to_owned()),
            attributes: Some(attributes),
            ..Self::default()
        }
    }
}

/// A change of a toxic; what is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ToxicUpdate {
    /// The new share of connections it acts on, 0 to 1.
    pub toxicity: Option<f32>,
    /// Attributes to set; the others stay, unknown ones are ignored.
    pub attributes: Option<Attributes>,
}

/// A toxic as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToxicView {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its direction.
    #[serde(rename = "stream")]
    pub direction: Direction,
    /// The share of connections it acts on.
    pub toxicity: f32,
    /// All its attributes.
    pub attributes: Attributes,
}
