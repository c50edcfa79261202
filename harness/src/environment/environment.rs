//! Brings a system up part by part, with a proxy in every link, and takes it down again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use reqwest::Client;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::Mutex;

use super::backend::{Backend, Owner, Started};
use super::build::Built;
use super::http::{http_client, http_client_of_the_proxy};
use super::input::PartInput;
use super::part::{Part, PartSetup};
use super::place::Address;
use super::postgres::limit_connections;
use super::proxy_client::ProxyClient;
use super::readiness::{Readiness, WrittenLine};
use super::secrets::Secrets;
use super::services::{DatabaseService, Disruption, Services, until_lost};
use super::setup::make_setup_call;
use super::state_folder::StateFolder;
use super::{Endpoint, EnvironmentError};
use crate::history::Recorder;
use crate::seed::Seed;
use crate::system::{
    Channel, DATABASE, EmitWay, PartDescription, Ready, System, TemplateError, Values, fill,
};

/// How long a part may take to become ready at the start.
const READY_BOUND: Duration = Duration::from_secs(60);

/// What to bring up.
#[derive(Clone, Debug)]
pub struct EnvironmentRequest {
    /// What the parts are started from, which also says how they run.
    pub built: Built,
    /// The folder that the logs are written to; it exists.
    pub logs: PathBuf,
    /// Defects that the system's programs are told to have.
    pub defects: Vec<String>,
    /// Where the proxy's random choices come from.
    pub seed: Seed,
    /// Learns every secret that is made or captured.
    pub secrets: Secrets,
}

/// One network hop between two parts, through a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name, which is that of its proxy: `agent-1-to-server`.
    pub name: String,
    /// The part that connects.
    pub from: String,
    /// The part that is connected to, or `database`.
    pub to: String,
}

/// A running system.
#[derive(Debug)]
pub struct Environment {
    parts: Vec<Part>,
    links: Vec<Link>,
    /// Where the proxy of each link listens, and what it passes on to.
    hops: Vec<(Address, Address)>,
    proxy: ProxyClient,
    http: Client,
    values: Values,
    secrets: Secrets,
    /// PostgreSQL, if the system needs it.
    database: Option<DatabaseService>,
    /// Whether a fault keeps PostgreSQL from answering.
    database_disrupted: AtomicBool,
    backend: Mutex<Backend>,
    _state: StateFolder,
}

impl Link {
    const BETWEEN: &str = "-to-";

    fn name(from: &str, to: &str) -> String {
        format!("{from}{}{to}", Self::BETWEEN)
    }

    /// The part that connects on the link of this name.
    pub(super) fn from_of(name: &str) -> &str {
        name.rsplit_once(Self::BETWEEN).map_or(name, |(from, _)| from)
    }
}

/// An environment that is coming up.
struct Start<'a> {
    system: &'a System,
    recorder: &'a Recorder,
    environment: Environment,
    /// Where the proxy reaches what has been started, by name.
    addresses: BTreeMap<String, Address>,
    hops: Hops,
}

/// How parts reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hops {
    Proxied,
    Direct,
}

impl Environment {
    /// Starts PostgreSQL, the proxy and every part, each behind its links, and makes the setup
    /// calls. Cancelled or failed in mid-way, it leaves nothing behind.
    ///
    /// # Errors
    /// When something cannot be started, or does not become ready within a minute.
    pub async fn start(
        system: &System,
        request: &EnvironmentRequest,
        recorder: &Recorder,
    ) -> Result<Self, EnvironmentError> {
        Self::bring_up(system, request, recorder, Hops::Proxied).await
    }

    /// The same without proxies, so that none is measured with the system. It has no links, and
    /// nothing between its parts can be disturbed.
    ///
    /// # Errors
    /// As [`Environment::start`].
    pub async fn start_direct(
        system: &System,
        request: &EnvironmentRequest,
        recorder: &Recorder,
    ) -> Result<Self, EnvironmentError> {
        Self::bring_up(system, request, recorder, Hops::Direct).await
    }

