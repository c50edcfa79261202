//! One disturbance of the environment, and its end.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::environment::{Direction, Environment, EnvironmentError, ProxyError, Toxic};
use crate::history;

/// A fault cannot be injected or healed.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// There is no such link.
    #[error("there is no link `{0}` in this environment")]
    NoLink(String),
    /// There is no such part.
    #[error("there is no part `{0}` in this environment")]
    NoPart(String),
    /// The proxy does not do what it is asked.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The environment does not do what it is asked.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
}

/// A disturbance. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// Everything on a link arrives later, in both directions together by this much.
    Latency {
        /// The link.
        link: String,
        /// The delay of a round trip.
        latency: u64,
        /// By how much the delay varies, up and down.
        jitter: u64,
    },
    /// A link takes no connection, and those that are open are closed.
    Cut {
        /// The link.
        link: String,
    },
    /// A part is ended by SIGKILL; to heal is to start it again.
    Kill {
        /// The part.
        part: String,
    },
}

/// A fault that is being injected. Dropping it heals it in the background; [`ActiveFault::heal`]
/// heals it and waits until it is healed.
#[derive(Debug)]
#[must_use = "dropping it heals the fault"]
pub struct ActiveFault {
    fault: Fault,
    environment: Arc<Environment>,
    healed: bool,
}

impl Fault {
    /// Begins to disturb. The guard stands before the disturbance does: an injection that is
    /// cancelled or fails in mid-way is healed, too.
    ///
    /// # Errors
    /// When its target is not there, or the proxy refuses.
    pub async fn inject(self, environment: &Arc<Environment>) -> Result<ActiveFault, FaultError> {
        self.find_target(environment)?;
        let active =
            ActiveFault { fault: self, environment: Arc::clone(environment), healed: false };
        active.fault.begin(environment).await?;
        Ok(active)
    }

    fn find_target(&self, environment: &Environment) -> Result<(), FaultError> {
        match self {
            Self::Latency { link, .. } | Self::Cut { link } => {
                let known = environment.links().iter().any(|known| known.name == *link);
                known.then_some(()).ok_or_else(|| FaultError::NoLink(link.clone()))
            }
            Self::Kill { part } => known_part(environment, part).map(|_| ()),
        }
    }

    async fn begin(&self, environment: &Environment) -> Result<(), FaultError> {
        match self {
            Self::Latency { link, latency, jitter } => {
                let toxic = Toxic {
                    name: LATENCY.to_owned(),
                    kind: "latency".to_owned(),
                    direction: Direction::ToClient,
                    toxicity: 1.0,
                    attributes: json!({"latency": latency, "jitter": jitter}),
                };
                environment.proxy().add(link, &toxic).await?;
            }
            Self::Cut { link } => environment.proxy().enable(link, false).await?,
            Self::Kill { part } => known_part(environment, part)?.kill().await,
        }
        Ok(())
    }

    /// The fault as a history and a report tell it.
    pub fn describe(&self, environment: &Environment) -> history::Fault {
        let (kind, target, detail) = match self {
            Self::Latency { link, latency, jitter } => {
                ("latency", link, format!("{latency} ms ± {jitter} ms"))
            }
            Self::Cut { link } => ("cut", link, "connections closed and refused".to_owned()),
            Self::Kill { part } => ("kill", part, "SIGKILL, then started again".to_owned()),
        };
        let connecting = environment.links().iter().filter(|link| link.name == *target);
        let hit = environment.parts().iter().filter(|part| part.name() == target);
        let parts = connecting
            .map(|link| link.from.clone())
            .chain(hit.map(|part| part.name().to_owned()))
            .collect();
        history::Fault { kind: kind.to_owned(), target: target.clone(), detail, parts }
    }

    async fn heal(&self, environment: &Environment) -> Result<(), FaultError> {
        match self {
            Self::Latency { link, .. } => environment.proxy().remove(link, LATENCY).await?,
            Self::Cut { link } => environment.proxy().enable(link, true).await?,
            Self::Kill { part } => known_part(environment, part)?.start().await?,
        }
        Ok(())
    }
}

/// The name of the toxic that a latency fault adds.
const LATENCY: &str = "latency";

impl ActiveFault {
    /// Ends the disturbance.
    ///
    /// # Errors
    /// When the proxy refuses or a killed part cannot be started.
    pub async fn heal(mut self) -> Result<(), FaultError> {
        self.healed = true;
        self.fault.heal(&self.environment).await
    }
}

impl Drop for ActiveFault {
    fn drop(&mut self) {
        if self.healed {
            return;
        }
        let (fault, environment) = (self.fault.clone(), Arc::clone(&self.environment));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = fault.heal(&environment).await {
                    tracing::error!(%error, ?fault, "a fault could not be healed");
                }
            });
        }
    }
}

fn known_part<'a>(
    environment: &'a Environment,
    name: &str,
) -> Result<&'a crate::environment::Part, FaultError> {
    environment.part(name).ok_or_else(|| FaultError::NoPart(name.to_owned()))
}
