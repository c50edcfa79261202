//! What is measured: the part that takes events and what it reaches, without proxies.

use std::net::SocketAddr;
use std::path::Path;

use super::BenchError;
use crate::environment::{Built, Environment, EnvironmentRequest, Secrets};
use crate::history::{Header, Recorder};
use crate::seed::Seed;
use crate::system::{BenchContract, System};

/// Starts the part that takes events and what it reaches; logs go to the folder.
pub(super) async fn start(
    system: &System,
    contract: &BenchContract,
    built: &Built,
    seed: Seed,
    defects: &[String],
    folder: &Path,
) -> Result<Environment, BenchError> {
    let mut system = system.clone();
    let reached = system.part(&contract.to).map(|part| part.reaches.clone()).unwrap_or_default();
    system.parts.retain(|part| part.name == contract.to || reached.contains(&part.name));
    for part in system.parts.iter_mut().filter(|part| part.name == contract.to) {
        part.environment.extend(contract.environment.clone());
    }
    let header = Header::new(seed, "bench", "embedded", &system.name);
    let recorder = Recorder::create(&folder.join("history.jsonl"), header)?;
    let request = EnvironmentRequest {
        built: built.clone(),
        logs: folder.to_owned(),
        defects: defects.to_vec(),
        seed,
        secrets: Secrets::default(),
    };
    Ok(Environment::start_direct(&system, &request, &recorder).await?)
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
