//! How the parts run: as local processes or as containers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::build::Built;
use super::containers::Containers;
use super::embedded::Embedded;
use super::place::{Address, Place};
use super::runner::Runner;
use super::services::{Disruption, Services};
use super::{EnvironmentError, EnvironmentRequest};
use crate::history::Recorder;
use crate::system::{Channel, EmitWay, PartDescription, ReadSource, Ready, System};

/// The choice of a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum BackendKind {
    /// Local processes; needs no Docker.
    #[default]
    Embedded,
    /// Docker containers, through testcontainers.
    Containers,
}

impl BackendKind {
    /// The word for it on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Containers => "containers",
        }
    }
}

/// A role that may log in, and the database that it owns.
pub(super) struct Owner {
    pub role: String,
    pub password: String,
    pub database: String,
}

/// What a part is started with, its texts filled.
pub(super) struct Started {
    /// The words of its command.
    pub command: Vec<String>,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// The files that it finds in its folder, by name.
    pub files: BTreeMap<String, String>,
}

/// A backend at work. Dropping it ends what it runs.
#[derive(Debug)]
pub(super) enum Backend {
    /// Local processes.
    Embedded(Embedded),
    /// Containers.
    Containers(Containers),
}

impl Backend {
    /// A backend that runs nothing yet.
    pub async fn prepare(
        request: &EnvironmentRequest,
        state: PathBuf,
    ) -> Result<Self, EnvironmentError> {
        let logs = request.logs.clone();
        match &request.built {
            Built::Programs(_) => Ok(Self::Embedded(Embedded::new(logs, state))),
            Built::Images(images) => Ok(Self::Containers(
                Containers::new(images.clone(), logs, request.secrets.clone()).await?,
            )),
        }
    }

    /// Starts the proxy, and if there is to be one PostgreSQL, with a role that owns a database.
    /// Every random choice of the proxy's toxics comes from the seed. A proxy in this process lets
    /// `recorder` have the calls that go through it.
    pub async fn start_services(
        &mut self,
        seed: u64,
        owner: Option<&Owner>,
        recorder: &Recorder,
    ) -> Result<Services, EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.start_services(seed, owner, recorder).await,
            Self::Containers(containers) => containers.start_services(seed, owner).await,
        }
    }

    /// # Errors
    /// The system file describes something that this backend cannot do.
    pub fn suits(&self, system: &System) -> Result<(), EnvironmentError> {
        if matches!(self, Self::Embedded(_)) {
            return Ok(());
        }
        let events = &system.events;
        let by_http_or_port = |ready: &Ready| matches!(ready, Ready::Http(_) | Ready::Running);
        let way_in = matches!(events.emit.way, EmitWay::Http(_) | EmitWay::Line(Channel::Tcp));
        let what = match &events.read.source {
            ReadSource::File { .. } => "events.read has a file",
            _ if !way_in => "events.emit has neither a path nor line = \"tcp\"",
            _ if !system.parts.iter().all(|part| by_http_or_port(&part.ready)) => {
                "a part is ready by its port or by a line"
            }
            _ => return Ok(()),
        };
        let why =
            format!("{what}, which is not seen from outside a container; use `--backend embedded`");
        Err(EnvironmentError::Unsupported(why))
    }

    /// Chooses where a part listens and keeps its files.
    pub fn place(
        &mut self,
        instance: &str,
        description: &PartDescription,
    ) -> Result<Place, EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.place(instance, description),
            Self::Containers(containers) => containers.place(instance, description),
        }
    }

    /// Chooses where the proxy of a link listens: as the proxy binds it, and as the part that
    /// uses the link sees it.
    pub fn place_link(&mut self) -> Result<(Address, Address), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.place_link(),
            Self::Containers(containers) => Ok(containers.place_link()),
        }
    }

    /// The folder of the migrations as a part sees it.
    pub fn migrations(&mut self, folder: &Path) -> String {
        match self {
            Self::Embedded(_) => folder.display().to_string(),
            Self::Containers(containers) => containers.migrations(folder),
        }
    }

    /// The words of a part's command that it is started with: a container's image has an entry
    /// point that is the program.
    pub fn command<'a>(&self, description: &'a PartDescription) -> &'a [String] {
        match self {
            Self::Embedded(_) => &description.command,
            Self::Containers(_) => &description.command[1..],
        }
    }

    /// What starts a part.
    pub fn runner(
        &mut self,
        instance: &str,
        description: &PartDescription,
        started: Started,
    ) -> Result<Runner, EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.runner(instance, description, started),
            Self::Containers(containers) => {
                let container = containers.runner(instance, description, started)?;
                Ok(Runner::Container(Box::new(container)))
            }
        }
    }

    /// Disrupts PostgreSQL.
    pub async fn disrupt_database(&self, how: Disruption) -> Result<(), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.disrupt_database(how).await,
            Self::Containers(_) => Err(undisrupted("the database")),
        }
    }

    /// Ends a disruption of PostgreSQL.
    pub async fn restore_database(&self, how: Disruption) -> Result<(), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.restore_database(how).await,
            Self::Containers(_) => Err(undisrupted("the database")),
        }
    }

    /// Whether faults can hit PostgreSQL itself.
    pub fn disrupts_database(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }

    /// Whether faults can limit what parts use, fill and slow down disks, set clocks wrong and end the proxy.
    pub fn disrupts_resources(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }

    /// Whether parts are containers, which can be taken off their network and get less of a
    /// processor and of memory.
    pub fn runs_containers(&self) -> bool {
        matches!(self, Self::Containers(_))
    }

    /// Takes all the room on the disk of a part, or gives it back.
    pub fn fill_disk(&self, part: &str, full: bool) -> Result<(), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.fill_disk(part, full),
            Self::Containers(_) => Err(undisrupted("a disk")),
        }
    }

    /// Has a part wait so much longer for each change on its disk.
    pub fn slow_disk(&self, part: &str, delay: Duration) -> Result<(), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.slow_disk(part, delay),
            Self::Containers(_) => Err(undisrupted("a disk")),
        }
    }

    /// Sets the clock of a part, so far ahead in seconds.
    pub fn set_clock(&self, part: &str, ahead: i64) -> Result<(), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.set_clock(part, ahead),
            Self::Containers(_) => Err(undisrupted("a clock")),
        }
    }

    /// Ends the proxy at once. In containers it goes on.
    pub async fn kill_proxy(&mut self) {
        if let Self::Embedded(embedded) = self {
            embedded.kill_proxy().await;
        }
    }

    /// Starts the proxy again where it was, without any link.
    pub async fn restart_proxy(&mut self) -> Result<(), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.restart_proxy().await,
            Self::Containers(_) => Err(undisrupted("the proxy")),
        }
    }

    /// Ends the proxy and the database.
    pub async fn stop(&mut self) -> Result<(), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.stop().await,
            Self::Containers(containers) => containers.stop().await,
        }
    }
}

fn undisrupted(what: &str) -> EnvironmentError {
    let why = format!("in containers no fault hits {what} itself; use `--backend embedded`");
    EnvironmentError::Unsupported(why)
}
