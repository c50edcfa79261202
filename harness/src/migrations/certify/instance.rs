//! One start of the server under test: its process, its port, and the tap in its link to the
//! database.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::sleep;

use super::CertifyError;
use super::blueprint::Blueprint;
use super::database::Database;
use super::file::OnFailure;
use super::ground::Ground;
use super::sighting::{End, Expected};
use super::tap::Tap;
use crate::environment::{EnvironmentError, PortLease, Process, Program, lease_port};
use crate::system::{Values, fill};

const LOOPBACK: &str = "127.0.0.1";
/// How often the server is asked whether it is ready.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How long it may take to answer.
const ANSWER_BOUND: Duration = Duration::from_secs(5);
/// How long a server is watched that is ready although its schema is incomplete.
const INCOMPLETE_BOUND: Duration = Duration::from_millis(300);
/// How many lines of a log are quoted.
const LAST_LINES: usize = 6;

/// How the server is started.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// What its log is called after.
    pub label: &'a str,
    /// The folder of its migrations, there or not.
    pub migrations: &'a Path,
    /// Its database.
    pub database: &'a Database,
    /// The role that it connects as, if it is not the owner.
    pub role: Option<&'a str>,
    /// Whether it is the release before this one.
    pub previous: bool,
    /// Where it takes backups, if it takes any.
    pub backups: Option<&'a Path>,
    /// Whether its connections to the database wait to be let through.
    pub held: bool,
}

/// A server that was started. Dropping it kills it.
#[derive(Debug)]
pub struct Instance<'a> {
    /// In its link to the database.
    pub tap: Arc<Tap>,
    /// What the file's texts can ask for.
    pub values: Values,
    /// Its address.
    pub url: String,
    blueprint: &'a Blueprint,
    process: Process,
    log: PathBuf,
    _ports: [PortLease; 2],
}

/// What was seen until it was clear what comes of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// What came of it.
    pub end: End,
    /// Whether it ended as if all were well.
    pub exited_well: bool,
    /// For how long it was ready while its schema was incomplete.
    pub ready_while_incomplete: Duration,
}

impl<'a> Launch<'a> {
    /// This release, as the database's owner, without backups.
    pub fn new(label: &'a str, migrations: &'a Path, database: &'a Database) -> Self {
        let (role, previous, backups, held) = (None, false, None, false);
        Self { label, migrations, database, role, previous, backups, held }
    }
}

