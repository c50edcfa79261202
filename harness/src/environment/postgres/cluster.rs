//! A private cluster: a PostgreSQL server for one run, that may be killed, cut off and filled up.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::postgres::PgConnectOptions;

use super::PostgresError;
use super::binaries::Binaries;
use super::connection::{check_socket_path, create_role_and_database, socket_options, socket_url};
use super::data_directory::prepared;
use super::server::{Launch, Layout, Server, View};
use super::server_user::ServerUser;
use super::storage::storage_folder;
use crate::environment::janitor::{Janitor, Watch, start_time};
use crate::environment::ports::{PortLease, lease_port};

/// How a private cluster runs.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Where the server's log goes; appended to, and left there.
    pub log_path: PathBuf,
    /// Whether a commit survives a crash of the machine (`fsync`, `full_page_writes`), as in
    /// production. A commit survives `kill -9` of the server either way.
    pub durable: bool,
    /// Further settings of `postgresql.conf`; they win over the harness's own.
    pub settings: Vec<(String, String)>,
}

impl ClusterOptions {
    /// Not durable, no further settings.
    pub fn new(log_path: impl Into<PathBuf>) -> Self {
        Self { log_path: log_path.into(), durable: false, settings: Vec::new() }
    }
}

/// A PostgreSQL server of our own, on a Unix socket and on a port of 127.0.0.1. Dropping it stops
/// it and removes its files, and so does the janitor if this process is killed.
///
/// The superuser is let in through the socket only; a role with a password also through the port.
#[derive(Debug)]
pub struct PrivateCluster {
    server: Arc<Mutex<Server>>,
    layout: Layout,
    launch: Launch,
    port: PortLease,
    _watches: Vec<Watch>,
}

impl PrivateCluster {
    /// Starts a cluster and waits until it accepts connections: some 30 ms, and a second more for
    /// the first one on a machine.
    ///
    /// # Errors
    /// PostgreSQL is missing and cannot be installed, there is no room for its files, or it does
    /// not start; the message holds the end of its log.
    pub async fn start(options: ClusterOptions) -> Result<Self, PostgresError> {
        blocking(move || Self::start_blocking(&options)).await
    }

    fn start_blocking(options: &ClusterOptions) -> Result<Self, PostgresError> {
        let binaries = Binaries::find_or_install()?;
        let user = ServerUser::of_this_process();
        let storage = storage_folder()?;
        let port = lease_port()?;
        let launch = Launch {
            prepared: prepared(&storage, &binaries, user)?,
            view: View::Overlay,
            binaries,
            user,
            settings: settings(options, port.port()),
            log_path: options.log_path.clone(),
        };
        let layout = Layout::new(storage.join(folder_name(port.port())));
        check_socket_path(&layout.socket_folder(), port.port())?;
        let watches = layout
            .leftovers()
            .iter()
            .map(|leftover| Janitor::global().watch(leftover))
            .collect::<Result<_, _>>()?;
        let server = layout
            .create(user)
            .and_then(|()| Server::start(layout.clone(), &launch))
            .inspect_err(|_| {
                let _ = layout.remove();
            })?;
        Ok(Self { server: Arc::new(Mutex::new(server)), layout, launch, port, _watches: watches })
    }

    /// The port on 127.0.0.1; the same after a restart.
    pub fn port(&self) -> u16 {
        self.port.port()
    }

    /// The folder of the Unix socket.
    pub fn socket_folder(&self) -> PathBuf {
        self.layout.socket_folder()
    }

    /// The id of the server's first process; another one after a restart.
    pub fn process_id(&self) -> u32 {
        lock(&self.server).process_id()
    }

    /// The server's log file.
    pub fn log_path(&self) -> &Path {
        &self.launch.log_path
    }

    /// The programs that this cluster runs on.
    pub fn binaries(&self) -> &Binaries {
        &self.launch.binaries
    }

    /// How to connect to a database as the superuser, through the Unix socket.
    pub fn superuser_options(&self, database: &str) -> PgConnectOptions {
        socket_options(&self.socket_folder(), self.port(), database)
    }

