//! The backend that needs no Docker: local processes, PostgreSQL's own programs, the proxy within
//! this process. Everything listens on loopback.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sqlx::postgres::PgConnectOptions;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::EnvironmentError;
use super::attempts::record_attempts;
use super::backend::Owner;
use super::place::{Address, Place};
use super::ports::{PortLease, lease_port};
use super::postgres::{ClusterOptions, PrivateCluster};
use super::process::Program;
use super::runner::Runner;
use super::services::{Disruption, Services};
use crate::history::Recorder;

const LOOPBACK: &str = "127.0.0.1";

/// What the embedded backend keeps alive.
#[derive(Debug)]
pub(super) struct Embedded {
    cluster: Option<PrivateCluster>,
    logs: PathBuf,
    state: PathBuf,
    ports: Vec<PortLease>,
    proxy: Option<Proxy>,
}

#[derive(Debug)]
struct Proxy {
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Embedded {
    /// Nothing runs yet. Logs go to `logs`, the parts' own files to `state`.
    pub fn new(logs: PathBuf, state: PathBuf) -> Self {
        Self { cluster: None, logs, state, ports: Vec::new(), proxy: None }
    }

    /// Starts the proxy, and PostgreSQL with a role that owns a database.
    pub async fn start_services(
        &mut self,
        seed: u64,
        owner: &Owner,
        recorder: &Recorder,
    ) -> Result<Services, EnvironmentError> {
        let proxy_url = self.start_proxy(seed, recorder).await?;
        let (database, superuser) = self.start_database(owner).await?;
        Ok(Services { proxy_url, database_here: database.clone(), database, superuser })
    }

    /// Starts the proxy in this process; every random choice of its toxics comes from the seed.
    /// Returns the address of its control interface.
    async fn start_proxy(
        &mut self,
        seed: u64,
        recorder: &Recorder,
    ) -> Result<String, EnvironmentError> {
        let address = self.lease()?;
        let listener = TcpListener::bind((LOOPBACK, address.port))
            .await
            .map_err(|source| EnvironmentError::Bind { address: address.to_string(), source })?;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let (observer, sights) = toxiproxy::Observer::new();
        tokio::spawn(record_attempts(sights, recorder.clone()));
        let proxies = toxiproxy::Proxies::observed(seed, observer);
        let server = tokio::spawn(async move {
            if let Err(error) = toxiproxy::serve(listener, proxies, stopped).await {
                tracing::error!(%error, "the embedded proxy ended");
            }
        });
        self.proxy = Some(Proxy { stop, server });
        Ok(format!("http://{address}"))
    }

    async fn start_database(
        &mut self,
        owner: &Owner,
    ) -> Result<(Address, PgConnectOptions), EnvironmentError> {
        let log = self.logs.join("postgresql.log");
        let cluster =
            PrivateCluster::start(ClusterOptions { durable: true, ..ClusterOptions::new(log) })
                .await?;
        let Owner { role, password, database } = owner;
        cluster.create_role_and_database(role, password, database).await?;
        let address = Address { host: LOOPBACK.to_owned(), port: cluster.port() };
        let superuser = cluster.superuser_options(database);
        self.cluster = Some(cluster);
        Ok((address, superuser))
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
    pub fn place(&mut self, instance: &str) -> Result<Place, EnvironmentError> {
        let address = self.lease()?;
        let state = self.state.join(instance);
        std::fs::create_dir_all(&state)
            .map_err(|source| EnvironmentError::Folder { path: state.clone(), source })?;
        Ok(Place {
            listen: address.clone(),
            state: state.display().to_string(),
            url: format!("http://{address}"),
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
        &self,
        instance: &str,
        command: Vec<String>,
        environment: BTreeMap<String, String>,
    ) -> Runner {
        Runner::Process(Program {
            command,
            environment,
            folder: self.state.join(instance),
            log: self.logs.join(format!("{instance}.log")),
        })
    }

    /// Stops the proxy and PostgreSQL.
    pub async fn stop(&mut self) -> Result<(), EnvironmentError> {
        if let Some(proxy) = self.proxy.take() {
            proxy.stop.cancel();
            let _ = proxy.server.await;
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
