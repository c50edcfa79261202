//! The system file: what is under test, in TOML.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::{EventContract, ReadSource, ReadsContract, Ready, StreamContract};
use crate::promises::Promises;

/// The name by which parts reach the database that the harness starts.
pub const DATABASE: &str = "database";
/// The name by which faults hit the proxy that is in every link.
pub const PROXY: &str = "proxy";

/// A system file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// It cannot be read.
    #[error("cannot read the system file {path}: {source}; name another with --system FILE")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what a system file must be.
    #[error("the system file {path} is not valid: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
}

/// A system under test.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Its name.
    pub name: String,
    /// Names of secrets that are made anew for each run, used as `{secret.NAME}`.
    #[serde(default)]
    pub secrets: BTreeSet<String>,
    /// What must be built before its programs can be started.
    #[serde(default)]
    pub build: Build,
    /// The container images that no part names.
    #[serde(default)]
    pub images: ImageSources,
    /// The database that its parts share, if they need one.
    pub database: Option<Database>,
    /// Programs and services, in the order in which they are started.
    pub parts: Vec<PartDescription>,
    /// Calls that prepare a running system.
    #[serde(default)]
    pub setup: Vec<SetupCall>,
    /// How events are given in and read back.
    pub events: EventContract,
    /// What it promises beside its events.
    #[serde(default)]
    pub promises: Promises,
    /// How fast it takes events is measured.
    pub bench: Option<BenchContract>,
    /// Defects that its programs can be told to have, by id.
    #[serde(default)]
    pub defects: BTreeSet<String>,
    /// The folder of the file, to which its paths are relative.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// What must be built before the parts can be started.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Cargo packages whose programs are used, as `{program.NAME}`.
    #[serde(default)]
    pub cargo: Vec<String>,
}

/// Where container images come from.
///
/// An image with a tag or a digest is taken as it is, and pulled if the engine does not have it.
/// One without is made by the command, which is called with the last part of each name that is
/// needed (`server` of `team/server`) and prints a line `name reference` for each.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageSources {
    /// The command that makes images; a program with a slash in it is relative to the file.
    pub build: Vec<String>,
    /// The image of the proxy, which must be a Toxiproxy. HARNESS_TOXIPROXY_IMAGE names another.
    pub proxy: String,
    /// The image of the database, with the official image's variables. HARNESS_POSTGRES_IMAGE
    /// names another.
    pub database: String,
    /// What to use when that image cannot be pulled.
    pub database_otherwise: Option<String>,
}

impl Default for ImageSources {
    fn default() -> Self {
        Self {
            build: Vec::new(),
            proxy: "ghcr.io/shopify/toxiproxy:2.12.0".to_owned(),
            database: "postgres:17".to_owned(),
            database_otherwise: None,
        }
    }
}

/// The database that the harness starts for the system.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The role that the system uses; it owns the database.
    pub role: String,
    /// The database's name.
    pub name: String,
    /// The folder of the system's migrations.
    pub migrations: PathBuf,
}

/// One kind of part.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartDescription {
    /// Its name; with a count of more than one, `-1`, `-2` … are appended.
    pub name: String,
    /// How many of it run.
    #[serde(default = "one")]
    pub count: usize,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The image for the containers backend, see [`ImageSources`]. Its entry point is the program,
    /// which gets the command's arguments; its files lie in `/state`. A variable names another, as
    /// HARNESS_SERVER_IMAGE for the part `server`.
    pub image: Option<String>,
    /// The port that it listens on in a container, if it listens. A local process is given a free
    /// one.
    pub port: Option<u16>,
    /// What it reaches over the network: other parts, or `database`.
    #[serde(default)]
    pub reaches: Vec<String>,
    /// How it is seen to be ready.
    pub ready: Ready,
    /// Its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Files that are written to its folder before it starts, by name.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Whether faults may set its clock wrong. It is then started with libfaketime, which programs
    /// that are linked dynamically obey.
    #[serde(default)]
    pub clock_faults: bool,
    /// How large a disk of its own its folder lies on, in MiB, so that faults can fill it. The disk
    /// lies in memory.
    pub disk: Option<u32>,
    /// Whether faults may make the disk slow that its folder lies on. All that it asks of that disk
    /// then goes through the harness.
    #[serde(default)]
    pub slow_disk: bool,
    /// Whether no fault ends it, pauses it or takes anything from it: for a part that promises
    /// nothing about that.
    #[serde(default)]
    pub spared: bool,
}

/// A call that prepares a running system.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetupCall {
    /// The part that must be ready before, and that is called.
    pub to: String,
    /// GET, POST …
    #[serde(default = "get")]
    pub method: String,
    /// The path, query included.
    pub path: String,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The JSON body.
    pub body: Option<Value>,
    /// Names for values of the answer, each with its place as a JSON pointer. The values count
    /// as secrets.
    #[serde(default)]
    pub capture: BTreeMap<String, String>,
}

