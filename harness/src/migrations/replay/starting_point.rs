//! A dump as the state that a replay starts from, at the version that its tracking table says.

use sqlx::AssertSqlSafe;

use super::dump::{Dump, DumpError};
use super::{Refusal, Session};
use crate::migrations::lineage::{Lineage, RecordedError};

/// Why a replay cannot start from a dump.
#[derive(Debug, thiserror::Error)]
pub enum StartingPointError {
    /// It cannot be loaded.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// No tool keeps track of what has run.
    #[error(
        "nobody keeps track of plain files, so that a dump does not say where it stands: \
         name the tool with --convention, or its table in lineage.toml"
    )]
    NoTracking,
    /// The dump does not hold the tool's table, or another one of that name.
    #[error("the dump does not say which migrations have run: {table} cannot be read: {refusal}")]
    NoTable {
        /// The tracking table.
        table: String,
        /// What PostgreSQL said.
        refusal: Box<Refusal>,
    },
    /// The records do not fit the lineage.
    #[error("the dump does not fit the lineage: {0}")]
    Recorded(#[from] RecordedError),
}

/// Loads a dump into the session's database, and gives the number of the lineage's migrations that
/// have run there: the place of the next one.
///
/// # Errors
/// The dump cannot be loaded, or does not say where in the lineage it stands.
pub async fn start_from(
    dump: &Dump,
    lineage: &Lineage,
    session: &mut Session<'_>,
) -> Result<usize, StartingPointError> {
    let tracking = lineage.tracking().ok_or(StartingPointError::NoTracking)?;
    dump.load(session).await?;
    let records: Vec<String> = sqlx::query_scalar(AssertSqlSafe(tracking.recorded()))
        .fetch_all(session.connection())
        .await
        .map_err(|error| StartingPointError::NoTable {
            table: tracking.table().to_owned(),
            refusal: Box::new(Refusal::new(&error)),
        })?;
    Ok(tracking.position(lineage, &records)?)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::migrations::lineage::{Convention, ReadOptions, read};
    use crate::migrations::replay::Server;
    use crate::migrations::replay::client_program::{ClientPrograms, connection_arguments};

    const DEADLINE: Duration = Duration::from_secs(60);

    fn lineage(convention: Convention) -> Lineage {
        let folder = tempfile::tempdir().unwrap();
        for number in 1..=3 {
            let path = folder.path().join(format!("{number}_t.up.sql"));
            std::fs::write(path, format!("CREATE TABLE t{number} (id int);")).unwrap();
        }
        read(folder.path(), &ReadOptions { convention: Some(convention), ..ReadOptions::default() })
            .unwrap()
    }

    /// Where a database stands that is made by this SQL, dumped by `pg_dump` in this format, and
    /// loaded into another one.
    async fn start(sql: &str, format: &str) -> Result<usize, StartingPointError> {
        let server = Server::start("live").await.unwrap();
        let mut session = Session::open(&server, "live", DEADLINE).await.unwrap();
        session.run_text(sql).await.unwrap();
        let programs = ClientPrograms::of(server.cluster());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump");
        let written = Command::new(&programs.pg_dump)
            .args(connection_arguments(&server, "live"))
            .arg(format!("--format={format}"))
            .arg(format!("--file={}", path.display()))
            .status();
        assert!(written.unwrap().success());
        server.create_database("copy").await.unwrap();
        let dump = Dump::read(&path, &programs, DEADLINE).await?;
        let mut session = Session::open(&server, "copy", DEADLINE).await.unwrap();
        start_from(&dump, &lineage(Convention::SortedUp), &mut session).await
    }

    #[tokio::test]
    async fn a_dump_says_where_it_stands() {
        let sql = "CREATE TABLE schema_migrations (version text PRIMARY KEY);
            CREATE TABLE t1 (id int); CREATE TABLE t2 (id int);
            INSERT INTO schema_migrations VALUES ('1_t.up.sql'), ('2_t.up.sql');";
        for format in ["plain", "custom", "directory"] {
            assert_eq!(start(sql, format).await.unwrap(), 2, "{format}");
        }
    }

    #[tokio::test]
    async fn one_that_does_not_say_so_is_refused() {
        let without = start("CREATE TABLE t1 (id int)", "plain").await.unwrap_err().to_string();
        assert!(without.contains("schema_migrations cannot be read"), "{without}");
        let ahead = "CREATE TABLE schema_migrations (version text);
            INSERT INTO schema_migrations VALUES ('9_t.up.sql')";
        let ahead = start(ahead, "custom").await.unwrap_err().to_string();
        assert!(ahead.contains("`9_t.up.sql` is recorded as run"), "{ahead}");
    }
}