    async fn bring_up(
        system: &System,
        request: &EnvironmentRequest,
        recorder: &Recorder,
        hops: Hops,
    ) -> Result<Self, EnvironmentError> {
        let state = StateFolder::new()?;
        let parts_files = state.path().to_owned();
        let mut backend = Backend::prepare(request, parts_files).await?;
        backend.suits(system)?;
        let password = request.secrets.make();
        let owner = system.database.as_ref().map(|database| Owner {
            role: database.role.clone(),
            password: password.clone(),
            database: database.name.clone(),
        });
        let Services { proxy_url, database } =
            backend.start_services(request.seed.0, owner.as_ref(), recorder).await?;
        let http = http_client();
        let proxy = ProxyClient::new(http_client_of_the_proxy(), proxy_url);

        let mut values = Values::default()
            .with("seed", request.seed.to_string())
            .with("defects", request.defects.join(","));
        if let Some(database) = &system.database {
            values.set("migrations", backend.migrations(&system.path(&database.migrations)));
            values.set("database.role", &database.role);
            values.set("database.name", &database.name);
            values.set("database.password", &password);
        }
        for name in &system.secrets {
            values.set(format!("secret.{name}"), request.secrets.make());
        }
        if let Built::Programs(programs) = &request.built {
            for (name, program) in programs {
                values.set(format!("program.{name}"), program.display().to_string());
            }
        }
        let environment = Self {
            parts: Vec::new(),
            links: Vec::new(),
            hops: Vec::new(),
            proxy,
            http,
            values,
            secrets: request.secrets.clone(),
            database,
            database_disrupted: AtomicBool::new(false),
            backend: Mutex::new(backend),
            _state: state,
        };
        let database = environment.database.iter();
        let addresses =
            database.map(|service| (DATABASE.to_owned(), service.address.clone())).collect();
        let mut start = Start { system, recorder, environment, addresses, hops };
        for description in &system.parts {
            start.start_parts(description).await?;
        }
        Ok(start.environment)
    }

