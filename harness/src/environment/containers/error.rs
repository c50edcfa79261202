//! Why containers cannot be started or kept.

use std::time::Duration;

use testcontainers::TestcontainersError;
use testcontainers::bollard::errors::Error as EngineError;

/// Why containers cannot be started or kept.
#[derive(Debug, thiserror::Error)]
pub enum ContainersError {
    /// There is no engine, or we may not talk to it.
    #[error(
        "no Docker engine answers: {why}; install one and start it (as root on Debian or Ubuntu: \
         `apt-get install docker.io`, then `service docker start` or `dockerd`), or name another \
         with DOCKER_HOST; if one runs, join its group: `usermod -aG docker USER`"
    )]
    NoEngine {
        /// What came of asking.
        why: String,
    },
    /// The engine refuses.
    #[error("the Docker engine cannot {what}: {source}")]
    Refused {
        /// What it was asked.
        what: String,
        /// Its answer.
        source: EngineError,
    },
    /// A container cannot be made or started.
    #[error("cannot start the container {name}: {source}")]
    Start {
        /// Its name.
        name: String,
        /// Why.
        source: TestcontainersError,
    },
    /// A container runs and does not do what it is there for.
    #[error("the container {name} {what}; its log {log} ends with:\n{last_lines}")]
    NotReady {
        /// Its name.
        name: String,
        /// What it did instead.
        what: String,
        /// The log's path.
        log: String,
        /// The last lines of the log.
        last_lines: String,
    },
    /// The command that makes the images failed.
    #[error("cannot make the images: `{command}` {why}")]
    Build {
        /// The command.
        command: String,
        /// What it did.
        why: String,
    },
    /// An image is neither here nor in a registry that can be reached.
    #[error("the image {image} is not here and cannot be pulled ({source}); {mend}")]
    Pull {
        /// The image.
        image: String,
        /// Why.
        source: TestcontainersError,
        /// What to do.
        mend: String,
    },
    /// The system file names no image for a part.
    #[error("part `{0}` has no `image` in the system file, which the containers backend needs")]
    NoImage(String),
}

/// Names what an engine was asked when it refuses.
pub(super) fn refused(what: impl Into<String>) -> impl FnOnce(EngineError) -> ContainersError {
    move |source| ContainersError::Refused { what: what.into(), source }
}

/// What is said of something that took too long.
pub(super) fn too_slow(bound: Duration, last: &str) -> String {
    format!("did not answer within {} s ({last})", bound.as_secs())
}
