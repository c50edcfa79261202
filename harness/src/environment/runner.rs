//! How a part is made to run: as a local process or as a container.

use rustix::process::Signal;

use super::EnvironmentError;
use super::process::{Process, Program};

/// Starts the same part as often as it is asked to.
#[derive(Debug)]
pub(super) enum Runner {
    /// As a local process.
    Process(Program),
}

/// A part that runs. Dropping it ends it.
#[derive(Debug)]
pub(super) enum Running {
    /// A local process.
    Process(Process),
}

impl Runner {
    /// Starts the part.
    pub async fn start(&self) -> Result<Running, EnvironmentError> {
        match self {
            Self::Process(program) => Ok(Running::Process(Process::start(program)?)),
        }
    }
}

impl Running {
    /// Sends it a signal. A part that has ended meanwhile is no error.
    pub async fn signal(&self, signal: Signal) {
        match self {
            Self::Process(process) => process.signal(signal),
        }
    }

    /// Waits for its end and says in a few words how it ended.
    pub async fn wait(&mut self) -> String {
        match self {
            Self::Process(process) => match process.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            },
        }
    }
}
