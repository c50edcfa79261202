//! The backend that needs no Docker: local processes, PostgreSQL's own programs, the proxy within
//! this process. Everything listens on loopback.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::EnvironmentError;
use super::attempts::record_attempts;
use super::backend::{Owner, Started};
use super::clock::Clock;
use super::disk::{Disk, DiskRequest};
use super::place::{Address, Place};
use super::ports::{PortLease, lease_port};
use super::postgres::{ClusterOptions, PrivateCluster};
use super::process::Program;
use super::runner::Runner;
use super::services::{DatabaseService, Disruption, Services};
use crate::history::Recorder;
use crate::system::PartDescription;

const LOOPBACK: &str = "127.0.0.1";

/// What the embedded backend keeps alive.
#[derive(Debug)]
pub(super) struct Embedded {
    cluster: Option<PrivateCluster>,
    logs: PathBuf,
    state: PathBuf,
    ports: Vec<PortLease>,
    proxy: Option<Proxy>,
    /// Those that can be set, by the name of the part.
    clocks: BTreeMap<String, Clock>,
    /// Those that can be filled or made slow, by the name of the part.
    disks: BTreeMap<String, Disk>,
}

struct Proxy {
    address: Address,
    seed: u64,
    /// Is told of the calls that go through.
    recorder: Recorder,
    proxies: toxiproxy::Proxies,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proxy at {}", self.address)
    }
}

impl Proxy {
    /// Serves at an address; every random choice of the toxics comes from the seed.
    async fn start(
        address: Address,
        seed: u64,
        recorder: Recorder,
    ) -> Result<Self, EnvironmentError> {
        let listener = TcpListener::bind((address.host.as_str(), address.port))
            .await
            .map_err(|source| EnvironmentError::Bind { address: address.to_string(), source })?;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let (observer, sights) = toxiproxy::Observer::new();
        tokio::spawn(record_attempts(sights, recorder.clone()));
        let proxies = toxiproxy::Proxies::observed(seed, observer);
        let served = toxiproxy::serve(listener, proxies.clone(), stopped);
        let server = tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "the embedded proxy ended");
            }
        });
        Ok(Self { address, seed, recorder, proxies, stop, server })
    }

    /// Closes every link at once and ends. Its control interface ends as if asked to: left open, its
    /// connections would still lead to this proxy when there is another.
    async fn kill(&mut self) {
        self.proxies.clear().await;
        self.stop().await;
    }

    /// Asks it to end, and waits until it has.
    async fn stop(&mut self) {
        self.stop.cancel();
        let _ = (&mut self.server).await;
    }
}

impl Embedded {
    /// Nothing runs yet. Logs go to `logs`, the parts' own files to `state`.
    pub fn new(logs: PathBuf, state: PathBuf) -> Self {
        let (clocks, disks) = (BTreeMap::new(), BTreeMap::new());
        Self { cluster: None, logs, state, ports: Vec::new(), proxy: None, clocks, disks }
    }

    /// Starts the proxy, and if there is to be one PostgreSQL, with a role that owns a database.
    pub async fn start_services(
        &mut self,
        seed: u64,
        owner: Option<&Owner>,
        recorder: &Recorder,
    ) -> Result<Services, EnvironmentError> {
        let proxy_url = self.start_proxy(seed, recorder).await?;
        let database = match owner {
            Some(owner) => Some(self.start_database(owner).await?),
            None => None,
        };
        Ok(Services { proxy_url, database })
    }

    /// Starts the proxy in this process; every random choice of its toxics comes from the seed.
    /// Returns the address of its control interface.
    async fn start_proxy(
        &mut self,
        seed: u64,
        recorder: &Recorder,
    ) -> Result<String, EnvironmentError> {
        let address = self.lease()?;
        let url = format!("http://{address}");
        self.proxy = Some(Proxy::start(address, seed, recorder.clone()).await?);
        Ok(url)
    }

    /// Ends the proxy at once, if it has been started and not ended for good.
    pub async fn kill_proxy(&mut self) {
        if let Some(proxy) = &mut self.proxy {
            proxy.kill().await;
        }
    }

    /// Starts the proxy again where it was, without any link.
    pub async fn restart_proxy(&mut self) -> Result<(), EnvironmentError> {
        if let Some(proxy) = &mut self.proxy {
            let (address, recorder) = (proxy.address.clone(), proxy.recorder.clone());
            *proxy = Proxy::start(address, proxy.seed, recorder).await?;
        }
        Ok(())
    }

    /// Takes all the room on the disk of a part, or gives it back.
    pub fn fill_disk(&self, part: &str, full: bool) -> Result<(), EnvironmentError> {
        let disk = self.disks.get(part).ok_or_else(|| {
            EnvironmentError::Unsupported(format!("`{part}` has no `disk` of its own to fill"))
        })?;
        disk.fill(full)
    }

