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

/// A limit that was set.
#[derive(Debug)]
pub(super) struct Imposed {
    /// What it makes a part short of.
    pub scarcity: Scarcity,
    /// The limit that a process had.
    before: Option<Rlimit>,
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

    /// Makes it short of something.
    ///
    /// # Errors
    /// When it is gone, or what it is cannot be short of this.
    pub async fn limit(&self, scarcity: Scarcity) -> io::Result<Imposed> {
        let before = match self {
            Self::Process(process) => Some(scarcity.impose(process.id())?),
            Self::Container(container) => {
                container.limit(scarcity).await?;
                None
            }
        };
        Ok(Imposed { scarcity, before })
    }

    /// Lifts a limit.
    ///
    /// # Errors
    /// When it is gone, or the engine refuses.
    pub async fn relieve(&self, Imposed { scarcity, before }: &Imposed) -> io::Result<()> {
        match (self, before) {
            (Self::Process(process), Some(before)) => scarcity.lift(process.id(), *before),
            (Self::Container(container), _) => container.relieve(*scarcity).await,
            (Self::Process(_), None) => Ok(()),
        }
    }

    /// Lifts a limit after its end, where that is still in force: a container has its limits over
    /// all its lives.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn relieve_ended(&self, imposed: &Imposed) -> io::Result<()> {
        match self {
            Self::Process(_) => Ok(()),
            Self::Container(_) => self.relieve(imposed).await,
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
