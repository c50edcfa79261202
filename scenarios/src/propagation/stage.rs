//! The stage: server and one agent, with folders that the triggers of the points change.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use harness::environment::{Environment, Part};
use harness::history::PartState;
use harness::system::System;
use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::calls::{Answer, call, part, value};
use crate::expect;
use crate::system_run::ReferenceSystem;

/// The agent's link to the server.
pub const AGENT_LINK: &str = "agent-to-server";
/// What an agent says as often as it is not known to the server.
pub const NOT_KNOWN: &str = "not known to the server";

/// Where the parts keep what the triggers change.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The agent's buffer and identity.
    pub state: PathBuf,
    /// The agent's configuration.
    pub configuration: PathBuf,
    /// The folder of an older release.
    pub legacy: PathBuf,
    /// The scripts of the scanners' doubles.
    pub scanners: PathBuf,
    /// The server's own files.
    pub server: PathBuf,
}

/// The running system, and what has been seen of each point.
pub struct Stage<'a> {
    /// What runs.
    pub environment: &'a Environment,
    /// Where its files are.
    pub folders: Folders,
    /// What was seen from outside when a point was triggered, by the point.
    pub seen: BTreeMap<&'static str, String>,
    reference: &'a ReferenceSystem,
}

impl Folders {
    /// Folders below `root`, which the system is told to use; there is one agent, which has no
    /// registration token.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn below(root: &Path, system: &mut System) -> Result<Self, Failed> {
        let at = |name: &str| root.join(name);
        let folders = Self {
            state: at("state"),
            configuration: at("configuration"),
            legacy: at("legacy"),
            scanners: at("scanners"),
            server: at("server"),
        };
        fs::create_dir(&folders.scanners)?;
        let text = |path: &Path| path.display().to_string();
        for part in &mut system.parts {
            let own = match part.name.as_str() {
                "agent" => {
                    part.count = 1;
                    part.environment.remove("REDFLAG_REGISTRATION_TOKEN");
                    vec![
                        ("REDFLAG_AGENT_STATE", text(&folders.state)),
                        ("REDFLAG_AGENT_CONFIG", text(&folders.configuration_file())),
                        ("REDFLAG_AGENT_LEGACY", text(&folders.legacy)),
                        ("REDFLAG_AGENT_SCANNERS", text(&folders.scanners)),
                        ("REDFLAG_CHECK_IN_MS", "200".to_owned()),
                        ("RUST_LOG", "info,redflag_agent=debug".to_owned()),
                    ]
                }
                _ => vec![
                    ("REDFLAG_SERVER_STATE", text(&folders.server)),
                    // The triggers come faster than anything that happens by itself.
                    (
                        "REDFLAG_RATE_LIMITS",
                        "check-in=10000/10,registration=1000/10,administration=10000/10".to_owned(),
                    ),
                    ("RUST_LOG", "info,sqlx=warn,redflag_server=debug".to_owned()),
                ],
            };
            part.environment.extend(own.into_iter().map(|(name, text)| (name.to_owned(), text)));
        }
        Ok(folders)
    }

    /// The agent's configuration file.
    pub fn configuration_file(&self) -> PathBuf {
        self.configuration.join("config.json")
    }
}

impl<'a> Stage<'a> {
    /// The stage of a running system.
    pub fn new(
        reference: &'a ReferenceSystem,
        environment: &'a Environment,
        folders: &Folders,
    ) -> Self {
        Self { environment, folders: folders.clone(), seen: BTreeMap::new(), reference }
    }

    /// Takes note of what was seen of a point.
    pub fn note(&mut self, point: &'static str, seen: impl Into<String>) {
        self.seen.insert(point, seen.into());
    }

    /// The agent.
    ///
    /// # Errors
    /// When there is none.
    pub fn agent(&self) -> Result<&'a Part, Failed> {
        part(self.environment, "agent")
    }

    /// What a part has logged until now.
    ///
    /// # Errors
    /// When it has no log.
    pub fn log(&self, part: &str) -> Result<String, Failed> {
        self.reference.log_of(part)
    }

    /// Where the agent's log ends now.
    ///
    /// # Errors
    /// When it has none.
    pub fn agent_log_end(&self) -> Result<usize, Failed> {
        Ok(self.log("agent")?.len())
    }

    /// Waits until the agent has logged a text, at or after a place of its log.
    ///
    /// # Errors
    /// When it does not within the bound.
    pub async fn agent_logs(&self, since: usize, text: &str) -> Result<(), Failed> {
        expect::eventually(&format!("the agent's log says {text:?}"), async || {
            let log = self.log("agent")?;
            Ok(log.get(since..).is_some_and(|new| new.contains(text)).then_some(()))
        })
        .await
    }

    /// Starts the agent, which cannot go on, and returns how it ended.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn agent_ends_by_itself(&self) -> Result<String, Failed> {
        let agent = self.agent()?;
        agent.start().await?;
        expect::eventually("the agent ends", async || {
            Ok((agent.state() == PartState::Exited).then_some(()))
        })
        .await?;
        let history = self.reference.recorder.history();
        let end = history.part_changes().filter(|change| change.part == "agent").last();
        Ok(end.map(|change| change.detail.to_owned()).unwrap_or_default())
    }

    /// Writes the agent's configuration file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&self, text: &str) -> Result<(), Failed> {
        fs::create_dir_all(&self.folders.configuration)?;
        Ok(fs::write(self.folders.configuration_file(), text)?)
    }

    /// A configuration that is as it should be.
    ///
    /// # Errors
    /// When the harness has no registration token.
    pub fn good_configuration(&self) -> Result<Value, Failed> {
        Ok(json!({
            "version": 5,
            "registration_token": value(self.environment, "registration_token")?,
            "subsystems": {"apt": {"enabled": true, "timeout_ms": 300}},
            "breaker": {"failures": 3, "open_ms": 50, "longest_open_ms": 400, "probes": 1},
        }))
    }

    /// Says what the double of `apt` shall do from now on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn script(&self, script: &Value) -> Result<(), Failed> {
        // Replaced as a whole: the agent may be reading it.
        let (new, path) =
            (self.folders.scanners.join("new"), self.folders.scanners.join("apt.json"));
        fs::write(&new, script.to_string())?;
        Ok(fs::rename(new, path)?)
    }

    /// An administrator's call to the server.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn administrate(&self, path: &str, body: &Value) -> Result<Answer, Failed> {
        let token = value(self.environment, "admin_token")?;
        self.post(path, &body.to_string(), Some(&token)).await
    }

    /// Anybody's call to the server.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(
        &self,
        path: &str,
        body: &str,
        token: Option<&str>,
    ) -> Result<Answer, Failed> {
        let url = format!("{}/api/v1{path}", part(self.environment, "server")?.url());
        let request = self.environment.http().post(url).header("content-type", "application/json");
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        call(request.body(body.to_owned())).await
    }

    /// An administrator's question to the server.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self, path: &str) -> Result<Answer, Failed> {
        let url = format!("{}/api/v1{path}", part(self.environment, "server")?.url());
        let token = value(self.environment, "admin_token")?;
        call(self.environment.http().get(url).bearer_auth(token)).await
    }

    /// The agent's id, which its identity tells.
    ///
    /// # Errors
    /// When it is not registered.
    pub fn agent_id(&self) -> Result<String, Failed> {
        let identity: Value =
            serde_json::from_slice(&fs::read(self.folders.state.join("identity.json"))?)?;
        crate::calls::text_at(&identity, "/registered/agent_id")
    }
}
