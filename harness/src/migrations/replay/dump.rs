//! A dump of a database, loaded into one of the replay's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::client_program::{self, ClientPrograms, ProgramError};
use super::{Refusal, ReplayError, Session};
use crate::migrations::sql::{MetaCommand, Statement, split};

/// What an archive of `pg_dump --format=custom` begins with.
const ARCHIVE: &[u8] = b"PGDMP";
/// undefined_object: a role that does not exist, a setting that this version does not know.
const UNDEFINED: &str = "42704";
/// duplicate_schema.
const DUPLICATE_SCHEMA: &str = "42P06";

/// A dump of a database: SQL as `pg_dump` writes it, or one of its archives. It is held in memory.
#[derive(Debug)]
pub struct Dump {
    path: PathBuf,
    statements: Vec<Statement>,
}

/// Why a dump cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The file cannot be read.
    #[error("cannot read the dump {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is neither an archive nor text.
    #[error(
        "the dump {} is neither SQL in UTF-8 nor an archive of pg_dump; \
         write one with: pg_dump --format=custom",
        path.display()
    )]
    NoText {
        /// The file.
        path: PathBuf,
    },
    /// It has a command that only psql obeys, and that could do anything on this machine.
    #[error("the dump {} cannot be loaded: {source}; take it out", path.display())]
    MetaCommand {
        /// The file.
        path: PathBuf,
        /// The command.
        source: MetaCommand,
    },
    /// PostgreSQL refuses a statement of it.
    #[error("the dump {}, line {line}, is refused: {refusal}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The statement's line, from 1; in an archive, of the SQL that it holds.
        line: usize,
        /// What PostgreSQL said.
        refusal: Box<Refusal>,
    },
    /// `pg_restore` cannot read the archive.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The replay's own server failed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

impl Dump {
    /// Reads a dump; an archive through `pg_restore`, which writes the SQL that it holds.
    ///
    /// # Errors
    /// There is no such file, it is no dump, or it holds commands of psql.
    pub async fn read(
        path: &Path,
        programs: &ClientPrograms,
        deadline: Duration,
    ) -> Result<Self, DumpError> {
        let is_folder = path.join("toc.dat").is_file();
        let bytes = if is_folder { ARCHIVE.to_vec() } else { read_file(path)? };
        let bytes = if bytes.starts_with(ARCHIVE) {
            let arguments = ["--file=-".to_owned(), path.display().to_string()];
            client_program::run(&programs.pg_restore, &arguments, deadline).await?
        } else {
            bytes
        };
        let text =
            String::from_utf8(bytes).map_err(|_| DumpError::NoText { path: path.to_owned() })?;
        let statements = split(&without_restriction(&text), 1)
            .map_err(|source| DumpError::MetaCommand { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), statements })
    }

    /// Loads it into the session's database. Roles that it names and that are not there are made;
    /// settings that this version of PostgreSQL does not know are left out, and so is a schema
    /// `public` that is there already.
    ///
    /// # Errors
    /// PostgreSQL refuses a statement.
    pub async fn load(&self, session: &mut Session<'_>) -> Result<(), DumpError> {
        for statement in &self.statements {
            self.load_one(statement, session).await?;
        }
        Ok(session.reset().await?)
    }

    async fn load_one(
        &self,
        statement: &Statement,
        session: &mut Session<'_>,
    ) -> Result<(), DumpError> {
        // Each time one more role is there, so that this comes to an end.
        loop {
            let Err(refusal) = session.run(statement).await else { return Ok(()) };
            match missing_role(&refusal) {
                Some(role) => make_role(role, session).await?,
                None if is_of_no_matter(statement, &refusal) => return Ok(()),
                None => {
                    let (path, line) = (self.path.clone(), statement.line);
                    return Err(DumpError::Refused { path, line, refusal: Box::new(refusal) });
                }
            }
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, DumpError> {
    std::fs::read(path).map_err(|source| DumpError::File { path: path.to_owned(), source })
}

/// Without the two lines between which `pg_dump` tells psql to obey no commands. The line numbers
/// stay.
fn without_restriction(text: &str) -> String {
    let Some(key) = text.lines().find_map(|line| line.strip_prefix("\\restrict ")) else {
        return text.to_owned();
    };
    let marks = [format!("\\restrict {key}"), format!("\\unrestrict {key}")];
    let plain = text
        .split('\n')
        .map(|line| if marks.iter().any(|mark| mark == line.trim_end()) { "" } else { line });
    plain.collect::<Vec<_>>().join("\n")
}

/// The role that PostgreSQL says it does not have.
fn missing_role(refusal: &Refusal) -> Option<&str> {
    if refusal.sqlstate != UNDEFINED {
        return None;
    }
    refusal.message.strip_prefix("role \"")?.strip_suffix("\" does not exist")
}

async fn make_role(role: &str, session: &mut Session<'_>) -> Result<(), ReplayError> {
    let statement = format!("CREATE ROLE \"{}\"", role.replace('"', "\"\""));
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(session.connection())
        .await
        .map(drop)
        .map_err(ReplayError::server("make a role that a dump names"))
}

fn is_of_no_matter(statement: &Statement, refusal: &Refusal) -> bool {
    let unknown_setting = statement.begins(&["set"]) && refusal.sqlstate == UNDEFINED;
    let public =
        statement.begins(&["create", "schema", "public"]) && refusal.sqlstate == DUPLICATE_SCHEMA;
    unknown_setting || public
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::replay::Server;

    const DEADLINE: Duration = Duration::from_secs(30);

    async fn load(dump: impl AsRef<[u8]>) -> Result<i64, DumpError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump.sql");
        std::fs::write(&path, dump).unwrap();
        let server = Server::start("loaded").await.unwrap();
        let programs = ClientPrograms::of(server.cluster());
        let dump = Dump::read(&path, &programs, DEADLINE).await?;
        let mut session = Session::open(&server, "loaded", DEADLINE).await.unwrap();
        dump.load(&mut session).await?;
        let count = sqlx::query_scalar("SELECT count(*) FROM public.kept");
        Ok(count.fetch_one(session.connection()).await.unwrap())
    }

    #[tokio::test]
    async fn rows_roles_and_marks_of_pg_dump_are_taken() {
        let dump = "\\restrict abc\nSET statement_timeout = 0;\nSET setting_of_tomorrow = 0;\n\
            SELECT pg_catalog.set_config('search_path', '', false);\nCREATE SCHEMA public;\n\
            CREATE TABLE public.kept (a text);\nALTER TABLE public.kept OWNER TO \"an owner\";\n\
            COPY public.kept (a) FROM stdin;\none\n\\N\n\\restrictive\n\\.\n\n\
            GRANT SELECT ON public.kept TO reader, writer;\n\\unrestrict abc\n";
        assert_eq!(load(dump).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn what_cannot_be_loaded_says_where() {
        for (dump, expected) in [
            ("CREATE TABLE public.kept (a int);\n\\! id\n".as_bytes(), "line 2: `\\! id`"),
            (b"CREATE TABLE a (x int);\n\nCREATE TABLE a (x int);", "line 3, is refused"),
            (b"\xff\xfe", "neither SQL in UTF-8"),
            (b"PGDMP and nothing more", "pg_restore failed"),
        ] {
            let message = load(dump).await.unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
