//! A cluster as one makes it by hand, to compare with.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use harness::environment::ports::{PortLease, lease_port};
use harness::environment::postgres::binaries::Binaries;
use harness::environment::postgres::server_user::ServerUser;
use sqlx::postgres::PgConnectOptions;

/// A server that `initdb` and `pg_ctl` made. Stops when dropped.
pub struct PlainCluster {
    binaries: Binaries,
    folder: tempfile::TempDir,
    port: PortLease,
}

impl PlainCluster {
    /// In a folder of `place`, with PostgreSQL's own settings but for these options of `postgres`.
    pub fn start(place: &Path, options: &[&str]) -> Self {
        let binaries = Binaries::find().expect("PostgreSQL is installed");
        let user = ServerUser::of_this_process();
        let folder = tempfile::tempdir_in(place).expect("a temporary folder");
        std::os::unix::fs::chown(folder.path(), Some(user.user), Some(user.group))
            .expect("the folder is given to the server's user");
        let port = lease_port().expect("a port is free");
        let cluster = Self { binaries, folder, port };
        let data = cluster.data();
        cluster.run("initdb", &["--no-sync", "--auth=trust", "--username=postgres", "-D", &data]);
        let options = format!(
            "-c listen_addresses= -c port={} -c unix_socket_directories={} {}",
            cluster.port.port(),
            cluster.folder.path().display(),
            options.join(" "),
        );
        let log = format!("{data}.log");
        cluster.run("pg_ctl", &["start", "--wait", "-D", &data, "-l", &log, "-o", &options]);
        cluster
    }

    /// How to connect to it.
    pub fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(self.folder.path())
            .port(self.port.port())
            .username("postgres")
            .database("postgres")
    }

    /// A URL that leads to it.
    pub fn url(&self) -> String {
        format!(
            "postgres://postgres@localhost:{}/postgres?host={}",
            self.port.port(),
            self.folder.path().display()
        )
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let user = ServerUser::of_this_process();
        let mut command = Command::new(self.binaries.program(program));
        command
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if user.become_it {
            command.uid(user.user).gid(user.group);
        }
        assert!(command.status().expect("it starts").success(), "{program}");
    }
}

impl Drop for PlainCluster {
    fn drop(&mut self) {
        self.run("pg_ctl", &["stop", "--mode=immediate", "-D", &self.data()]);
    }
}
