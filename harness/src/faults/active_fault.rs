//! A fault that is being injected: a guard that heals it.

use std::sync::Arc;

use super::{Fault, FaultError};
use crate::environment::Environment;

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
}

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
