//! A cluster of one's own, and what both tests do with it.

use harness::environment::postgres::{ClusterOptions, PrivateCluster};
use harness::migrations::catalog::{Catalog, CatalogReader, Difference};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};

/// A cluster that goes away with its log when this is dropped.
pub struct Server {
    pub cluster: PrivateCluster,
    _logs: tempfile::TempDir,
}

impl Server {
    pub async fn start() -> Self {
        let logs = tempfile::tempdir().expect("a temporary folder");
        let mut options = ClusterOptions::new(logs.path().join("postgres.log"));
        options.settings = vec![("wal_level".to_owned(), "logical".to_owned())];
        let cluster = PrivateCluster::start(options).await.expect("a cluster starts");
        Self { cluster, _logs: logs }
    }

    pub async fn connect(&self) -> PgConnection {
        self.cluster.superuser_options("postgres").connect().await.expect("connected")
    }
}

pub async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

pub async fn run(connection: &mut PgConnection, sql: &str) {
    if let Err(error) = execute(connection, sql).await {
        panic!("{error}: {sql}");
    }
}

/// What a reader reads that knows nothing yet.
pub async fn read_full(connection: &mut PgConnection) -> Catalog {
    let catalog = CatalogReader::new().read(connection).await.expect("the catalog is read");
    Catalog::clone(&catalog)
}

pub fn lines(difference: &Difference) -> Vec<String> {
    let all = difference.changes.iter().chain(&difference.cosmetic);
    all.map(ToString::to_string).collect()
}
