//! The drill: a backup before a migration, restored, and looked into. A backup that nobody restored
//! is none.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use sqlx::{ConnectOptions, Connection};

use super::client_program::{self, ClientPrograms, ProgramError, connection_arguments};
use super::{ReplayError, Server};
use crate::migrations::catalog::{Catalog, CatalogReader, Difference};
use crate::migrations::seeding::DataDigest;

/// The database that the backup is restored into.
const RESTORED: &str = "restored";

/// What a drill showed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Drill {
    /// How many rows there were when the backup was taken; without any, little is shown.
    pub rows: u64,
    /// How many of them the restored database has.
    pub rows_restored: u64,
    /// The size of the backup in bytes.
    pub backup_bytes: u64,
    /// Why nobody could look: a program that is missing or too old, with what to do. That is no
    /// defect of what was to be looked at.
    pub unknown: Option<String>,
    /// What is wrong: a program that failed, a schema or data that are not as before.
    pub faults: Vec<String>,
    /// What each step took.
    pub steps: Vec<Step>,
}

/// One step of a drill.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// `backup`, `migrate`, `restore` or `compare`.
    pub name: &'static str,
    /// How long it took.
    pub milliseconds: u64,
}

/// A database at one moment.
struct State {
    catalog: Catalog,
    data: DataDigest,
}

/// Takes a backup of a database with rows in it, lets it be migrated, restores the backup into a
/// new database and compares that with what was there before. Nobody else may write meanwhile.
///
/// # Errors
/// The replay's own server failed, or what migrates says so. What is wrong with backup or restore
/// is in the outcome.
pub async fn drill(
    server: &Server,
    database: &str,
    programs: &ClientPrograms,
    deadline: Duration,
    migrate: impl AsyncFnOnce() -> Result<(), ReplayError>,
) -> Result<Drill, ReplayError> {
    let mut drill = Drill::default();
    let before = State::read(server, database).await?;
    drill.rows = before.data.rows();
    let folder = tempfile::tempdir().map_err(ReplayError::Folder)?;
    let backup = folder.path().join("backup");

    let begun = Instant::now();
    let arguments = [format!("--file={}", backup.display()), "--format=custom".to_owned()];
    let arguments = [&arguments[..], &connection_arguments(server, database)].concat();
    let taken = client_program::run(&programs.pg_dump, &arguments, deadline).await;
    drill.step("backup", begun);
    drill.backup_bytes = std::fs::metadata(&backup).map_or(0, |file| file.len());

    let begun = Instant::now();
    migrate().await?;
    drill.step("migrate", begun);

    match taken {
        Err(error) => drill.program_failed("backup", &programs.pg_dump, server, error).await,
        Ok(_) => drill.restore(server, &backup, programs, deadline, &before).await?,
    }
    Ok(drill)
}

impl Drill {
    async fn restore(
        &mut self,
        server: &Server,
        backup: &Path,
        programs: &ClientPrograms,
        deadline: Duration,
        before: &State,
    ) -> Result<(), ReplayError> {
        server.create_database(RESTORED).await?;
        let begun = Instant::now();
        let arguments =
            [connection_arguments(server, RESTORED), vec![backup.display().to_string()]].concat();
        let restored = client_program::run(&programs.pg_restore, &arguments, deadline).await;
        self.step("restore", begun);
        let begun = Instant::now();
        let after = State::read(server, RESTORED).await;
        server.drop_database(RESTORED).await?;
        let after = after?;
        let succeeded = restored.is_ok();
        if let Err(error) = restored {
            self.program_failed("restore", &programs.pg_restore, server, error).await;
        }
        self.judge(succeeded, before, &after);
        self.step("compare", begun);
        Ok(())
    }

    /// A program that could not have done its work on this server says nothing about the rest.
    async fn program_failed(
        &mut self,
        step: &str,
        program: &Path,
        server: &Server,
        error: ProgramError,
    ) {
        let unfit = match &error {
            ProgramError::Start { .. } => Some(error.to_string()),
            _ => client_program::too_old_for(server, program).await,
        };
        match unfit {
            Some(why) => self.unknown = Some(format!("the {step}: {why}")),
            None => self.faults.push(format!("the {step}: {error}")),
        }
    }

    fn judge(&mut self, succeeded: bool, before: &State, after: &State) {
        self.rows_restored = after.data.rows();
        if self.unknown.is_some() {
            return;
        }
        if self.rows > 0 && self.rows_restored == 0 && succeeded {
            let lost = format!(
                "the restore says that it succeeded, and none of {} rows is there",
                self.rows
            );
            self.faults.push(lost);
        }
        let schema = Difference::between(&before.catalog, &after.catalog).changes;
        self.faults.extend(schema.iter().map(|change| format!("the restored schema: {change}")));
        let data = before.data.differences(&after.data);
        self.faults.extend(data.iter().map(|line| format!("the restored data: {line}")));
    }

    fn step(&mut self, name: &'static str, begun: Instant) {
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.steps.push(Step { name, milliseconds });
    }
}

