//! Speaks to a Toxiproxy, embedded or in a container, over its HTTP API.

use reqwest::{Client, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A proxy did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// It does not answer.
    #[error("the proxy at {url} does not answer to {what}: {source}")]
    Unreachable {
        /// Its control address.
        url: String,
        /// What it was asked.
        what: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It refuses.
    #[error("the proxy refuses {what}: {status} {reason}")]
    Refused {
        /// What it was asked.
        what: String,
        /// The HTTP status.
        status: StatusCode,
        /// Its own words.
        reason: String,
    },
}

/// Which way the data flow that a toxic acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the one that connects to the one that listens.
    ToServer,
    /// The way back.
    ToClient,
}

impl Direction {
    /// Toxiproxy's word for it.
    fn stream(self) -> &'static str {
        match self {
            Self::ToServer => "upstream",
            Self::ToClient => "downstream",
        }
    }
}

/// A disturbance of one direction of one link.
#[derive(Clone, Debug, PartialEq)]
pub struct Toxic {
    /// Its name, unique on its proxy.
    pub name: String,
    /// Toxiproxy's name of its type.
    pub kind: String,
    /// The direction it acts on.
    pub direction: Direction,
    /// The share of connections that it acts on, 0 to 1.
    pub toxicity: f64,
    /// Its parameters, by Toxiproxy's names.
    pub attributes: Value,
}

/// A client of one Toxiproxy.
#[derive(Clone, Debug)]
pub struct ProxyClient {
    http: Client,
    url: String,
}

impl ProxyClient {
    /// A client of the Toxiproxy that listens at `url`, as `http://127.0.0.1:8474`.
    pub fn new(http: Client, url: String) -> Self {
        Self { http, url }
    }

    /// Where the Toxiproxy is controlled.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a proxy that listens at `listen` and passes everything on to `upstream`; both are
    /// `host:port`.
    ///
    /// # Errors
    /// When the proxy does not answer or refuses.
    pub async fn create(&self, name: &str, listen: &str, upstream: &str) -> Result<(), ProxyError> {
        let body = json!({"name": name, "listen": listen, "upstream": upstream, "enabled": true});
        self.call(Method::POST, "/proxies", Some(body)).await
    }

    /// Lets a proxy take connections, or closes them all and takes none.
    ///
    /// # Errors
    /// When the proxy does not answer or refuses.
    pub async fn enable(&self, name: &str, enabled: bool) -> Result<(), ProxyError> {
        let body = json!({"enabled": enabled});
        self.call(Method::POST, &format!("/proxies/{name}"), Some(body)).await
    }

    /// Adds a toxic to a proxy.
    ///
    /// # Errors
    /// When the proxy does not answer or refuses.
    pub async fn add(&self, name: &str, toxic: &Toxic) -> Result<(), ProxyError> {
        let body = json!({
            "name": toxic.name,
            "type": toxic.kind,
            "stream": toxic.direction.stream(),
            "toxicity": toxic.toxicity,
            "attributes": toxic.attributes,
        });
        self.call(Method::POST, &format!("/proxies/{name}/toxics"), Some(body)).await
    }

    /// Removes a toxic from a proxy.
    ///
    /// # Errors
    /// When the proxy does not answer or refuses.
    pub async fn remove(&self, name: &str, toxic: &str) -> Result<(), ProxyError> {
        self.call(Method::DELETE, &format!("/proxies/{name}/toxics/{toxic}"), None).await
    }

    /// Enables every proxy and removes every toxic.
    ///
    /// # Errors
    /// When the proxy does not answer or refuses.
    pub async fn reset(&self) -> Result<(), ProxyError> {
        self.call(Method::POST, "/reset", None).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(), ProxyError> {
        let what = format!("{method} {path}");
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let unreachable =
            |source| ProxyError::Unreachable { url: self.url.clone(), what: what.clone(), source };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let reason = response.text().await.map_err(unreachable)?;
        Err(ProxyError::Refused { what, status, reason: reason.trim().to_owned() })
    }
}
