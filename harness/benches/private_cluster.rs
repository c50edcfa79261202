//! A private cluster up to the answer to its first query, and what it takes without a prepared
//! data directory: `initdb`, then a start.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use harness::environment::ports::lease_port;
use harness::environment::postgres::binaries::Binaries;
use harness::environment::postgres::server_user::ServerUser;
use harness::environment::postgres::{ClusterOptions, PrivateCluster};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::runtime::Runtime;

async fn first_query(options: &PgConnectOptions) {
    let mut connection = options.connect().await.expect("connected");
    let one: i32 =
        sqlx::query_scalar("SELECT 1").fetch_one(&mut connection).await.expect("answered");
    assert_eq!(one, 1);
    connection.close().await.expect("disconnected");
}

async fn start_private(log: &Path) -> PrivateCluster {
    let cluster = PrivateCluster::start(ClusterOptions::new(log)).await.expect("started");
    first_query(&cluster.superuser_options("postgres")).await;
    cluster
}

/// A cluster as one makes it by hand: in memory too, not synced to disk either. Stops when
/// dropped.
struct PlainCluster {
    binaries: Binaries,
    folder: tempfile::TempDir,
}

impl PlainCluster {
    fn start(runtime: &Runtime) -> Self {
        let binaries = Binaries::find().expect("PostgreSQL is installed");
        let user = ServerUser::of_this_process();
        let place = if Path::new("/dev/shm").is_dir() {
            Path::new("/dev/shm").to_owned()
        } else {
            std::env::temp_dir()
        };
        let folder = tempfile::tempdir_in(place).expect("a temporary folder");
        std::os::unix::fs::chown(folder.path(), Some(user.user), Some(user.group))
            .expect("the folder is given to the server's user");
        let cluster = Self { binaries, folder };
        let port = lease_port().expect("a port is free");
        let data = cluster.data();
        cluster.run("initdb", &["--no-sync", "--auth=trust", "--username=postgres", "-D", &data]);
        let options = format!(
            "-c fsync=off -c listen_addresses= -c port={} -c unix_socket_directories={}",
            port.port(),
            cluster.folder.path().display()
        );
        let log = format!("{data}.log");
        cluster.run("pg_ctl", &["start", "--wait", "-D", &data, "-l", &log, "-o", &options]);
        let options = PgConnectOptions::new_without_pgpass()
            .socket(cluster.folder.path())
            .port(port.port())
            .username("postgres")
            .database("postgres");
        runtime.block_on(first_query(&options));
        cluster
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

/// What stops a cluster again is not measured.
fn compare(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let logs = tempfile::tempdir().expect("a temporary folder");
    let log = logs.path().join("postgres.log");
    let mut group = criterion.benchmark_group("private_cluster");
    group.sample_size(20);
    group.bench_function("harness", |bencher| {
        bencher.iter_batched(
            || (),
            |()| runtime.block_on(start_private(&log)),
            BatchSize::PerIteration,
        );
    });
    group.sample_size(10);
    group.bench_function("initdb_and_start", |bencher| {
        bencher.iter_batched(|| (), |()| PlainCluster::start(&runtime), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, compare);
criterion_main!(benches);