    /// Has a part wait so much longer for each change on its disk.
    pub fn slow_disk(&self, part: &str, delay: Duration) -> Result<(), EnvironmentError> {
        match self.disks.get(part) {
            Some(disk) if disk.slow_down(delay) => Ok(()),
            _ => {
                let why = format!("the disk of `{part}` cannot be slow: it has no `slow_disk`");
                Err(EnvironmentError::Unsupported(why))
            }
        }
    }

    /// The folder of a part as this process sees it.
    fn seen(&self, instance: &str) -> PathBuf {
        self.disks.get(instance).map_or_else(|| self.state.join(instance), Disk::seen)
    }

    /// Sets the clock of a part, so far ahead in seconds.
    pub fn set_clock(&self, part: &str, ahead: i64) -> Result<(), EnvironmentError> {
        let clock = self.clocks.get(part).ok_or_else(|| {
            let why = format!("the clock of `{part}` cannot be set: it has no `clock_faults`");
            EnvironmentError::Unsupported(why)
        })?;
        clock.set(ahead)
    }

    async fn start_database(&mut self, owner: &Owner) -> Result<DatabaseService, EnvironmentError> {
        let log = self.logs.join("postgresql.log");
        let cluster =
            PrivateCluster::start(ClusterOptions { durable: true, ..ClusterOptions::new(log) })
                .await?;
        let Owner { role, password, database } = owner;
        cluster.create_role_and_database(role, password, database).await?;
        let address = Address { host: LOOPBACK.to_owned(), port: cluster.port() };
        let superuser = cluster.superuser_options(database);
        self.cluster = Some(cluster);
        Ok(DatabaseService { here: address.clone(), address, superuser, role: role.clone() })
    }

    /// Disrupts PostgreSQL, if it has been started and not ended for good.
    pub async fn disrupt_database(&self, how: Disruption) -> Result<(), EnvironmentError> {
        let Some(cluster) = &self.cluster else { return Ok(()) };
        match how {
            Disruption::Kill => cluster.kill().await?,
            Disruption::Terminate => cluster.stop().await?,
            Disruption::Pause => cluster.pause().await?,
        }
        Ok(())
    }

    /// Brings PostgreSQL back on the same files and the same port; after a kill, that includes
    /// its recovery.
    pub async fn restore_database(&self, how: Disruption) -> Result<(), EnvironmentError> {
        let Some(cluster) = &self.cluster else { return Ok(()) };
        match how {
            Disruption::Kill | Disruption::Terminate => cluster.restart().await?,
            Disruption::Pause => cluster.resume().await?,
        }
        Ok(())
    }

    /// Chooses where a part listens and keeps its files.
    pub fn place(
        &mut self,
        instance: &str,
        description: &PartDescription,
    ) -> Result<Place, EnvironmentError> {
        let address = self.lease()?;
        let state = self.state.join(instance);
        std::fs::create_dir_all(&state)
            .map_err(|source| EnvironmentError::Folder { path: state.clone(), source })?;
        let request = DiskRequest { size: description.disk, slow: description.slow_disk };
        if let Some(disk) = Disk::new(&state, request)? {
            self.disks.insert(instance.to_owned(), disk);
        }
        Ok(Place {
            listen: address.clone(),
            state: state.display().to_string(),
            seen: self.seen(instance).display().to_string(),
            here: address.clone(),
            reached_at: address,
        })
    }

    /// Chooses where the proxy of a link listens: as the proxy binds it, and as the part that
    /// uses the link sees it.
    pub fn place_link(&mut self) -> Result<(Address, Address), EnvironmentError> {
        let address = self.lease()?;
        Ok((address.clone(), address))
    }

    /// What starts a part.
    pub fn runner(
        &mut self,
        instance: &str,
        description: &PartDescription,
        started: Started,
    ) -> Result<Runner, EnvironmentError> {
        let Started { mut command, mut environment, files } = started;
        if description.clock_faults {
            let clock = Clock::new(self.state.join(format!("{instance}.clock")))?;
            environment.extend(clock.variables()?);
            self.clocks.insert(instance.to_owned(), clock);
        }
        let (folder, seen) = (self.state.join(instance), self.seen(instance));
        if let Some(disk) = self.disks.get(instance) {
            command = disk.enter(command);
        }
        for (name, text) in files {
            let path = seen.join(name);
            std::fs::write(&path, text)
                .map_err(|source| EnvironmentError::File { path, source })?;
        }
        let log = self.logs.join(format!("{instance}.log"));
        Ok(Runner::Process(Program { command, environment, folder, log }))
    }

    /// Stops the proxy and PostgreSQL, once the parts are stopped.
    pub async fn stop(&mut self) -> Result<(), EnvironmentError> {
        self.clocks.clear();
        if let Some(mut proxy) = self.proxy.take() {
            proxy.stop().await;
        }
        if let Some(cluster) = self.cluster.take() {
            cluster.stop().await?;
        }
        Ok(())
    }

    fn lease(&mut self) -> Result<Address, EnvironmentError> {
        let lease = lease_port()?;
        let port = lease.port();
        self.ports.push(lease);
        Ok(Address { host: LOOPBACK.to_owned(), port })
    }
}
