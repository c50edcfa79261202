//! What the certify file says: how a server is started, where its database URL goes, how it shows
//! that it is ready, and how it keeps and records its migrations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::migrations::lineage::Convention;
use crate::system::{Build, SetupCall};

/// The part that setup and traffic are addressed to.
const SERVER: &str = "server";

/// Why a certify file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read the certify file {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what a certify file must be.
    #[error("the certify file {path} is not valid: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
}

/// A server whose own migration runner is certified.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifyFile {
    /// Its name.
    pub name: String,
    /// Names of secrets that are made anew for each run, used as `{secret.NAME}`.
    #[serde(default)]
    pub secrets: BTreeSet<String>,
    /// Defects that the server can be told to have, through `{defects}`.
    #[serde(default)]
    pub defects: BTreeSet<String>,
    /// What must be built before the server can be started.
    #[serde(default)]
    pub build: Build,
    /// How the server runs, and how it shows its state.
    pub server: Server,
    /// What the server finds before its first migration.
    #[serde(default)]
    pub database: Database,
    /// Its migrations.
    pub migrations: Migrations,
    /// Where the server records what it has applied.
    pub tracking: Tracking,
    /// The release before this one.
    pub previous: Option<Previous>,
    /// How backups are taken and restored.
    pub backup: Option<Backup>,
    /// Calls that prepare the traffic: a login, a token.
    #[serde(default)]
    pub setup: Vec<SetupCall>,
    /// Calls that must succeed as long as the server says that it is ready.
    #[serde(default)]
    pub traffic: Vec<SetupCall>,
    /// The folder of the file, to which its paths are relative.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// How the server runs, and how it shows its state.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The program and its arguments. A program with a slash in it is relative to the file.
    pub command: Vec<String>,
    /// Its environment, beside `PATH` and locale.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The path that answers 2xx when the server is ready.
    pub ready: String,
    /// The path that a monitor asks, where that is another one.
    pub health: Option<String>,
    /// Texts in its log by which it claims that its migrations succeeded, as `[OK]`.
    #[serde(default)]
    pub says_ready: Vec<String>,
    /// Tables that it writes by itself while it runs. Their rows are not compared.
    #[serde(default)]
    pub writes: Vec<String>,
    /// What it does when it cannot migrate.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// How many seconds it may take to be ready, or to end.
    #[serde(default = "thirty")]
    pub ready_seconds: u64,
    /// How many seconds a server that stays unready is watched.
    #[serde(default = "three")]
    pub unready_seconds: u64,
}

/// What a server does when it cannot migrate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It ends, with an exit status that is not 0.
    #[default]
    Exits,
    /// It goes on running, and is never ready.
    StaysUnready,
}

/// What the server finds before its first migration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The role that the server uses; it owns its database.
    pub role: String,
    /// Attributes of that role, as `CREATEDB`.
    pub attributes: String,
    /// SQL that the superuser runs in each new database: extensions, schemas, other roles.
    pub prelude: String,
}

impl Default for Database {
    fn default() -> Self {
        Self { role: "service".to_owned(), attributes: String::new(), prelude: String::new() }
    }
}

/// The server's migrations.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migrations {
    /// Their folder, which is only read. The server is given copies, as `{migrations}`.
    pub folder: PathBuf,
    /// How they are named and run, where it cannot be told from the folder.
    pub convention: Option<Convention>,
    /// The last versions of the releases that databases out there may be at. If none is named,
    /// some are tried that lie evenly between the first and the last.
    #[serde(default)]
    pub released: Vec<String>,
}

/// Where the server records what it has applied.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracking {
    /// The table.
    pub table: String,
    /// Further tables that belong to the runner and not to the schema.
    #[serde(default)]
    pub also: Vec<String>,
    /// A query whose first column, a text, is what is recorded, in a stable order.
    pub query: String,
}

/// The release before this one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Its program and arguments, if they are others.
    pub command: Option<Vec<String>>,
    /// What differs in its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Its last migration. Its folder ends with it.
    pub version: String,
}

/// How backups are taken and restored.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// What is added to the server's environment so that it takes one by itself, with the folder
    /// `{backups}` to put it in.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// What takes one into `{backups}` before the server starts, where the server does not.
    #[serde(default)]
    pub backup: Vec<String>,
    /// What restores `{backup}`, the newest file in that folder, into an empty database.
    pub restore: Vec<String>,
}

fn thirty() -> u64 {
    30
}

fn three() -> u64 {
    3
}

fn qualified(table: &String) -> String {
    if table.contains('.') { table.clone() } else { format!("public.{table}") }
}

