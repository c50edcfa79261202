//! How the parts run: as local processes or as containers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::EnvironmentError;
use super::embedded::Embedded;
use super::place::{Address, Place};
use super::runner::Runner;
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

/// A backend at work. Dropping it ends what it runs.
#[derive(Debug)]
pub(super) enum Backend {
    /// Local processes.
    Embedded(Embedded),
}

impl Backend {
    /// A backend that runs nothing yet.
    pub async fn prepare(
        kind: BackendKind,
        logs: PathBuf,
        state: PathBuf,
    ) -> Result<Self, EnvironmentError> {
        match kind {
            BackendKind::Embedded => Ok(Self::Embedded(Embedded::new(logs, state))),
            BackendKind::Containers => {
                Err(EnvironmentError::Unsupported("the containers backend is not there yet".into()))
            }
        }
    }

    /// Starts the proxy; every random choice of its toxics comes from the seed. Returns the URL
    /// of its control interface.
    pub async fn start_proxy(&mut self, seed: u64) -> Result<String, EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.start_proxy(seed).await,
        }
    }

    /// Starts PostgreSQL with a role that owns a database. Returns where the proxy reaches it.
    pub async fn start_database(
        &mut self,
        role: &str,
        password: &str,
        name: &str,
    ) -> Result<Address, EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.start_database(role, password, name).await,
        }
    }

    /// Chooses where a part listens and keeps its files.
    pub async fn place(
        &mut self,
        instance: &str,
        _description: &PartDescription,
    ) -> Result<Place, EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.place(instance),
        }
    }

    /// Chooses where the proxy of a link listens: as the proxy binds it, and as the part that
    /// uses the link sees it.
    pub fn place_link(&mut self) -> Result<(Address, Address), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.place_link(),
        }
    }

    /// The folder of the migrations as a part sees it.
    pub fn migrations(&self, folder: &Path) -> String {
        match self {
            Self::Embedded(_) => folder.display().to_string(),
        }
    }

    /// What starts a part.
    pub async fn runner(
        &mut self,
        instance: &str,
        _description: &PartDescription,
        command: Vec<String>,
        environment: BTreeMap<String, String>,
    ) -> Result<Runner, EnvironmentError> {
        match self {
            Self::Embedded(embedded) => Ok(embedded.runner(instance, command, environment)),
        }
    }

    /// Ends the proxy and the database.
    pub async fn stop(&mut self) -> Result<(), EnvironmentError> {
        match self {
            Self::Embedded(embedded) => embedded.stop().await,
        }
    }
}
