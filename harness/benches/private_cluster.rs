//! A private cluster up to the answer to its first query, and what it takes without a prepared
//! data directory: `initdb`, then a start, in memory too and not synced to disk either.

mod common;

use std::path::Path;

use common::plain_cluster::PlainCluster;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
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

/// What stops a cluster again is not measured.
fn compare(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let logs = tempfile::tempdir().expect("a temporary folder");
    let log = logs.path().join("postgres.log");
    let memory = Path::new("/dev/shm");
    let temporary = std::env::temp_dir();
    let place = if memory.is_dir() { memory } else { &temporary };
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
        bencher.iter_batched(
            || (),
            |()| {
                let cluster = PlainCluster::start(place, &["-c fsync=off"]);
                runtime.block_on(first_query(&cluster.options()));
                cluster
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, compare);
criterion_main!(benches);