    /// A URL for the superuser and the database `postgres`, through the Unix socket.
    pub fn superuser_url(&self) -> String {
        socket_url(&self.socket_folder(), self.port(), "postgres")
    }

    /// Makes a role that may log in through the port with this password, and a database that it
    /// owns.
    ///
    /// # Errors
    /// The server refuses, because one of them exists or because it is down.
    pub async fn create_role_and_database(
        &self,
        role: &str,
        password: &str,
        database: &str,
    ) -> Result<(), PostgresError> {
        let superuser = self.superuser_options("postgres");
        create_role_and_database(&superuser, role, password, database).await
    }

    /// Kills the server and all of its processes (SIGKILL), as a crash would, and waits until
    /// they are gone. [`PrivateCluster::restart`] brings it back.
    ///
    /// # Errors
    /// The thread that waits was ended.
    pub async fn kill(&self) -> Result<(), PostgresError> {
        self.on_server(|server| {
            server.kill();
            Ok(())
        })
        .await
    }

    /// Stops the server and all of its processes in their tracks (SIGSTOP) until
    /// [`PrivateCluster::resume`].
    ///
    /// # Errors
    /// The thread that signals was ended.
    pub async fn pause(&self) -> Result<(), PostgresError> {
        self.on_server(|server| {
            server.pause();
            Ok(())
        })
        .await
    }

    /// Lets a paused server go on.
    ///
    /// # Errors
    /// The thread that signals was ended.
    pub async fn resume(&self) -> Result<(), PostgresError> {
        self.on_server(|server| {
            server.resume();
            Ok(())
        })
        .await
    }

    /// Ends the server with a checkpoint, as an operator would. Its files stay until the cluster
    /// is dropped.
    ///
    /// # Errors
    /// The thread that waits was ended.
    pub async fn stop(&self) -> Result<(), PostgresError> {
        self.on_server(|server| {
            server.stop();
            Ok(())
        })
        .await
    }

    /// Starts the server again on its own files, after stopping it if it runs, and waits until it
    /// accepts connections. After a kill that includes recovery.
    ///
    /// # Errors
    /// It does not start; the message holds the end of its log.
    pub async fn restart(&self) -> Result<(), PostgresError> {
        let launch = self.launch.clone();
        self.on_server(move |server| {
            server.stop();
            server.restart(&launch)
        })
        .await
    }

    async fn on_server(
        &self,
        work: impl FnOnce(&mut Server) -> Result<(), PostgresError> + Send + 'static,
    ) -> Result<(), PostgresError> {
        let server = Arc::clone(&self.server);
        blocking(move || work(&mut lock(&server))).await
    }
}

impl Drop for PrivateCluster {
    fn drop(&mut self) {
        lock(&self.server).stop_at_once();
        if let Err(error) = self.layout.remove() {
            tracing::warn!("{error}");
        }
    }
}

fn lock(server: &Mutex<Server>) -> MutexGuard<'_, Server> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Never used twice: the janitor of a dead process may still be at work on a folder of its own.
fn folder_name(port: u16) -> String {
    let process = std::process::id();
    let started = start_time(process).unwrap_or_default();
    format!("private-{process}-{started}-{port}")
}

