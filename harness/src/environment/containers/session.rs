//! What belongs to one run on the engine: a label on everything, a network, and its end.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as EngineError;
use testcontainers::bollard::models::NetworkCreateRequest;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, RemoveContainerOptionsBuilder,
};

use super::engine::find_engine;
use super::error::{ContainersError, refused};
use super::unfinished::Unfinished;
use crate::environment::EnvironmentError;
use crate::environment::janitor::{Janitor, Leftover, Watch, start_time};

/// The label that a run's containers and network carry; its value names the run.
const RUN: &str = "redflag-harness.run";
/// The process that the run belongs to, when that process started, and where such numbers mean
/// the same as here.
const OWNER: &str = "redflag-harness.owner";
const OWNER_START: &str = "redflag-harness.owner-start";
const OWNER_MACHINE: &str = "redflag-harness.owner-machine";
/// How long the engine may take to finish what it was asked before all is removed.
const REQUESTS_BOUND: Duration = Duration::from_secs(20);
/// How long the logs may take to be complete after that.
const LOGS_BOUND: Duration = Duration::from_secs(2);

/// One run's corner of the engine. Dropping it removes everything in it, and so does the janitor
/// when this process is killed.
#[derive(Debug)]
pub(super) struct Session {
    docker: Docker,
    run: String,
    removed: bool,
    /// Requests that make something.
    requests: Unfinished,
    /// Logs that are being written.
    logs: Unfinished,
    _watch: Watch,
}

impl Session {
    /// Removes what dead runs have left, and makes this run's network.
    pub async fn open() -> Result<Self, EnvironmentError> {
        let docker = find_engine().await?;
        sweep(&docker).await;
        let run = format!("{:016x}", rand::random::<u64>());
        let watch = Janitor::global().watch(&Leftover::Containers { label: label(&run) })?;
        let (requests, logs) = Default::default();
        let session = Self { docker, run, removed: false, requests, logs, _watch: watch };
        session.make_network().await?;
        Ok(session)
    }

    /// The client of the engine.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// A name that no other run uses: that of a container is also what others on the network
    /// find it by.
    pub fn name(&self, what: &str) -> String {
        format!("redflag-harness-{}-{what}", self.run)
    }

    /// The name of the run's network.
    pub fn network(&self) -> String {
        self.name("network")
    }

    /// What every container and network of the run must be labelled with.
    pub fn labels(&self) -> HashMap<String, String> {
        let owner = std::process::id();
        let start = start_time(owner).map(|ticks| ticks.to_string()).unwrap_or_default();
        [
            (RUN, self.run.clone()),
            (OWNER, owner.to_string()),
            (OWNER_START, start),
            (OWNER_MACHINE, machine()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// What carries out requests that make something.
    pub fn requests(&self) -> &Unfinished {
        &self.requests
    }

    /// What counts the logs that are being written.
    pub fn logs(&self) -> &Unfinished {
        &self.logs
    }

    /// Removes everything.
    pub async fn remove(&mut self) -> Result<(), ContainersError> {
        remove_labelled(&self.docker, &label(&self.run)).await?;
        self.removed = true;
        Ok(())
    }

    async fn make_network(&self) -> Result<(), ContainersError> {
        let name = self.network();
        let request =
            NetworkCreateRequest { name, labels: Some(self.labels()), ..Default::default() };
        let docker = self.docker.clone();
        let made = async move { docker.create_network(request).await };
        let made = self.requests.carry_out(made).await;
        made.map(drop).map_err(refused("make a network"))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.removed {
            return;
        }
        self.requests.wait(REQUESTS_BOUND);
        let label = label(&self.run);
        // A thread with a runtime of its own: this one may be about to end, or be within a task.
        let remover = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|error| error.to_string())?.block_on(async {
                let docker = find_engine().await.map_err(|error| error.to_string())?;
                remove_labelled(&docker, &label).await.map_err(|error| error.to_string())
            })
        });
        let result = remover.join().unwrap_or_else(|_| Err("it panicked".to_owned()));
        if let Err(error) = result {
            let run = &self.run;
            tracing::error!(%error, %run, "containers are left; the next run removes them");
        }
        self.logs.wait(LOGS_BOUND);
    }
}

