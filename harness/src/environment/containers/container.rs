//! One container of a run: made at its first start, kept until the run's end, and in between
//! killed, paused and started again. `limits.rs` makes it short of something.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use rustix::process::Signal;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as EngineError;
use testcontainers::bollard::query_parameters::{
    KillContainerOptionsBuilder, StartContainerOptions, WaitContainerOptions,
};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerRequest, GenericImage};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::error::{ContainersError, refused, too_slow};
use super::log::Log;
use super::session::Session;
use super::unfinished::Unfinished;

/// How long a container that serves the harness may take to answer.
const READY_BOUND: Duration = Duration::from_secs(60);
/// How often it is asked.
const READY_INTERVAL: Duration = Duration::from_millis(50);

/// A container of the run. The session removes it.
#[derive(Debug)]
pub(in crate::environment) struct Container {
    docker: Docker,
    name: String,
    network: String,
    /// What it is made from; taken at the first start.
    request: Mutex<Option<ContainerRequest<GenericImage>>>,
    log: Arc<Log>,
    requests: Unfinished,
    logs: Unfinished,
}

/// One life of a container.
#[derive(Debug)]
pub(in crate::environment) struct RunningContainer {
    pub(super) docker: Docker,
    pub(super) name: String,
    /// The network that it belongs to.
    pub(super) network: String,
    log: Arc<Log>,
    end: JoinHandle<String>,
}

impl Container {
    /// A container that is not made yet.
    pub(super) fn new(
        session: &Session,
        name: String,
        request: ContainerRequest<GenericImage>,
        log: Log,
    ) -> Self {
        Self {
            docker: session.docker().clone(),
            name,
            network: session.network(),
            request: Mutex::new(Some(request)),
            log: Arc::new(log),
            requests: session.requests().clone(),
            logs: session.logs().clone(),
        }
    }

    /// Makes and starts it, or starts it again.
    pub async fn start(&self) -> Result<RunningContainer, ContainersError> {
        match self.request.lock().await.take() {
            Some(request) => self.make(request).await?,
            None => self
                .docker
                .start_container(&self.name, None::<StartContainerOptions>)
                .await
                .map_err(refused(format!("start {}", self.name)))?,
        }
        let (docker, name, log) = (self.docker.clone(), self.name.clone(), Arc::clone(&self.log));
        let writing = self.logs.begin();
        let end = tokio::spawn(async move {
            let (how, ()) = tokio::join!(end_of(&docker, &name), log.follow(&docker, &name));
            drop(writing);
            how
        });
        Ok(RunningContainer {
            docker: self.docker.clone(),
            name: self.name.clone(),
            network: self.network.clone(),
            log: Arc::clone(&self.log),
            end,
        })
    }

    /// The handle that testcontainers returns would remove the container, as the session does,
    /// and complain when it is gone: it is kept from doing so.
    async fn make(&self, request: ContainerRequest<GenericImage>) -> Result<(), ContainersError> {
        let start = async { request.start().await.map(ManuallyDrop::new) };
        match self.requests.carry_out(start).await {
            Ok(_) => Ok(()),
            Err(source) => {
                Err(ContainersError::Start { name: self.name.clone(), source: source.into() })
            }
        }
    }
}

impl RunningContainer {
    /// Sends a signal to its program. A container that has ended meanwhile is no error.
    pub async fn signal(&self, signal: Signal) {
        let number = signal.as_raw().to_string();
        let result = match signal {
            Signal::STOP => self.docker.pause_container(&self.name).await,
            Signal::CONT => self.docker.unpause_container(&self.name).await,
            _ => {
                let options = KillContainerOptionsBuilder::new().signal(&number).build();
                self.docker.kill_container(&self.name, Some(options)).await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, name = self.name, number, "a signal did not arrive");
        }
    }

    /// Waits for its end and says in a few words how it ended.
    pub async fn wait(&mut self) -> String {
        (&mut self.end).await.unwrap_or_else(|error| error.to_string())
    }

    /// Asks again and again until there is an answer.
    ///
    /// # Errors
    /// When the container ends before, or no answer comes within a minute.
    pub async fn until_answer<T>(
        &mut self,
        ask: impl AsyncFn() -> Result<T, String>,
    ) -> Result<T, ContainersError> {
        let what = tokio::select! {
            answer = first_answer(ask) => match answer {
                Ok(answer) => return Ok(answer),
                Err(last) => too_slow(READY_BOUND, &last),
            },
            how = &mut self.end => format!("ended ({})", how.unwrap_or_default()),
        };
        Err(ContainersError::NotReady {
            name: self.name.clone(),
            what,
            log: self.log.path().display().to_string(),
            last_lines: self.log.last_lines(),
        })
    }
}

async fn first_answer<T>(ask: impl AsyncFn() -> Result<T, String>) -> Result<T, String> {
    let deadline = Instant::now() + READY_BOUND;
    let mut ticks = interval(READY_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(last) if Instant::now() >= deadline => return Err(last),
            Err(_) => {}
        }
    }
}

/// Waits until a container does not run.
async fn end_of(docker: &Docker, name: &str) -> String {
    let mut ends = docker.wait_container(name, None::<WaitContainerOptions>);
    match ends.next().await {
        Some(Ok(end)) => format!("exit code {}", end.status_code),
        Some(Err(EngineError::DockerContainerWaitError { code, .. })) => {
            format!("exit code {code}")
        }
        Some(Err(error)) => error.to_string(),
        None => "the Docker engine does not say how".to_owned(),
    }
}
