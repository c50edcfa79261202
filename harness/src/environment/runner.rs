//! How a part is made to run: as a local process or as a container.

use std::io;

use rustix::process::{Pid, Rlimit, Signal};

use super::EnvironmentError;
use super::containers::{Container, RunningContainer};
use super::input::PartInput;
use super::process::{Process, Program};
use super::scarcity::Scarcity;

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
    /// Starts the part. If lines are to be written to it, `input` is given its standard input.
    pub async fn start(&self, input: Option<&PartInput>) -> Result<Running, EnvironmentError> {
        match (self, input) {
            (Self::Process(program), Some(input)) => {
                let (process, pipe) = Process::start_with_input(program)?;
                input.set(pipe).await;
                Ok(Running::Process(process))
            }
            (Self::Process(program), None) => Ok(Running::Process(Process::start(program)?)),
            (Self::Container(container), _) => Ok(Running::Container(container.start().await?)),
        }
    }
}

impl Running {
    /// The group of its processes, where they are processes of this machine.
    pub fn process_group(&self) -> Option<Pid> {
        match self {
            Self::Process(process) => Some(process.id()),
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

    /// Makes it short of something, and returns the limit that it had.
    ///
    /// # Errors
    /// When it is gone, or is a container.
    pub fn limit(&self, scarcity: Scarcity) -> io::Result<Rlimit> {
        match self {
            Self::Process(process) => scarcity.impose(process.id()),
            Self::Container(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Gives it back the limit that it had.
    ///
    /// # Errors
    /// As [`Running::limit`].
    pub fn relieve(&self, scarcity: Scarcity, before: Rlimit) -> io::Result<()> {
        match self {
            Self::Process(process) => scarcity.lift(process.id(), before),
            Self::Container(_) => Err(io::ErrorKind::Unsupported.into()),
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