fn settings(options: &ClusterOptions, port: u16) -> Vec<(String, String)> {
    let port = port.to_string();
    let durable = if options.durable { "on" } else { "off" };
    let own = [
        ("listen_addresses", "127.0.0.1"),
        ("port", port.as_str()),
        ("fsync", durable),
        ("full_page_writes", durable),
        ("max_connections", "100"),
        // A replay holds the locks of a whole lineage in one transaction.
        ("max_locks_per_transaction", "1024"),
        ("log_line_prefix", "%m [%p] %q%u@%d "),
    ];
    own.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .chain(options.settings.iter().cloned())
        .collect()
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PostgresError> + Send + 'static,
) -> Result<T, PostgresError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(PostgresError::Interrupted(error.to_string())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::postgres::connection::connect;
    use crate::environment::wait::wait_until;
    use sqlx::{Connection, PgConnection};
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    async fn start() -> (PrivateCluster, tempfile::TempDir) {
        let logs = tempfile::tempdir().unwrap();
        let options = ClusterOptions::new(logs.path().join("postgres.log"));
        (PrivateCluster::start(options).await.unwrap(), logs)
    }

    #[tokio::test]
    async fn what_was_committed_survives_a_kill_and_the_port_stays() {
        let (cluster, _logs) = start().await;
        cluster.create_role_and_database("service", "it's secret", "events").await.unwrap();
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(cluster.port())
            .username("service")
            .password("it's secret")
            .database("events");
        let mut connection = connect(&options).await.unwrap();
        sqlx::raw_sql("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
            .execute(&mut connection)
            .await
            .unwrap();

        let before = cluster.process_id();
        cluster.kill().await.unwrap();
        connect(&options).await.expect_err("the server is dead");
        cluster.restart().await.unwrap();
        assert_ne!(cluster.process_id(), before);

        let mut connection = connect(&options).await.unwrap();
        let kept: i32 =
            sqlx::query_scalar("SELECT id FROM kept").fetch_one(&mut connection).await.unwrap();
        assert_eq!(kept, 7);
        connect(&options.password("wrong")).await.expect_err("the password is asked for");
    }

    #[tokio::test]
    async fn a_dropped_cluster_leaves_its_log_and_nothing_else() {
        let (cluster, logs) = start().await;
        let folder = cluster.layout.folder().to_owned();
        let process = cluster.process_id();
        let url = cluster.superuser_url();
        PgConnection::connect(&url).await.unwrap();
        drop(cluster);
        assert!(!folder.exists());
        assert!(start_time(process).is_none(), "the server must be gone");
        assert!(logs.path().join("postgres.log").exists());
    }

    #[test]
    fn a_killed_harness_leaves_no_server() {
        const VARIABLE: &str = "HARNESS_TEST_CLUSTER_LOG";
        if let Some(log) = std::env::var_os(VARIABLE) {
            let cluster = PrivateCluster::start_blocking(&ClusterOptions::new(log)).unwrap();
            tell_parent(&cluster.layout.folder().display().to_string());
            loop {
                std::thread::park();
            }
        }
        let name = "environment::postgres::cluster::tests::a_killed_harness_leaves_no_server";
        let logs = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(VARIABLE, logs.path().join("postgres.log"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let layout = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap)
            .find_map(|line| Some(Layout::new(line.split_once("started: ")?.1.into())))
            .expect("the child starts a cluster");
        assert!(layout.is_ready());
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until("the folder is removed", || !layout.folder().exists());
        let folder = layout.folder().as_os_str().as_encoded_bytes();
        assert!(!command_lines().any(|line| contains(&line, folder)));
    }

    #[expect(clippy::print_stdout, reason = "the parent reads it")]
    fn tell_parent(folder: &str) {
        println!("started: {folder}");
        std::io::stdout().flush().unwrap();
    }

    fn command_lines() -> impl Iterator<Item = Vec<u8>> {
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
    }

    fn contains(line: &[u8], part: &[u8]) -> bool {
        line.windows(part.len()).any(|window| window == part)
    }

    #[tokio::test]
    async fn a_server_that_does_not_start_says_why() {
        let logs = tempfile::tempdir().unwrap();
        let mut options = ClusterOptions::new(logs.path().join("postgres.log"));
        options.settings = vec![("shared_buffers".to_owned(), "a lot".to_owned())];
        let message = PrivateCluster::start(options).await.unwrap_err().to_string();
        assert!(message.contains("shared_buffers"), "{message}");
        assert!(message.contains("postgres.log"), "{message}");
    }

    #[tokio::test]
    async fn a_stopped_cluster_starts_again() {
        let (cluster, _logs) = start().await;
        cluster.stop().await.unwrap();
        connect(&cluster.superuser_options("postgres")).await.expect_err("the server is down");
        cluster.restart().await.unwrap();
        connect(&cluster.superuser_options("postgres")).await.unwrap();
    }
}
