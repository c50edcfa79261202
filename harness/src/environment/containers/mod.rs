//! The backend that runs every part in a container of its own, through testcontainers.
//!
//! All of a run lives on a network of its own, and only loopback reaches into it. testcontainers
//! makes and starts the containers; killing, pausing and starting again go to the engine. The
//! [`session`] removes everything in the end, whatever the end is.

mod container;
mod engine;
mod error;
mod images;
mod limits;
mod log;
mod services;
mod session;
mod unfinished;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;
use testcontainers::bollard::models::{HostConfig, HostConfigLogConfig, PortBinding};
use testcontainers::core::{AccessMode, IntoContainerPort, Mount};
use testcontainers::{ContainerRequest, GenericImage, ImageExt};

pub(super) use container::{Container, RunningContainer};
pub use error::ContainersError;
pub use images::Images;
pub(super) use images::prepare_images;

use self::log::Log;
use self::services::{POSTGRES_PORT, PROXY_PORT};
use self::session::Session;
use super::backend::{Owner, Started};
use super::http::http_client;
use super::place::{Address, Place};
use super::ports::{PortLease, lease_port};
use super::services::{DatabaseService, Services};
use super::{EnvironmentError, Secrets};
use crate::system::PartDescription;

const LOOPBACK: &str = "127.0.0.1";
const EVERYWHERE: &str = "0.0.0.0";
/// The folders that a part sees.
const MIGRATIONS: &str = "/migrations";
const STATE: &str = "/state";
/// The names of the two containers that serve every system; its parts have other names.
const PROXY: &str = "toxiproxy";
const DATABASE: &str = "postgresql";
/// The first port that the proxy of a link listens on, within the proxy's container.
const FIRST_LINK_PORT: u16 = 20_000;

/// What the containers backend keeps alive.
#[derive(Debug)]
pub(super) struct Containers {
    /// The first to be dropped: the ports are free when the containers are gone.
    session: Session,
    images: Images,
    logs: PathBuf,
    secrets: Secrets,
    migrations: Option<PathBuf>,
    next_link_port: u16,
    /// Where each part is published on this machine, by instance.
    published: HashMap<String, PortLease>,
    services: Vec<Service>,
}

/// A container that serves every system.
#[derive(Debug)]
struct Service {
    running: RunningContainer,
    port: PortLease,
}

impl Containers {
    /// Nothing runs yet, there is but the network. Logs go to `logs`.
    pub async fn new(
        images: Images,
        logs: PathBuf,
        secrets: Secrets,
    ) -> Result<Self, EnvironmentError> {
        Ok(Self {
            session: Session::open().await?,
            images,
            logs,
            secrets,
            migrations: None,
            next_link_port: FIRST_LINK_PORT,
            published: HashMap::new(),
            services: Vec::new(),
        })
    }

    /// Starts the proxy, and if there is to be one PostgreSQL, with a role that owns a database.
    pub async fn start_services(
        &mut self,
        seed: u64,
        owner: Option<&Owner>,
    ) -> Result<Services, EnvironmentError> {
        let start_database = async {
            match owner {
                Some(owner) => self.start_database(owner).await.map(Some),
                None => Ok(None),
            }
        };
        let ((proxy, proxy_url), database) =
            tokio::try_join!(self.start_proxy(seed), start_database)?;
        self.services.push(proxy);
        let database = database.map(|(database, superuser)| {
            let here = Address { host: LOOPBACK.to_owned(), port: database.port.port() };
            let address = Address { host: self.session.name(DATABASE), port: POSTGRES_PORT };
            self.services.push(database);
            let role = owner.map(|owner| owner.role.clone()).unwrap_or_default();
            DatabaseService { address, here, superuser, role }
        });
        Ok(Services { proxy_url, database })
    }

    /// Starts the proxy, and returns the URL of its control interface.
    async fn start_proxy(&self, seed: u64) -> Result<(Service, String), EnvironmentError> {
        let lease = lease_port()?;
        let url = format!("http://{LOOPBACK}:{}", lease.port());
        let request = self.request(PROXY, &self.images.proxy, Some((PROXY_PORT, &lease)));
        let container = self.container(PROXY, services::proxy(request, seed));
        let mut running = container.start().await?;
        let http = http_client();
        running.until_answer(async || services::ask_proxy(&http, &url).await).await?;
        Ok((Service { running, port: lease }, url))
    }

    async fn start_database(
        &self,
        owner: &Owner,
    ) -> Result<(Service, PgConnectOptions), EnvironmentError> {
        let lease = lease_port()?;
        let password = self.secrets.make();
        let request = self.request(DATABASE, &self.images.database, Some((POSTGRES_PORT, &lease)));
        let container = self.container(DATABASE, services::postgres(request, &password));
        let mut running = container.start().await?;
        let superuser = services::superuser(LOOPBACK, lease.port(), &password);
        running.until_answer(async || services::ask_postgres(&superuser).await).await?;
        services::make_owner(&superuser, owner).await?;
        Ok((Service { running, port: lease }, superuser.database(&owner.database)))
    }