impl State {
    async fn read(server: &Server, database: &str) -> Result<Self, ReplayError> {
        let mut connection =
            server.options(database).connect().await.map_err(ReplayError::server("connect"))?;
        let catalog = Catalog::clone(&*CatalogReader::new().read(&mut connection).await?);
        let data = DataDigest::read(&mut connection).await?;
        // The server notices a connection that is just closed as well.
        let _ = connection.close().await;
        Ok(Self { catalog, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::AssertSqlSafe;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    const DEADLINE: Duration = Duration::from_secs(60);
    const SCHEMA: &str = "CREATE TABLE jobs (id serial PRIMARY KEY, name text);
        CREATE VIEW names AS SELECT name FROM jobs; CREATE SCHEMA other;
        CREATE TABLE other.notes (job int REFERENCES jobs, note jsonb);";
    const ROWS: &str = "INSERT INTO jobs (name) SELECT 'job ' || n FROM generate_series(1, 50) n;
        INSERT INTO other.notes SELECT id, '{}' FROM jobs;";

    async fn run(server: &Server, sql: &str) -> Result<(), ReplayError> {
        let mut connection = server.options("live").connect().await.unwrap();
        let outcome = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
        outcome.map(drop).map_err(ReplayError::server("migrate"))
    }

    /// A drill whose `pg_restore` is this script; `$PG_RESTORE` stands for the real one.
    async fn drilled(rows: &str, restore: Option<&str>) -> Drill {
        drilled_with(rows, None, restore).await
    }

    fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    async fn drilled_with(rows: &str, dump: Option<&str>, restore: Option<&str>) -> Drill {
        let server = Server::start("live").await.unwrap();
        run(&server, SCHEMA).await.unwrap();
        run(&server, rows).await.unwrap();
        let mut programs = ClientPrograms::of(server.cluster());
        let folder = tempfile::tempdir().unwrap();
        if let Some(text) = dump {
            programs.pg_dump = script(folder.path(), "pg_dump", text);
        }
        if let Some(text) = restore {
            let text = text.replace("$PG_RESTORE", &programs.pg_restore.display().to_string());
            programs.pg_restore = script(folder.path(), "pg_restore", &text);
        }
        let migrate = async || run(&server, "DELETE FROM other.notes; DROP VIEW names").await;
        drill(&server, "live", &programs, DEADLINE, migrate).await.unwrap()
    }

    #[tokio::test]
    async fn a_backup_that_gives_everything_back_is_proven() {
        let drill = drilled(ROWS, None).await;
        assert_eq!(drill.faults, [""; 0]);
        assert_eq!((drill.rows, drill.rows_restored), (100, 100));
        let names: Vec<&str> = drill.steps.iter().map(|step| step.name).collect();
        assert_eq!(names, ["backup", "migrate", "restore", "compare"]);
        assert!(drill.backup_bytes > 0);
    }

    #[tokio::test]
    async fn what_a_restore_does_not_give_back_is_told() {
        for (restore, expected) in [
            ("exec $PG_RESTORE --schema-only \"$@\"", "succeeded, and none of 100 rows is there"),
            ("exit 0", "the restored schema: table public.jobs is gone"),
            ("exec $PG_RESTORE --schema=other \"$@\"", "table public.jobs is gone"),
            ("exec $PG_RESTORE --exclude-schema=other \"$@\"", "table other.notes is gone"),
            ("echo no room >&2; exit 3", "no room"),
            ("$PG_RESTORE \"$@\"; exit 1", "pg_restore failed (exit status: 1)"),
        ] {
            let drill = drilled(ROWS, Some(restore)).await;
            let faults = drill.faults.join("\n");
            assert!(faults.contains(expected), "{restore}: {faults}");
        }
    }

    #[tokio::test]
    async fn a_program_that_is_older_than_the_server_shows_nothing() {
        let old = |name: &str| {
            let version =
                format!("[ $1 = --version ] && echo '{name} (PostgreSQL) 9.6.24' && exit");
            format!("{version}; echo version mismatch >&2; exit 1")
        };
        let backup = drilled_with(ROWS, Some(&old("pg_dump")), None).await;
        let restore = drilled(ROWS, Some(&old("pg_restore"))).await;
        for (drill, begins) in [
            (backup, "the backup: pg_dump is of version 9.6.24, the server of "),
            (restore, "the restore: pg_restore is of version 9.6.24, the server of "),
        ] {
            let unknown = drill.unknown.unwrap();
            assert!(unknown.starts_with(begins), "{unknown}");
            assert!(unknown.contains("; install the client programs of "), "{unknown}");
            assert_eq!(drill.faults, [""; 0]);
        }
    }

    #[tokio::test]
    async fn a_program_that_is_as_young_as_the_server_and_fails_is_a_fault() {
        let drill = drilled_with(ROWS, Some("echo no room >&2; exit 1"), None).await;
        assert_eq!(drill.unknown, None);
        assert!(drill.faults[0].contains("no room"), "{:?}", drill.faults);
    }

    #[tokio::test]
    async fn a_drill_without_rows_shows_nothing() {
        let drill = drilled("SELECT 1", None).await;
        assert!(drill.faults.is_empty() && drill.rows == 0, "{drill:?}");
    }
}