/// How `bench` measures how fast a system takes events.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchContract {
    /// The part that takes events. It runs with what it reaches, and nothing else does.
    pub to: String,
    /// What its program is told beside its environment: limits that are meant for single callers,
    /// and would be measured instead.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The call that makes a producer, known as `{producer}`, counted from 1.
    pub producer: SetupCall,
    /// The path that a producer gives its events to in a POST; it may ask for what making the
    /// producer captured, as may the headers.
    pub path: String,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body of such a call. The text `{events}` stands for the list of events.
    pub body: Value,
    /// An event. The text `{number}` stands for a number that the producer has not used yet, from
    /// 1; `{uuid7}` for a new UUID of version 7, `{now}` for the time in RFC 3339.
    pub event: Value,
    /// The table that events are stored in.
    pub table: String,
    /// A query for rows of that table, like those that the system stores for such events, of which
    /// no two are equal: one for each number from `{first}` to `{last}`. Its columns are the
    /// table's, by name.
    pub rows: String,
    /// Calls that look at all producers, by name: how much the database does for one must not grow
    /// with their number.
    #[serde(default)]
    pub fleet: BTreeMap<String, SetupCall>,
    /// A call that is refused. Anybody can make many, so what is written of them must be bounded.
    pub refused: Option<SetupCall>,
    /// How events are deleted that are not kept any more, if that is to be measured.
    pub retention: Option<RetentionContract>,
    /// How the history is read.
    pub reads: Option<ReadsContract>,
    /// How what is new is followed.
    pub stream: Option<StreamContract>,
}

/// How a system deletes the events of a period: SQL for `harness bench`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionContract {
    /// Makes a period of events that may be deleted. `{rows}` is the query for rows.
    pub add: String,
    /// Deletes them as the system does.
    pub delete: String,
    /// Deletes them row by row.
    pub peer: String,
}

fn one() -> usize {
    1
}

fn get() -> String {
    "GET".to_owned()
}

impl System {
    /// Reads a system file.
    ///
    /// # Errors
    /// When it cannot be read, or is not a system file, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self, SystemError> {
        let unreadable = |source| SystemError::Unreadable { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let folder = std::path::absolute(path).map_err(unreadable)?;
        let folder = folder.parent().unwrap_or(Path::new("/")).to_owned();
        Self::parse(&text, folder)
            .map_err(|message| SystemError::Invalid { path: path.to_owned(), message })
    }

    fn parse(text: &str, folder: PathBuf) -> Result<Self, String> {
        let mut system: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        system.folder = folder;
        system.validate()?;
        Ok(system)
    }

    /// The part of that name, if the file describes one.
    pub fn part(&self, name: &str) -> Option<&PartDescription> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// A path of the file, made absolute.
    pub fn path(&self, relative: &Path) -> PathBuf {
        self.folder.join(relative)
    }

    fn validate(&self) -> Result<(), String> {
        let mut started: BTreeSet<&str> = self.database.iter().map(|_| DATABASE).collect();
        let mut instances = BTreeSet::from([DATABASE.to_owned(), PROXY.to_owned()]);
        for part in &self.parts {
            if !is_plain_name(&part.name) {
                return Err(format!(
                    "part `{}` needs a name of lower-case letters, digits and hyphens",
                    part.name.escape_debug()
                ));
            }
            if part.command.is_empty() {
                return Err(format!("part `{}` has an empty command", part.name));
            }
            if part.count == 0 {
                return Err(format!("part `{}` has a count of 0", part.name));
            }
            if let Some(name) = part.files.keys().find(|name| name.contains('/')) {
                return Err(format!("part `{}` has a file `{name}`, with a slash", part.name));
            }
            for reached in &part.reaches {
                if !started.contains(reached.as_str()) {
                    return Err(format!(
                        "part `{}` reaches `{reached}`, which nothing before it is called",
                        part.name
                    ));
                }
            }
            if let Some(many) =
                part.reaches.iter().find(|name| self.part(name).is_some_and(|part| part.count > 1))
            {
                return Err(format!(
                    "part `{}` reaches `{many}`, of which there are several",
                    part.name
                ));
            }
            if !started.insert(&part.name) {
                return Err(format!("two parts are called `{}`", part.name));
            }
            let mut names = part.instances().into_iter();
            if let Some(twice) = names.find(|name| !instances.insert(name.clone())) {
                return Err(format!("two parts are called `{twice}`"));
            }
        }
        let benched = self.bench.iter().flat_map(|bench| {
            let calls = bench.fleet.values().chain(&bench.refused).map(|call| &call.to);
            [&bench.to, &bench.producer.to].into_iter().chain(calls)
        });
        let named = self.setup.iter().map(|call| &call.to).chain(benched);
        let from = &self.events.read.from;
        let asked = match self.events.read.source {
            ReadSource::Query(_) if from == DATABASE && self.database.is_some() => None,
            ReadSource::Query(_) => {
                let why = "events.read has a query, which needs from = \"database\" and a database";
                return Err(why.to_owned());
            }
            _ => Some(from),
        };
        for name in named.chain([&self.events.emit.to]).chain(asked) {
            if self.part(name).is_none() {
                return Err(format!("`{name}` is not a part of this system"));
            }
        }
        self.events.validate()
    }
}