    /// Chooses where a part listens and keeps its files.
    pub fn place(
        &mut self,
        instance: &str,
        description: &PartDescription,
    ) -> Result<Place, EnvironmentError> {
        let port = description.port.ok_or_else(|| {
            let why = format!("`{instance}` needs a `port` to run in a container");
            EnvironmentError::Unsupported(why)
        })?;
        let lease = lease_port()?;
        let here = Address { host: LOOPBACK.to_owned(), port: lease.port() };
        self.published.insert(instance.to_owned(), lease);
        Ok(Place {
            listen: Address { host: EVERYWHERE.to_owned(), port },
            state: STATE.to_owned(),
            seen: STATE.to_owned(),
            here,
            reached_at: Address { host: self.session.name(instance), port },
        })
    }

    /// Chooses where the proxy of a link listens: as the proxy binds it, and as the part that
    /// uses the link sees it.
    pub fn place_link(&mut self) -> (Address, Address) {
        let port = self.next_link_port;
        self.next_link_port += 1;
        let address = |host| Address { host, port };
        (address(EVERYWHERE.to_owned()), address(self.session.name(PROXY)))
    }

    /// The folder of the migrations as a part sees it: the very one, so that a part that is started
    /// again sees what has changed in it.
    pub fn migrations(&mut self, folder: &Path) -> String {
        // Docker takes no path with `..` in it.
        self.migrations = Some(folder.canonicalize().unwrap_or_else(|_| folder.to_owned()));
        MIGRATIONS.to_owned()
    }

    /// What starts a part.
    pub fn runner(
        &self,
        instance: &str,
        description: &PartDescription,
        started: Started,
    ) -> Result<Container, EnvironmentError> {
        let Started { command: arguments, environment, files } = started;
        let Some(image) = self.images.parts.get(&description.name) else {
            return Err(ContainersError::NoImage(description.name.clone()).into());
        };
        let published = description.port.zip(self.published.get(instance));
        let mut request = self.request(instance, image, published);
        let asks = |text: &String| text.contains("{migrations}");
        if let Some(folder) = &self.migrations
            && description.environment.values().chain(&description.command).any(asks)
        {
            let mount = Mount::bind_mount(folder.display().to_string(), MIGRATIONS);
            request = request.with_mount(mount.with_access_mode(AccessMode::ReadOnly));
        }
        if !arguments.is_empty() {
            request = request.with_cmd(arguments);
        }
        for (name, value) in environment {
            request = request.with_env_var(name, value);
        }
        for (name, text) in files {
            request = request.with_copy_to(format!("{STATE}/{name}"), text.into_bytes());
        }
        Ok(self.container(instance, request))
    }

    /// Removes every container and the network.
    pub async fn stop(&mut self) -> Result<(), EnvironmentError> {
        self.session.remove().await?;
        // Their logs are complete then.
        for service in &mut self.services {
            service.running.wait().await;
        }
        self.services.clear();
        Ok(())
    }

    fn container(&self, name: &str, request: ContainerRequest<GenericImage>) -> Container {
        Container::new(
            &self.session,
            self.session.name(name),
            request,
            Log::new(self.logs.join(format!("{name}.log"))),
        )
    }

    /// A container of this run, with one of its ports published on loopback.
    fn request(
        &self,
        name: &str,
        image: &str,
        published: Option<(u16, &PortLease)>,
    ) -> ContainerRequest<GenericImage> {
        let is_proxy = name == PROXY;
        let published = published.map(|(inside, lease)| (inside, lease.port()));
        let image = match published {
            Some((inside, _)) => images::generic_image(image).with_exposed_port(inside.tcp()),
            None => images::generic_image(image),
        };
        image
            .with_container_name(self.session.name(name))
            .with_network(self.session.network())
            .with_labels(self.session.labels())
            .with_host_config_modifier(move |config| configure(config, published, is_proxy))
    }
}

/// Published ports stay the same over all lives of a container. The logs are kept where they can
/// be read back, whatever the engine does by default.
fn configure(config: &mut HostConfig, published: Option<(u16, u16)>, is_proxy: bool) {
    config.publish_all_ports = Some(false);
    config.port_bindings = Some(
        published
            .map(|(inside, outside)| {
                let binding = PortBinding {
                    host_ip: Some(LOOPBACK.to_owned()),
                    host_port: Some(outside.to_string()),
                };
                (format!("{inside}/tcp"), Some(vec![binding]))
            })
            .into_iter()
            .collect(),
    );
    config.log_config =
        Some(HostConfigLogConfig { typ: Some("json-file".to_owned()), config: None });
    if is_proxy {
        // The name of a killed part is nobody's: to find that out must not take long.
        config.dns = Some(vec![LOOPBACK.to_owned()]);
        config.dns_options = Some(vec!["timeout:1".to_owned(), "attempts:1".to_owned()]);
    }
}
