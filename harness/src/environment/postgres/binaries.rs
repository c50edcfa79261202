//! Finds the programs of a PostgreSQL server, and installs them where that is safe.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::found_before;
use crate::environment::runtime_folder::runtime_folder;

/// The variable that names the folder of the server's programs; nothing else is looked at then.
pub const VARIABLE: &str = "HARNESS_POSTGRES_BIN";

const USUAL_FOLDERS: [&str; 6] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/usr/local/pgsql/bin",
    "/usr/bin",
];

/// The programs of one installed server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    version: Version,
}

/// A server's version, as in `15.18`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// 15 of `15.18`.
    pub major: u32,
    /// The whole of it.
    pub text: String,
}

/// Why there are no programs to run.
#[derive(Debug, thiserror::Error)]
pub enum BinariesError {
    /// None of the places holds a server.
    #[error("PostgreSQL's server programs (postgres, initdb) are missing: {}; {mend}", looked_at.join("; "))]
    NotFound {
        /// What was looked at, and what was seen there.
        looked_at: Vec<String>,
        /// The one command that mends it.
        mend: String,
    },
    /// The folder that [`VARIABLE`] names holds none; nothing that is installed could mend that.
    #[error(
        "{VARIABLE} is set, but {reason}; set it to the folder that holds PostgreSQL's programs, or unset it"
    )]
    Named {
        /// What was seen there.
        reason: String,
    },
    /// They could not be installed.
    #[error("installing PostgreSQL failed ({reason}); {mend}")]
    Install {
        /// What went wrong.
        reason: String,
        /// The one command that mends it.
        mend: String,
    },
}

impl Binaries {
    /// Looks at [`VARIABLE`], then asks `pg_config`, then looks at the usual folders, where the
    /// newest version wins.
    ///
    /// # Errors
    /// No place holds both `postgres` and `initdb`. The message names the places and what mends
    /// it.
    pub fn find() -> Result<Self, BinariesError> {
        if let Some(binaries) = found_before::recall() {
            return Ok(binaries);
        }
        let places = Places {
            variable: std::env::var_os(VARIABLE).filter(|value| !value.is_empty()),
            pg_config: "pg_config".into(),
            usual: USUAL_FOLDERS.map(str::to_owned).to_vec(),
        };
        places.search().inspect(found_before::remember)
    }

    /// [`Binaries::find`], and where they are missing [`install_if_possible`], announced on
    /// standard error.
    ///
    /// # Errors
    /// They are missing and cannot be installed.
    pub fn find_or_install() -> Result<Self, BinariesError> {
        match Self::find() {
            Err(missing @ BinariesError::NotFound { .. }) if can_install() => {
                eprintln!("{missing}");
                install_if_possible()?;
                Self::find()
            }
            found => found,
        }
    }

    /// The folder that holds the programs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server's version.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The path of one program, like `psql`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Of a version that is known already.
    pub(super) fn known(folder: PathBuf, version: &str) -> Option<Self> {
        Some(Self { folder, version: Version::of(version)? })
    }

