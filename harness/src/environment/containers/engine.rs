//! Finding the Docker engine.

use std::time::Duration;

use testcontainers::bollard::Docker;
use testcontainers::core::client::docker_client_instance;

use super::error::ContainersError;

/// How long an engine may take to say that it is there.
const BOUND: Duration = Duration::from_secs(10);

/// A client of the engine that DOCKER_HOST or Docker's own settings name, once it has answered.
pub(super) async fn find_engine() -> Result<Docker, ContainersError> {
    let none = |why: String| ContainersError::NoEngine { why };
    let docker = docker_client_instance().await.map_err(|error| none(error.to_string()))?;
    match tokio::time::timeout(BOUND, docker.ping()).await {
        Ok(Ok(_)) => Ok(docker),
        Ok(Err(error)) => Err(none(error.to_string())),
        Err(_) => Err(none(format!("it said nothing for {} s", BOUND.as_secs()))),
    }
}
