//! A catalog of 150 tables: read in full, read again after a migration, and dumped by `pg_dump`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use harness::environment::postgres::{ClusterOptions, PrivateCluster};
use harness::migrations::catalog::CatalogReader;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tokio::runtime::Runtime;

const TABLES: usize = 150;

/// A schema as projects have it: ten columns a table, keys, checks, indexes, some of the rest.
fn schema() -> String {
    let table = |number: usize| {
        let parent = number / 2;
        format!(
            "CREATE TABLE t{number} (
                id bigserial PRIMARY KEY,
                parent bigint REFERENCES t{parent} ON DELETE CASCADE,
                name text NOT NULL UNIQUE,
                state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'old')),
                kind varchar(20),
                body jsonb NOT NULL DEFAULT '{{}}',
                total numeric(12, 2),
                active boolean NOT NULL DEFAULT true,
                created_at timestamptz NOT NULL DEFAULT now(),
                updated_at timestamptz
            );
            CREATE INDEX ON t{number} (parent);
            CREATE INDEX ON t{number} (created_at) WHERE active;
            COMMENT ON TABLE t{number} IS 'the table {number}';"
        )
    };
    let more = |number: usize| {
        format!(
            "CREATE VIEW v{number} AS SELECT id, upper(name) AS name FROM t{number} WHERE active;
            CREATE FUNCTION f{number}() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$;
            CREATE TRIGGER touched BEFORE UPDATE ON t{number}
                FOR EACH ROW EXECUTE FUNCTION f{number}();
            CREATE TYPE e{number} AS ENUM ('one', 'two');"
        )
    };
    (0..TABLES).map(table).chain((0..TABLES).step_by(10).map(more)).collect()
}

/// One ordinary migration each, over and over again, each with its undoing.
const MIGRATIONS: [(&str, &str); 5] = [
    ("ALTER TABLE t7 ADD note text", "ALTER TABLE t7 DROP note"),
    ("CREATE INDEX more ON t8 (kind)", "DROP INDEX more"),
    ("ALTER TABLE t9 ALTER kind SET NOT NULL", "ALTER TABLE t9 ALTER kind DROP NOT NULL"),
    (
        "CREATE TABLE more (id serial PRIMARY KEY, t bigint NOT NULL REFERENCES t10); \
         CREATE INDEX ON more (t)",
        "DROP TABLE more",
    ),
    ("ALTER TABLE t11 ADD CONSTRAINT few CHECK (total < 9)", "ALTER TABLE t11 DROP CONSTRAINT few"),
];

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.expect("the statement runs");
}

/// The mean of reading after a migration and after its undoing, both in one transaction.
async fn time_reading(
    reader: &mut CatalogReader,
    connection: &mut PgConnection,
    migration: &str,
    undoing: &str,
) -> Duration {
    let mut spent = Duration::ZERO;
    run(connection, "BEGIN").await;
    for sql in [migration, undoing] {
        run(connection, sql).await;
        let start = Instant::now();
        reader.read(connection).await.expect("read again");
        spent += start.elapsed() / 2;
    }
    run(connection, "ROLLBACK").await;
    spent
}

fn compare(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let logs = tempfile::tempdir().expect("a temporary folder");
    let options = ClusterOptions::new(logs.path().join("postgres.log"));
    let cluster = runtime.block_on(PrivateCluster::start(options)).expect("a cluster starts");
    let mut connection =
        runtime.block_on(cluster.superuser_options("postgres").connect()).expect("connected");
    runtime.block_on(run(&mut connection, &schema()));

    let mut group = criterion.benchmark_group("catalog");
    group.sample_size(30);
    group.bench_function("full", |bencher| {
        let mut reader = CatalogReader::new();
        bencher.iter(|| {
            reader.forget();
            runtime.block_on(reader.read(&mut connection)).expect("the catalog is read")
        });
    });
    let mut reader = CatalogReader::of_only_writer();
    runtime.block_on(reader.read(&mut connection)).expect("the catalog is read");
    group.bench_function("again_unchanged", |bencher| {
        bencher.iter(|| runtime.block_on(reader.read(&mut connection)).expect("read again"));
    });
    for (migration, undoing) in MIGRATIONS {
        group.bench_function(format!("again_after {migration}"), |bencher| {
            bencher.iter_custom(|times| {
                let rounds = (0..times).map(|_| {
                    runtime.block_on(time_reading(&mut reader, &mut connection, migration, undoing))
                });
                rounds.sum()
            });
        });
    }
    group.sample_size(10);
    group.bench_function("pg_dump", |bencher| {
        bencher.iter(|| {
            let status = Command::new(cluster.binaries().program("pg_dump"))
                .args(["--schema-only", "--dbname", &cluster.superuser_url()])
                .stdout(Stdio::null())
                .status();
            assert!(status.expect("pg_dump starts").success());
        });
    });
    group.finish();
}

criterion_group!(benches, compare);
criterion_main!(benches);