impl<'a> Instance<'a> {
    /// Starts the server.
    ///
    /// # Errors
    /// When a text of the file asks for something unknown, or its program cannot be executed.
    pub async fn start(ground: &Ground<'a>, launch: &Launch<'_>) -> Result<Self, CertifyError> {
        let blueprint = ground.blueprint;
        let (listen, link) = (lease_port()?, lease_port()?);
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, ground.cluster.port()));
        let tap = match launch.held {
            true => Tap::closed(link.port(), upstream).await,
            false => Tap::open(link.port(), upstream).await,
        };
        let tap = tap.map_err(|source| EnvironmentError::Bind {
            address: format!("{LOOPBACK}:{}", link.port()),
            source,
        })?;
        let state = blueprint.new_folder()?;
        let values = values(ground, launch, (listen.port(), link.port()), &state);
        let log = blueprint.new_log(launch.label);
        let program = program(blueprint, launch, &values, (state, log.clone()))?;
        Ok(Self {
            tap: Arc::new(tap),
            values,
            url: format!("http://{LOOPBACK}:{}", listen.port()),
            blueprint,
            process: Process::start(&program)?,
            log,
            _ports: [listen, link],
        })
    }

    /// Watches the server until it is clear what comes of its start. `complete` says whether its
    /// schema is complete.
    pub async fn watch(&mut self, expected: Expected, complete: impl AsyncFn() -> bool) -> Watched {
        let bound = self.bound(expected);
        let start = Instant::now();
        let mut early: Option<Instant> = None;
        let so_far = |early: Option<Instant>| early.map_or(Duration::ZERO, |since| since.elapsed());
        loop {
            if let Ok(Some(status)) = self.process.exit() {
                let end = End::Exited(status.to_string());
                let ready_while_incomplete = so_far(early);
                return Watched { end, exited_well: status.success(), ready_while_incomplete };
            }
            let asked = Instant::now();
            if self.is_ready().await {
                // Asked after the server has said so: what is incomplete now was so then.
                let complete = complete().await;
                if !complete {
                    early.get_or_insert(asked);
                }
                if complete || so_far(early) > INCOMPLETE_BOUND {
                    let ready_while_incomplete = so_far(early);
                    return Watched { end: End::Ready, exited_well: false, ready_while_incomplete };
                }
            }
            if start.elapsed() > bound {
                let ready_while_incomplete = so_far(early);
                return Watched { end: End::Unready, exited_well: false, ready_while_incomplete };
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits until neither readiness nor health says that all is well, at most as long as a server
    /// that stays unready is watched, and says what they say then.
    pub async fn watch_until_unwell(&mut self) -> (End, Option<u16>) {
        let bound = Duration::from_secs(self.blueprint.file.server.unready_seconds);
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = self.process.exit() {
                return (End::Exited(status.to_string()), None);
            }
            let (ready, health) = (self.is_ready().await, self.health().await);
            let well = ready || health.is_some_and(|status| status / 100 == 2);
            if !well || start.elapsed() > bound {
                return (if ready { End::Ready } else { End::Unready }, health);
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    fn bound(&self, expected: Expected) -> Duration {
        let server = &self.blueprint.file.server;
        let stays = matches!(
            expected,
            Expected::SaysThatItCannot | Expected::Refuses(OnFailure::StaysUnready)
        );
        Duration::from_secs(if stays { server.unready_seconds } else { server.ready_seconds })
    }

    /// Whether it says that it is ready.
    pub async fn is_ready(&self) -> bool {
        self.ask(&self.blueprint.file.server.ready).await.is_some_and(|status| status / 100 == 2)
    }

    /// The status that its health answers with, if it answers.
    pub async fn health(&self) -> Option<u16> {
        self.ask(self.blueprint.file.server.health.as_ref()?).await
    }

    async fn ask(&self, path: &str) -> Option<u16> {
        let request = self.blueprint.http.get(format!("{}{path}", self.url)).timeout(ANSWER_BOUND);
        Some(request.send().await.ok()?.status().as_u16())
    }

    /// Kills it, and waits until it is gone.
    pub async fn kill(&mut self) {
        self.process.signal(Signal::KILL);
        let _ = self.process.wait().await;
    }

    /// Asks it to end, waits until it is gone, and kills it if that takes too long.
    pub async fn stop(&mut self) {
        self.process.signal(Signal::TERM);
        if tokio::time::timeout(ANSWER_BOUND, self.process.wait()).await.is_err() {
            self.kill().await;
        }
    }

    /// By what its log claims that its migrations succeeded.
    pub fn claims(&self) -> Vec<String> {
        let log = self.log();
        let says = self.blueprint.file.server.says_ready.iter();
        says.filter(|text| log.contains(text.as_str())).cloned().collect()
    }

    /// The last lines of its log.
    pub fn last_words(&self) -> Vec<String> {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..]
            .iter()
            .map(|&line| line.to_owned())
            .collect()
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

/// What the texts of a command can ask for that reaches a database past the tap, as its owner.
pub fn direct_values(ground: &Ground<'_>, database: &Database) -> Values {
    let role = &ground.blueprint.file.database.role;
    database_values(ground, (role, database), ground.cluster.port())
}

fn database_values(ground: &Ground<'_>, (role, database): (&str, &Database), port: u16) -> Values {
    let (password, name) = (ground.password(), &database.name);
    ground
        .blueprint
        .values
        .clone()
        .with("database.host", LOOPBACK)
        .with("database.port", port.to_string())
        .with("database.name", name)
        .with("database.role", role)
        .with("database.password", password)
        .with("database.url", format!("postgres://{role}:{password}@{LOOPBACK}:{port}/{name}"))
}

fn values(
    ground: &Ground<'_>,
    launch: &Launch<'_>,
    (listen, link): (u16, u16),
    state: &Path,
) -> Values {
    let role = launch.role.unwrap_or(&ground.blueprint.file.database.role);
    let values = database_values(ground, (role, launch.database), link)
        .with("listen.host", LOOPBACK)
        .with("listen.port", listen.to_string())
        .with("state", state.display().to_string())
        .with("migrations", launch.migrations.display().to_string());
    match launch.backups {
        Some(folder) => values.with("backups", folder.display().to_string()),
        None => values,
    }
}

fn program(
    blueprint: &Blueprint,
    launch: &Launch<'_>,
    values: &Values,
    (folder, log): (PathBuf, PathBuf),
) -> Result<Program, CertifyError> {
    let file = &blueprint.file;
    let previous = file.previous.as_ref().filter(|_| launch.previous);
    let backup = file.backup.as_ref().filter(|_| launch.backups.is_some());
    let command = previous.and_then(|it| it.command.as_ref()).unwrap_or(&file.server.command);
    let mut command =
        command.iter().map(|text| fill(text, values)).collect::<Result<Vec<_>, _>>()?;
    command[0] = blueprint.program(&command[0]);
    let mut texts = file.server.environment.clone();
    texts.extend(previous.into_iter().flat_map(|it| it.environment.clone()));
    texts.extend(backup.into_iter().flat_map(|it| it.environment.clone()));
    let filled = texts.into_iter().map(|(name, text)| Ok((name, fill(&text, values)?)));
    let environment = filled.collect::<Result<BTreeMap<_, _>, CertifyError>>()?;
    Ok(Program { command, environment, folder, log })
}