/// Names of parts are names of files, containers and hosts, too.
fn is_plain_name(name: &str) -> bool {
    let plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.chars().all(plain)
}

impl PartDescription {
    /// The names of its instances.
    pub fn instances(&self) -> Vec<String> {
        match self.count {
            1 => vec![self.name.clone()],
            count => (1..=count).map(|number| format!("{}-{number}", self.name)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        name = "small"
        [database]
        role = "owner"
        name = "events"
        migrations = "migrations"
        [[parts]]
        name = "server"
        command = ["server"]
        port = 80
        reaches = ["database"]
        ready = "/ready"
        [[parts]]
        name = "agent"
        count = 2
        command = ["agent"]
        port = 81
        reaches = ["server"]
        ready = "/health"
        [events.emit]
        to = "agent"
        path = "/events"
        marker = "/marker"
        kinds = [{ name = "plain", body = {} }]
        [events.backlog]
        path = "/health"
        events = "/backlog"
        [events.read]
        from = "server"
        path = "/events"
        next_path = "/events?cursor={cursor}"
        items = "/events"
        next = "/next"
        id = "/id"
        marker = "/marker"
    "#;

    fn refusal(change: impl Fn(&str) -> String) -> String {
        System::parse(&change(SMALL), PathBuf::from("/")).unwrap_err()
    }

    #[test]
    fn a_small_file_is_read() {
        let system = System::parse(SMALL, PathBuf::from("/where")).unwrap();
        assert_eq!(system.part("agent").unwrap().instances(), ["agent-1", "agent-2"]);
        assert_eq!(system.part("server").unwrap().instances(), ["server"]);
        let migrations = &system.database.as_ref().unwrap().migrations;
        assert_eq!(system.path(migrations), Path::new("/where/migrations"));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let cases = [
            (
                refusal(|text| text.replace("reaches = [\"server\"]", "reaches = [\"sever\"]")),
                "`sever`",
            ),
            (refusal(|text| text.replace("name = \"agent\"", "name = \"server\"")), "two parts"),
            (
                refusal(|text| {
                    text.replace("name = \"server\"", "name = \"agent-1\"")
                        .replace("\"server\"", "\"agent-1\"")
                }),
                "two parts",
            ),
            (refusal(|text| text.replace("name = \"agent\"", "name = \"../agent\"")), "../agent"),
            (refusal(|text| text.replace("name = \"agent\"", "name = \"\"")), "lower-case"),
            (refusal(|text| text.replace("count = 2", "count = 0")), "count of 0"),
            (
                refusal(|text| text.replace("command = [\"agent\"]", "command = []")),
                "empty command",
            ),
            (refusal(|text| text.replace("to = \"agent\"", "to = \"agents\"")), "`agents`"),
            (refusal(|text| text.replace("body = {}", "weight = 0, body = {}")), "weight"),
            (refusal(|text| text.replace("count", "cuont")), "cuont"),
            (refusal(|text| text.replace("count = 2", "files = { \"a/b\" = \"\" }")), "slash"),
            (refusal(|text| text.replace("name = \"server\"", "name = \"proxy\"")), "two parts"),
        ];
        for (message, expected) in cases {
            assert!(message.contains(expected), "{message} should name {expected}");
        }
    }

    #[test]
    fn a_system_needs_no_database_but_nothing_can_reach_it_then() {
        let without = |text: &str| {
            let (head, rest) = text.split_once("[database]").unwrap();
            format!("{head}{}", &rest[rest.find("[[parts]]").unwrap()..])
        };
        assert!(refusal(without).contains("reaches `database`"));
        let alone = without(SMALL).replace("reaches = [\"database\"]", "");
        assert!(System::parse(&alone, PathBuf::from("/")).unwrap().database.is_none());
        let query = |text: &str| {
            let at = text.find("[events.read]").unwrap();
            format!(
                "{}[events.read]\nquery = \"q\"\nfrom = \"server\"\nmarker = \"/m\"",
                &text[..at]
            )
        };
        assert!(refusal(query).contains("from = \"database\""));
    }

    #[test]
    fn a_missing_file_is_named() {
        let message = System::read(Path::new("/nowhere/system.toml")).unwrap_err().to_string();
        assert!(message.contains("/nowhere/system.toml"), "{message}");
    }
}
