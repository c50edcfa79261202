//! How the parts run: as local processes or as containers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::build::Built;
use super::containers::Containers;
use super::embedded::Embedded;
use super::place::{Address, Place};
use super::runner::Runner;
use super::services::{Disruption, Services};
use super::{EnvironmentError, EnvironmentRequest};
use crate::history::Recorder;
use crate::system::PartDescription;

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

    /// Starts the proxy, and PostgreSQL with a role that owns a database. Every random choice of
    /// the proxy's toxics comes from the seed. A proxy in this process lets `recorder` have the
    /// calls that go through it.
    pub async fn start_services(
        &mut self,
        seed: u64,
        owner: &Owner,
        recorder: &Recorder,
    ) -> Result<Services, EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.start_services(seed, owner, recorder).await,
            Self::Containers(containers) => containers.start_services(seed, owner).await,
        }
    }

    /// Chooses where a part listens and keeps its files.
    pub fn place(
        &mut self,
        instance: &str,
        description: &PartDescription,
    ) -> Result<Place, EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.place(instance),
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
        command: Vec<String>,
        environment: BTreeMap<String, String>,
    ) -> Result<Runner, EnvironmentError> {
        match self {
            Self::Embedded(embedded) => Ok(embedded.runner(instance, command, environment)),
            Self::Containers(containers) => {
                let container = containers.runner(instance, description, command, environment)?;
                Ok(Runner::Container(Box::new(container)))
            }
        }
    }

    /// Disrupts PostgreSQL.
    pub async fn disrupt_database(&self, how: Disruption) -> Result<(), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.disrupt_database(how).await,
            Self::Containers(_) => Err(undisrupted()),
        }
    }

    /// Ends a disruption of PostgreSQL.
    pub async fn restore_database(&self, how: Disruption) -> Result<(), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.restore_database(how).await,
            Self::Containers(_) => Err(undisrupted()),
        }
    }

    /// Whether faults can hit PostgreSQL itself.
    pub fn disrupts_database(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }

    /// Ends the proxy and the database.
    pub async fn stop(&mut self) -> Result<(), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.stop().await,
            Self::Containers(containers) => containers.stop().await,
        }
    }
}

fn undisrupted() -> EnvironmentError {
    let why = "in containers no fault hits the database itself; use `--backend embedded`";
    EnvironmentError::Unsupported(why.to_owned())
}
