//! A database of one's own, migrated: made, connected to, dropped. Through the shared cluster,
//! and through what `#[sqlx::test]` does, with the same migrations and server settings.

mod common;

use std::process::ExitCode;
use std::sync::LazyLock;

use criterion::{Criterion, criterion_group};
use harness::environment::postgres::{IsolatedDatabase, Template};
use sqlx::migrate::Migrator;
use sqlx::testing::{TestArgs, TestFn};
use sqlx::{ConnectOptions, Connection, PgPool};

static MIGRATOR: LazyLock<Migrator> = LazyLock::new(common::migrator);

async fn use_isolated(template: &Template) {
    let database = IsolatedDatabase::create(template).await.expect("created");
    let mut connection = database.options().connect().await.expect("connected");
    let one: i32 =
        sqlx::query_scalar("SELECT 1").fetch_one(&mut connection).await.expect("answered");
    assert_eq!(one, 1);
    connection.close().await.expect("disconnected");
    database.close().await.expect("dropped");
}

async fn use_pool(pool: PgPool) {
    let one: i32 = sqlx::query_scalar("SELECT 1").fetch_one(&pool).await.expect("answered");
    assert_eq!(one, 1);
}

/// What `#[sqlx::test]` expands to.
fn use_sqlx_test() {
    let mut arguments = TestArgs::new("isolated_database::use_sqlx_test");
    arguments.migrator(&MIGRATOR);
    let test: fn(PgPool) -> _ = use_pool;
    TestFn::run_test(test, arguments);
}

fn compare(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let template = common::template();
    let mut group = criterion.benchmark_group("isolated_database");
    group.bench_function("harness", |bencher| {
        bencher.to_async(&runtime).iter(|| use_isolated(&template));
    });
    group.sample_size(20);
    group.bench_function("sqlx_test", |bencher| bencher.iter(use_sqlx_test));
    group.finish();
}

criterion_group!(benches, compare);

fn main() -> ExitCode {
    if std::env::var_os(common::DATABASE_URL).is_none() {
        return common::run_again_with_a_server();
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
    ExitCode::SUCCESS
}