impl CertifyFile {
    /// Reads a certify file.
    ///
    /// # Errors
    /// When it cannot be read, or is not a certify file, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let folder = std::path::absolute(path).map_err(unreadable)?;
        let folder = folder.parent().unwrap_or(Path::new("/")).to_owned();
        Self::parse(&text, folder)
            .map_err(|message| FileError::Invalid { path: path.to_owned(), message })
    }

    fn parse(text: &str, folder: PathBuf) -> Result<Self, String> {
        let mut file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        file.folder = folder;
        file.validate()?;
        Ok(file)
    }

    /// The folder of the migrations.
    pub fn migrations_folder(&self) -> PathBuf {
        self.folder.join(&self.migrations.folder)
    }

    /// Every table that belongs to the runner and not to the schema, with its schema's name.
    pub fn tracking_tables(&self) -> Vec<String> {
        std::iter::once(&self.tracking.table).chain(&self.tracking.also).map(qualified).collect()
    }

    /// Every table whose rows say nothing of the migrations, with its schema's name.
    pub fn uncompared_tables(&self) -> Vec<String> {
        let written = self.server.writes.iter().map(qualified);
        self.tracking_tables().into_iter().chain(written).collect()
    }

    fn validate(&self) -> Result<(), String> {
        let commands = [
            ("server.command", Some(&self.server.command)),
            ("previous.command", self.previous.as_ref().and_then(|it| it.command.as_ref())),
            ("backup.restore", self.backup.as_ref().map(|backup| &backup.restore)),
        ];
        for (key, command) in commands {
            if command.is_some_and(Vec::is_empty) {
                return Err(format!("{key} is empty; name a program"));
            }
        }
        let paths = [
            ("server.ready", Some(&self.server.ready)),
            ("server.health", self.server.health.as_ref()),
        ];
        for (key, path) in paths {
            if let Some(path) = path.filter(|path| !path.starts_with('/')) {
                return Err(format!("{key} is `{path}`; it must be a path that begins with /"));
            }
        }
        if self.server.ready_seconds == 0 || self.server.unready_seconds == 0 {
            return Err("server.ready_seconds and server.unready_seconds must not be 0".to_owned());
        }
        if let Some(empty) = self.server.says_ready.iter().find(|text| text.trim().is_empty()) {
            return Err(format!("server.says_ready has {empty:?}, which every log contains"));
        }
        match self.setup.iter().chain(&self.traffic).find(|call| call.to != SERVER) {
            Some(call) => Err(format!("a call goes to `{}`; here all go to `{SERVER}`", call.to)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        name = "small"
        [server]
        command = ["./server"]
        ready = "/ready"
        writes = ["events"]
        [migrations]
        folder = "migrations"
        [tracking]
        table = "schema_migrations"
        query = "SELECT version FROM schema_migrations ORDER BY 1"
        [[traffic]]
        to = "server"
        path = "/things"
        [backup]
        restore = ["pg_restore"]
    "#;

    fn refusal(from: &str, to: &str) -> String {
        assert!(SMALL.contains(from), "{from}");
        CertifyFile::parse(&SMALL.replace(from, to), PathBuf::from("/")).unwrap_err()
    }

    #[test]
    fn a_small_file_is_read_and_the_rest_is_assumed() {
        let file = CertifyFile::parse(SMALL, PathBuf::from("/where")).unwrap();
        assert_eq!(file.migrations_folder(), Path::new("/where/migrations"));
        assert_eq!(file.server.on_failure, OnFailure::Exits);
        assert_eq!(file.database.role, "service");
        assert_eq!(file.tracking_tables(), ["public.schema_migrations"]);
        assert_eq!(file.uncompared_tables(), ["public.schema_migrations", "public.events"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            (refusal("[\"./server\"]", "[]"), "server.command is empty"),
            (refusal("[\"pg_restore\"]", "[]"), "backup.restore is empty"),
            (refusal("\"/ready\"", "\"ready\""), "must be a path"),
            (refusal("ready = ", "ready_seconds = 0\nready = "), "must not be 0"),
            (refusal("ready = ", "says_ready = [\" \"]\nready = "), "says_ready"),
            (refusal("ready = ", "on_failure = \"explodes\"\nready = "), "explodes"),
            (refusal("to = \"server\"", "to = \"agent\""), "`agent`"),
            (refusal("table = ", "tabel = "), "tabel"),
            (refusal("query = \"SELECT version FROM schema_migrations ORDER BY 1\"", ""), "query"),
        ];
        for (message, expected) in cases {
            assert!(message.contains(expected), "{message} should name {expected}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let message =
            CertifyFile::read(Path::new("/nowhere/certify.toml")).unwrap_err().to_string();
        assert!(message.contains("/nowhere/certify.toml"), "{message}");
    }
}
