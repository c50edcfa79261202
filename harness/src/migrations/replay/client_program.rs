//! PostgreSQL's own client programs, at work on a replay's server.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::Server;
use crate::environment::postgres::{PrivateCluster, Version};

/// How much of what a program says is kept: the end.
const KEPT: usize = 4_000;
/// Within which a program says of which version it is.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct ClientPrograms {
    /// Writes a dump.
    pub pg_dump: PathBuf,
    /// Restores an archive that `pg_dump` wrote.
    pub pg_restore: PathBuf,
}

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not there, or cannot be run.
    #[error("cannot start {program}: {source}; it comes with PostgreSQL's client programs")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended with an error.
    #[error("{program} failed ({status}): {said}")]
    Failed {
        /// The program.
        program: String,
        /// Its exit status.
        status: String,
        /// The end of what it said.
        said: String,
    },
    /// It did not end in time and was killed.
    #[error("{program} did not end within {seconds} s and was killed")]
    OutOfTime {
        /// The program.
        program: String,
        /// What it was given.
        seconds: u64,
    },
}

impl ClientPrograms {
    /// Those that belong to a cluster's server, so that none is older than the server.
    pub fn of(cluster: &PrivateCluster) -> Self {
        let program = |name| cluster.binaries().program(name);
        Self { pg_dump: program("pg_dump"), pg_restore: program("pg_restore") }
    }
}

/// The arguments that lead a client program to a database of a server.
pub(super) fn connection_arguments(server: &Server, database: &str) -> Vec<String> {
    let cluster = server.cluster();
    vec![
        format!("--host={}", cluster.socket_folder().display()),
        format!("--port={}", cluster.port()),
        format!("--username={}", server.options(database).get_username()),
        format!("--dbname={database}"),
        "--no-password".to_owned(),
    ]
}

/// Why a program cannot work on a server and what to do, if it is older: then it refuses to.
pub(super) async fn too_old_for(server: &Server, program: &Path) -> Option<String> {
    let said = run(program, &["--version".to_owned()], ANSWERS_WITHIN).await.ok()?;
    let own = Version::parse(&String::from_utf8_lossy(&said))?;
    let servers = server.cluster().binaries().version();
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    (own.major < servers.major).then(|| {
        format!(
            "{name} is of version {own}, the server of {servers}; \
             install the client programs of version {} or newer",
            servers.major
        )
    })
}

/// Runs a program to its end, and gives what it wrote to its standard output.
///
/// # Errors
/// It cannot be started, fails, or does not end in time.
pub(super) async fn run(
    program: &Path,
    arguments: &[String],
    deadline: Duration,
) -> Result<Vec<u8>, ProgramError> {
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let child = Command::new(program)
        .args(arguments)
        // A user's settings are not the harness's.
        .env_remove("PGOPTIONS")
        .env_remove("PGSERVICE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| ProgramError::Start { program: name.clone(), source })?;
    let output = match tokio::time::timeout(deadline, child.wait_with_output()).await {
        Ok(output) => {
            output.map_err(|source| ProgramError::Start { program: name.clone(), source })?
        }
        Err(_) => {
            return Err(ProgramError::OutOfTime { program: name, seconds: deadline.as_secs() });
        }
    };
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let start = said.len().saturating_sub(KEPT);
    let start = (start..=said.len()).find(|at| said.is_char_boundary(*at)).unwrap_or(0);
    let said = said[start..].trim().to_owned();
    Err(ProgramError::Failed { program: name, status: output.status.to_string(), said })
}
