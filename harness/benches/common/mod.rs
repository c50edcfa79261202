//! What the benchmarks and the suites that they compare have in common.

#![allow(dead_code, reason = "each program uses a part of it")]

pub mod plain_cluster;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use harness::environment::postgres::{ClusterOptions, PrivateCluster, Template};
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Where `#[sqlx::test]` looks for its server.
pub const DATABASE_URL: &str = "DATABASE_URL";

/// The lineage that every database of a benchmark goes through.
pub fn lineage() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../migrations-under-test/repaired")
}

/// The lineage as a template.
pub fn template() -> Template {
    Template::from_folder(&lineage(), ".up.sql").expect("the lineage can be read")
}

/// The same files, in the same order, as sqlx's own migrator. Their numbers are counted anew: it
/// takes no `023a`.
pub fn migrator() -> Migrator {
    let mut files: Vec<PathBuf> = std::fs::read_dir(lineage())
        .expect("the lineage can be read")
        .map(|entry| entry.expect("the lineage can be read").path())
        .filter(|path| path.to_string_lossy().ends_with(".up.sql"))
        .collect();
    files.sort();
    let migrations = files.iter().zip(1..).map(|(path, version)| {
        let sql = std::fs::read_to_string(path).expect("a migration can be read");
        let sql = sqlx::AssertSqlSafe(sql);
        let name = path.display().to_string();
        Migration::new(
            version,
            Cow::Owned(name),
            MigrationType::ReversibleUp,
            sqlx::SqlSafeStr::into_sql_str(sql),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

/// A server for `#[sqlx::test]`, with all that makes the shared cluster fast but the templates:
/// in memory, and with the same settings.
pub async fn server_for_sqlx(log_folder: &Path) -> PrivateCluster {
    let mut options = ClusterOptions::new(log_folder.join("postgres.log"));
    options.settings = [
        ("synchronous_commit", "off"),
        ("wal_level", "minimal"),
        ("max_wal_senders", "0"),
        ("max_connections", "400"),
        ("max_locks_per_transaction", "256"),
        ("shared_buffers", "32MB"),
        ("autovacuum", "off"),
        ("checkpoint_timeout", "1h"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    PrivateCluster::start(options).await.expect("a private cluster starts")
}

/// Runs this program once more, with the server that `#[sqlx::test]` wants in its environment.
pub fn run_again_with_a_server() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let logs = tempfile::tempdir().expect("a temporary folder");
    let server = runtime.block_on(server_for_sqlx(logs.path()));
    let status = Command::new(std::env::current_exe().expect("this program has a path"))
        .args(std::env::args_os().skip(1))
        .env(DATABASE_URL, server.superuser_url())
        .status()
        .expect("this program starts");
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