    /// Every part, in the order in which they were started.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part of that name.
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name() == name)
    }

    /// The parts of one kind.
    pub fn parts_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Part> {
        self.parts.iter().filter(move |part| part.kind() == kind)
    }

    /// Every link.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// What the proxies of the links are controlled with.
    pub fn proxy(&self) -> &ProxyClient {
        &self.proxy
    }

    /// The HTTP client that the harness itself uses.
    pub fn http(&self) -> &Client {
        &self.http
    }

    /// What the texts of the system file can ask for, captured values included.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// A part as it is found by who gives it events or reads them.
    pub fn endpoint(&self, part: &Part) -> Endpoint {
        part.endpoint(&self.values)
    }

    /// How the system's database, if it has one, is reached as PostgreSQL's superuser, without a
    /// proxy between: for who plants rows or looks at what the system did.
    pub fn superuser_options(&self) -> Option<&PgConnectOptions> {
        self.database.as_ref().map(|database| &database.superuser)
    }

    /// Waits until PostgreSQL takes no connections any more although no fault disrupts it, which
    /// is the end of the run.
    pub async fn until_lost(&self) -> EnvironmentError {
        let Some(database) = &self.database else { return std::future::pending().await };
        let is_disrupted = || self.database_disrupted.load(Ordering::Relaxed);
        until_lost("PostgreSQL", &database.here, is_disrupted).await
    }

    /// Whether faults can hit PostgreSQL itself.
    pub async fn disrupts_database(&self) -> bool {
        self.database.is_some() && self.backend.lock().await.disrupts_database()
    }

    /// Disrupts PostgreSQL until [`Environment::restore_database`].
    ///
    /// # Errors
    /// When this backend cannot.
    pub async fn disrupt_database(&self, how: Disruption) -> Result<(), EnvironmentError> {
        let backend = self.backend.lock().await;
        // Not before: an earlier disruption that is ending now must not take this one for its own.
        self.database_disrupted.store(true, Ordering::Relaxed);
        backend.disrupt_database(how).await
    }

    /// Ends a disruption of PostgreSQL and waits until it takes connections.
    ///
    /// # Errors
    /// When it does not come back, with the end of its log.
    pub async fn restore_database(&self, how: Disruption) -> Result<(), EnvironmentError> {
        let backend = self.backend.lock().await;
        backend.restore_database(how).await?;
        self.database_disrupted.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Whether faults can limit what parts use, fill and slow down disks, set clocks wrong
    /// and end the proxy.
    pub async fn disrupts_resources(&self) -> bool {
        self.backend.lock().await.disrupts_resources()
    }

    /// Whether parts are containers, which can be taken off their network and get less of a
    /// processor and of memory.
    pub async fn runs_containers(&self) -> bool {
        self.backend.lock().await.runs_containers()
    }

    /// Ends every connection of the system's role to PostgreSQL and refuses new ones, as if others
    /// had taken all that there are, or allows them again.
    ///
    /// # Errors
    /// When there is no database, or it refuses.
    pub async fn refuse_connections(&self, refuse: bool) -> Result<(), EnvironmentError> {
        let database = self.database.as_ref().ok_or_else(|| {
            EnvironmentError::Unsupported("the system has no database".to_owned())
        })?;
        let superuser = &database.superuser;
        // Held so that this waits until PostgreSQL is back from an earlier disruption.
        let _backend = self.backend.lock().await;
        Ok(limit_connections(superuser, &database.role, refuse).await?)
    }

    /// Takes all the room on the disk of a part, or gives it back.
    ///
    /// # Errors
    /// When the system file gives the part no disk of its own, or this backend cannot.
    pub async fn fill_disk(&self, part: &str, full: bool) -> Result<(), EnvironmentError> {
        self.backend.lock().await.fill_disk(part, full)
    }

    /// Has a part wait so much longer for each change on its disk, or no longer.
    ///
    /// # Errors
    /// When the system file does not allow that of this part, or this backend cannot.
    pub async fn slow_disk(&self, part: &str, delay: Duration) -> Result<(), EnvironmentError> {
        self.backend.lock().await.slow_disk(part, delay)
    }

    /// Sets the clock of a part, so far ahead in seconds.
    ///
    /// # Errors
    /// When the system file does not allow that of this part, or this backend cannot.
    pub async fn set_clock(&self, part: &str, ahead: i64) -> Result<(), EnvironmentError> {
        self.backend.lock().await.set_clock(part, ahead)
    }

    /// Ends the proxy in every link, at once.
    pub async fn kill_proxy(&self) {
        self.backend.lock().await.kill_proxy().await;
    }

    /// Starts the proxy again where it was, with the links that it had.
    ///
    /// # Errors
    /// When it cannot listen there any more.
    pub async fn restart_proxy(&self) -> Result<(), EnvironmentError> {
        // Held until the links are there: whoever ends the proxy meanwhile waits.
        let mut backend = self.backend.lock().await;
        backend.restart_proxy().await?;
        for (link, (listen, upstream)) in self.links.iter().zip(&self.hops) {
            let (listen, upstream) = (listen.to_string(), upstream.to_string());
            self.proxy.create(&link.name, &listen, &upstream).await?;
        }
        Ok(())
    }

    /// Ends every part for good, those of a kind together and the last started first, then the database and the proxy.
    ///
    /// # Errors
    /// When PostgreSQL or the container engine refuses.
    pub async fn stop(&self) -> Result<(), EnvironmentError> {
        for alike in self.parts.chunk_by(|one, next| one.kind() == next.kind()).rev() {
            join_all(alike.iter().map(Part::retire)).await;
        }
        self.backend.lock().await.stop().await
    }
}