fn label(run: &str) -> String {
    format!("{RUN}={run}")
}

async fn remove_labelled(docker: &Docker, label: &str) -> Result<(), ContainersError> {
    let filters = HashMap::from([("label", vec![label])]);
    let every = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let containers =
        docker.list_containers(Some(every)).await.map_err(refused("list containers"))?;
    let containers = containers.into_iter().filter_map(|container| container.id);
    try_join_all(containers.map(|id| remove_container(docker, id))).await?;
    let labelled = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let networks = docker.list_networks(Some(labelled)).await.map_err(refused("list networks"))?;
    for id in networks.into_iter().filter_map(|network| network.id) {
        gone(docker.remove_network(&id).await).map_err(refused("remove a network"))?;
    }
    Ok(())
}

/// With its anonymous volumes.
async fn remove_container(docker: &Docker, id: String) -> Result<(), ContainersError> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    gone(docker.remove_container(&id, Some(options)).await).map_err(refused("remove a container"))
}

/// What is gone already, or just being removed, needs no removal.
fn gone(result: Result<(), EngineError>) -> Result<(), EngineError> {
    match result {
        Err(EngineError::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
        other => other,
    }
}

/// Removes what runs have left whose process is dead, as far as that can be told from here.
async fn sweep(docker: &Docker) {
    let filters = HashMap::from([("label", vec![RUN])]);
    let every = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let labelled = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let (containers, networks) =
        tokio::join!(docker.list_containers(Some(every)), docker.list_networks(Some(labelled)));
    let containers = containers.unwrap_or_default().into_iter().map(|found| found.labels);
    let networks = networks.unwrap_or_default().into_iter().map(|found| found.labels);
    let mut dead: Vec<String> = containers
        .chain(networks)
        .flatten()
        .filter(|labels| owner_is_dead(labels, start_time))
        .filter_map(|labels| labels.get(RUN).cloned())
        .collect();
    dead.sort_unstable();
    dead.dedup();
    // Somebody else may be sweeping the same; whoever comes second finds nothing.
    let removals = dead.iter().map(|run| async { remove_labelled(docker, &label(run)).await });
    for error in join_all(removals).await.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "what a dead run left is not all removed");
    }
}

/// Only what was made on this machine can be judged; `start_time_of` tells when a process
/// started, if it is there.
fn owner_is_dead(
    labels: &HashMap<String, String>,
    start_time_of: impl Fn(u32) -> Option<u64>,
) -> bool {
    let number = |name| labels.get(name).and_then(|value: &String| value.parse::<u64>().ok());
    let (Some(owner), Some(start)) = (number(OWNER), number(OWNER_START)) else { return false };
    let here = labels.get(OWNER_MACHINE).is_some_and(|name| *name == machine());
    here && u32::try_from(owner).is_ok_and(|owner| start_time_of(owner) != Some(start))
}

/// The name of this machine and its process numbers: two containers that share an engine, or two
/// machines that share a remote one, do not see each other's processes.
fn machine() -> String {
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let processes = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{name} {} {}", machine.trim(), processes.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(start: &str, machine: String) -> HashMap<String, String> {
        let labels = [(OWNER, "77".to_owned()), (OWNER_START, start.to_owned())];
        let labels = labels.into_iter().chain([(OWNER_MACHINE, machine)]);
        labels.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn only_the_dead_of_this_machine_are_swept() {
        let here = labels("1000", machine());
        assert!(owner_is_dead(&here, |_| None), "no such process");
        assert!(owner_is_dead(&here, |_| Some(2000)), "another process has its number");
        assert!(!owner_is_dead(&here, |_| Some(1000)), "it lives");
        assert!(!owner_is_dead(&labels("1000", "elsewhere".into()), |_| None));
        assert!(!owner_is_dead(&labels("", machine()), |_| None), "when it started is unknown");
    }
}
