//! What is measured: the part that takes events and what it reaches, without proxies.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use super::BenchError;
use crate::environment::{Built, Environment, EnvironmentRequest, Secrets};
use crate::history::{Header, Recorder};
use crate::seed::Seed;
use crate::system::{BenchContract, System};

/// The system that is measured, as it is started.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The system, which has a `bench` section.
    pub system: System,
    /// What its parts are started from.
    pub built: Built,
    /// Where ids come from.
    pub seed: Seed,
    /// Defects that the system is told to have.
    pub defects: Vec<String>,
}

/// What is measured in rounds, on a table of some rows.
#[derive(Clone, Debug)]
pub struct BenchRequest {
    /// The system.
    pub subject: Subject,
    /// How often each figure is measured.
    pub rounds: usize,
    /// How long each single measurement lasts.
    pub lasts: Duration,
    /// How many rows the table has in the beginning.
    pub rows: u64,
}

impl Subject {
    /// How the system is measured.
    pub(super) fn contract(&self) -> Result<&BenchContract, BenchError> {
        self.section("", self.system.bench.as_ref())
    }

    /// A section within `bench` that the measurement needs; the system file calls it so, after a dot.
    pub(super) fn section<T>(&self, name: &str, section: Option<T>) -> Result<T, BenchError> {
        section.ok_or_else(|| {
            BenchError::Unusable(format!("`{}` has no section [bench{name}]", self.system.name))
        })
    }

    /// Starts the part that takes events and what it reaches; logs go to the folder.
    pub(super) async fn start(
        &self,
        contract: &BenchContract,
        folder: &Path,
    ) -> Result<Environment, BenchError> {
        let mut system = self.system.clone();
        let reached =
            system.part(&contract.to).map(|part| part.reaches.clone()).unwrap_or_default();
        system.parts.retain(|part| part.name == contract.to || reached.contains(&part.name));
        for part in system.parts.iter_mut().filter(|part| part.name == contract.to) {
            part.environment.extend(contract.environment.clone());
        }
        let header = Header::new(self.seed, "bench", "embedded", &system.name);
        let recorder = Recorder::create(&folder.join("history.jsonl"), header)?;
        let request = EnvironmentRequest {
            built: self.built.clone(),
            logs: folder.to_owned(),
            defects: self.defects.clone(),
            seed: self.seed,
            secrets: Secrets::default(),
        };
        Ok(Environment::start_direct(&system, &request, &recorder).await?)
    }
}

/// How the superuser gets to the system's database.
pub(super) fn superuser(environment: &Environment) -> Result<&PgConnectOptions, BenchError> {
    let options = environment.superuser_options();
    options.ok_or_else(|| BenchError::Unusable("the system has no database".to_owned()))
}

/// Where a part listens.
pub(super) fn address(environment: &Environment, part: &str) -> Result<SocketAddr, BenchError> {
    let url = environment.part(part).map(|part| part.url().trim_start_matches("http://"));
    let parsed = url.and_then(|address| address.parse().ok());
    parsed.ok_or_else(|| BenchError::Unusable(format!("`{part}` is not one part on this machine")))
}

/// What a log says last.
pub(super) fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().next_back().unwrap_or("nothing").to_owned()
}