impl Start<'_> {
    /// Starts every instance of one kind of part, and makes the setup calls that wait for it.
    async fn start_parts(&mut self, description: &PartDescription) -> Result<(), EnvironmentError> {
        let first = self.environment.parts.len();
        for instance in description.instances() {
            let part = self.place_part(&instance, description).await?;
            self.environment.parts.push(part);
        }
        try_join_all(self.environment.parts[first..].iter().map(Part::start)).await?;
        for part in &self.environment.parts[first..] {
            part.wait_ready(READY_BOUND).await?;
        }
        let url = self.environment.parts[first].url().to_owned();
        for call in self.system.setup.iter().filter(|call| call.to == description.name) {
            let environment = &mut self.environment;
            let captured =
                make_setup_call(&environment.http, &url, call, &environment.values).await?;
            for (name, value) in captured {
                environment.secrets.add(value.clone());
                environment.values.set(name, value);
            }
        }
        Ok(())
    }

    async fn place_part(
        &mut self,
        instance: &str,
        description: &PartDescription,
    ) -> Result<Part, EnvironmentError> {
        let place = self.environment.backend.get_mut().place(instance, description)?;
        let mut values = self
            .environment
            .values
            .clone()
            .with("name", instance)
            .with("listen.host", &place.listen.host)
            .with("listen.port", place.listen.port.to_string())
            .with("state", &place.state);
        for reached in &description.reaches {
            let address = self.open_link(instance, reached).await?;
            values.set(format!("{reached}.host"), address.host);
            values.set(format!("{reached}.port"), address.port.to_string());
        }
        let command = self.environment.backend.get_mut().command(description).iter();
        let command = command.map(|text| fill(text, &values));
        let command = command.collect::<Result<Vec<_>, _>>()?;
        let variables = description.environment.iter();
        let variables = variables.map(|(name, text)| Ok((name.clone(), fill(text, &values)?)));
        let variables = variables.collect::<Result<BTreeMap<_, _>, EnvironmentError>>()?;
        let files = description.files.iter();
        let files = files.map(|(name, text)| Ok((name.clone(), fill(text, &values)?)));
        let files = files.collect::<Result<BTreeMap<_, _>, EnvironmentError>>()?;
        let environment = &mut self.environment;
        let started_with = Started { command, environment: variables, files };
        let runner = environment.backend.get_mut().runner(instance, description, started_with)?;
        self.addresses.entry(description.name.clone()).or_insert(place.reached_at);
        let emit = &self.system.events.emit;
        let takes_lines = emit.way == EmitWay::Line(Channel::StandardInput);
        let input = (takes_lines && emit.to == description.name).then(PartInput::default);
        // From here on texts are about what the harness itself looks at.
        values.set("state", &place.seen);
        Ok(Part::new(PartSetup {
            name: instance.to_owned(),
            kind: description.name.clone(),
            ready: readiness(&description.ready, &place.here, &values, &environment.http)?,
            here: place.here,
            values,
            input,
            runner,
            recorder: self.recorder.clone(),
        }))
    }

    /// Puts a proxy between a part and what it reaches, and returns where the part finds it.
    async fn open_link(&mut self, from: &str, to: &str) -> Result<Address, EnvironmentError> {
        let link = Link { name: Link::name(from, to), from: from.to_owned(), to: to.to_owned() };
        let upstream = self.addresses.get(to).ok_or_else(|| {
            EnvironmentError::Unsupported(format!("`{from}` reaches `{to}`, which is not there"))
        })?;
        if self.hops == Hops::Direct {
            return Ok(upstream.clone());
        }
        let (listen, seen) = self.environment.backend.get_mut().place_link()?;
        self.environment
            .proxy
            .create(&link.name, &listen.to_string(), &upstream.to_string())
            .await?;
        self.environment.hops.push((listen, upstream.clone()));
        self.environment.links.push(link);
        Ok(seen)
    }
}

/// How a part at this address is asked whether it is ready.
fn readiness(
    ready: &Ready,
    here: &Address,
    values: &Values,
    http: &Client,
) -> Result<Readiness, TemplateError> {
    Ok(match ready {
        Ready::Http(path) => {
            Readiness::Http { client: http.clone(), url: format!("http://{here}{path}") }
        }
        Ready::Port => Readiness::Port(here.clone()),
        Ready::Running => Readiness::Running,
        Ready::Line { file, line } => {
            Readiness::Line(WrittenLine::new(fill(file, values)?.into(), line.clone()))
        }
    })
}