    fn in_folder(folder: &Path) -> Result<Self, String> {
        for name in ["postgres", "initdb"] {
            if !folder.join(name).is_file() {
                return Err(format!("{} has no {name}", folder.display()));
            }
        }
        let version = output_of(Command::new(folder.join("postgres")).arg("--version"))
            .and_then(|text| Version::parse(&text).ok_or(format!("no version in {text:?}")))
            .map_err(|reason| format!("{}/postgres does not work: {reason}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), version })
    }
}

impl Version {
    /// From what `postgres --version` prints, or another program of PostgreSQL:
    /// `postgres (PostgreSQL) 15.18 (Debian …)`.
    pub fn parse(output: &str) -> Option<Self> {
        Self::of(output.split_once(") ")?.1.split_whitespace().next()?)
    }

    fn of(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        Some(Self { major: text[..digits].parse().ok()?, text: text.to_owned() })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Where to look.
struct Places {
    variable: Option<OsString>,
    pg_config: OsString,
    usual: Vec<String>,
}

impl Places {
    fn search(&self) -> Result<Binaries, BinariesError> {
        let mut looked_at = Vec::new();
        if let Some(folder) = &self.variable {
            return Binaries::in_folder(Path::new(folder))
                .map_err(|reason| BinariesError::Named { reason });
        }
        match output_of(Command::new(&self.pg_config).arg("--bindir")) {
            Ok(folder) => match Binaries::in_folder(Path::new(folder.trim())) {
                Ok(binaries) => return Ok(binaries),
                Err(reason) => looked_at.push(format!("pg_config --bindir: {reason}")),
            },
            Err(reason) => looked_at.push(format!("pg_config: {reason}")),
        }
        let mut found = Vec::new();
        for pattern in &self.usual {
            let (good, bad): (Vec<_>, Vec<_>) = folders_like(pattern)
                .iter()
                .map(|folder| Binaries::in_folder(folder))
                .partition(Result::is_ok);
            found.extend(good.into_iter().flatten());
            looked_at.extend(bad.into_iter().filter_map(Result::err));
            looked_at.push(format!("{pattern} looked at"));
        }
        found.sort_by_key(|binaries: &Binaries| binaries.version.major);
        found.pop().ok_or_else(|| BinariesError::NotFound { looked_at, mend: mend() })
    }
}

/// The folders that a pattern with at most one `*` in one of its parts stands for.
fn folders_like(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let after = after.trim_start_matches('/');
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(after))
        .filter(|folder| folder.is_dir())
        .collect()
}

fn output_of(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(output.status.to_string());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn has_apt() -> bool {
    Path::new("/usr/bin/apt-get").exists()
}

/// Whether [`install_if_possible`] may try: as root, on a Debian-like system.
pub fn can_install() -> bool {
    is_root() && has_apt()
}

/// The one command that installs a server here.
fn mend() -> String {
    let sudo = if is_root() { "" } else { "sudo " };
    let command = if has_apt() {
        format!("{sudo}apt-get update && {sudo}apt-get install --yes postgresql")
    } else if Path::new("/usr/bin/dnf").exists() {
        format!("{sudo}dnf install --assumeyes postgresql-server")
    } else {
        return format!(
            "install PostgreSQL 13 or newer, or set {VARIABLE} to the folder of its programs"
        );
    };
    format!("type: {command}")
}

/// Installs PostgreSQL with the system's package manager: as root on a Debian-like system only.
/// Says so on standard error first.
///
/// # Errors
/// Not root, no `apt-get`, or it failed; the message holds the one command to type.
pub fn install_if_possible() -> Result<(), BinariesError> {
    let failed = |reason: String| BinariesError::Install { reason, mend: mend() };
    if !can_install() {
        return Err(failed("it takes root and apt-get".to_owned()));
    }
    // Test processes that start together must not install together.
    let lock = runtime_folder()
        .and_then(|folder| File::create(folder.join("install.lock")))
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| failed(format!("no lock for it: {error}")))?;
    if Binaries::find().is_err() {
        eprintln!("installing PostgreSQL: apt-get update && apt-get install --yes postgresql");
        for arguments in [&["update"][..], &["install", "--yes", "postgresql"]] {
            let status = Command::new("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdin(Stdio::null())
                .stdout(std::io::stderr())
                .status()
                .map_err(|error| failed(format!("apt-get: {error}")))?;
            if !status.success() {
                return Err(failed(format!("apt-get {}: {status}", arguments.join(" "))));
            }
        }
    }
    drop(lock);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn places(root: &Path) -> Places {
        Places {
            variable: None,
            pg_config: root.join("pg_config").into(),
            usual: vec![format!("{}/usual-*/bin", root.display())],
        }
    }

    fn program(path: &Path, output: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("#!/bin/sh\necho '{output}'\n")).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    fn server(folder: &Path, version: &str) {
        program(&folder.join("postgres"), &format!("postgres (PostgreSQL) {version}"));
        program(&folder.join("initdb"), "");
    }

    #[test]
    fn the_variable_wins_then_pg_config_then_the_newest_of_the_usual_folders() {
        let root = tempfile::tempdir().unwrap();
        let mut places = places(root.path());
        server(&root.path().join("usual-9/bin"), "9.6.24");
        server(&root.path().join("usual-18/bin"), "18.1 (Debian 18.1-1)");
        server(&root.path().join("usual-17/bin"), "17.2");
        std::fs::create_dir_all(root.path().join("usual-19/bin")).unwrap();
        let found = places.search().unwrap();
        assert_eq!(found.version().to_string(), "18.1");
        assert_eq!(found.version().major, 18);

        server(&root.path().join("configured"), "16beta1");
        let configured = root.path().join("configured");
        program(&root.path().join("pg_config"), &configured.display().to_string());
        assert_eq!(places.search().unwrap().version().major, 16);

        places.variable = Some(root.path().join("usual-17/bin").into());
        assert_eq!(places.search().unwrap().version().major, 17);
    }

    #[test]
    fn a_client_without_a_server_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let clients = root.path().join("clients");
        program(&clients.join("psql"), "");
        program(&root.path().join("pg_config"), &clients.display().to_string());
        server(&root.path().join("usual-15/bin"), "15.18");
        assert_eq!(places(root.path()).search().unwrap().version().major, 15);
    }

    #[test]
    fn what_was_looked_at_and_what_mends_it_is_said() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("usual-19/bin")).unwrap();
        let message = places(root.path()).search().unwrap_err().to_string();
        for part in ["pg_config", "usual-19/bin has no postgres", "postgresql"] {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    }

    #[test]
    fn a_variable_that_leads_nowhere_is_an_error_even_where_a_server_is() {
        let root = tempfile::tempdir().unwrap();
        server(&root.path().join("usual-15/bin"), "15.18");
        let mut places = places(root.path());
        places.variable = Some(root.path().join("nowhere").into());
        let message = places.search().unwrap_err().to_string();
        assert!(message.contains(VARIABLE), "{message}");
        assert!(message.contains("nowhere has no postgres"), "{message}");
    }
}
