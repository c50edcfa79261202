//! How a part is made to run: as a local process or as a container.

use rustix::process::{Pid, Signal};

use super::EnvironmentError;
use super::containers::{Container, RunningContainer};
use super::process::{Process, Program};

/// Starts the same part as often as it is asked to.
#[derive(Debug)]
pub(super) enum Runner {
    /// As a local process.
    Process(Program),
    /// As a container.
    Container(Box<Container>),
}

/// A part that runs. Dropping it ends it.
#[derive(Debug)]
pub(super) enum Running {
    /// A local process.
    Process(Process),
    /// A container, which the backend ends.
    Container(RunningContainer),
}

impl Runner {
    /// Starts the part.
    pub async fn start(&self) -> Result<Running, EnvironmentError> {
        match self {
            Self::Process(program) => Ok(Running::Process(Process::start(program)?)),
            Self::Container(container) => Ok(Running::Container(container.start().await?)),
        }
    }
}

impl Running {
    /// The group of its processes, where they are processes of this machine.
    pub fn process_group(&self) -> Option<Pid> {
        match self {
            Self::Process(process) => Some(process.group()),
            Self::Container(_) => None,
        }
    }

    /// Sends it a signal. A part that has ended meanwhile is no error.
    pub async fn signal(&self, signal: Signal) {
        match self {
            Self::Process(process) => process.signal(signal),
            Self::Container(container) => container.signal(signal).await,
        }
    }

    /// Waits for its end and says in a few words how it ended.
    pub async fn wait(&mut self) -> String {
        match self {
            Self::Process(process) => match process.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            },
            Self::Container(container) => container.wait().await,
        }
    }
}
