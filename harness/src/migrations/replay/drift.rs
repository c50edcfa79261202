//! Two databases that should have one schema: the head against the lineage's own record of its
//! schema, or against a live database.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::client_program::ClientPrograms;
use super::dump::{Dump, DumpError};
use super::{ReplayError, Server, Session};
use crate::migrations::catalog::{Catalog, CatalogError, CatalogReader, Change, Difference};

/// The database that a recorded schema is loaded into.
const RECORDED: &str = "recorded_schema";

/// How a schema differs from the head. Who owns things is left out: that is up to a deployment.
#[derive(Clone, Debug, Serialize)]
pub struct Drift {
    /// What the head was compared with; of a live database where it is, without credentials.
    pub against: String,
    /// What must be done to that schema to make it the head's.
    pub changes: Vec<Change>,
    /// The same, where it means nothing.
    pub cosmetic: Vec<Change>,
}

/// Why there is nothing to compare with.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// The recorded schema cannot be loaded.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The replay's own server failed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The live database's catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// It is no URL of a PostgreSQL database.
    #[error("this is no URL of a PostgreSQL database: it must look like postgres://HOST/DATABASE")]
    Url,
    /// The live database cannot be reached.
    #[error("cannot connect to {place}: {reason}")]
    Connect {
        /// Host, port and database.
        place: String,
        /// What was said, without the password.
        reason: String,
    },
    /// The session there could write, so that nothing was read.
    #[error(
        "{place} gives a session that may write, although a read-only one was asked for; \
         a pooler in between may do that: connect to the database itself"
    )]
    Writable {
        /// Host, port and database.
        place: String,
    },
}

/// Compares a recorded schema with the head, leaving out tables of these qualified names. The
/// server gets a database for it, and loses it again.
///
/// # Errors
/// The file cannot be read or loaded, or the server is down.
pub async fn against_recorded(
    server: &Server,
    path: &Path,
    head: &Catalog,
    left_out: &[&str],
    deadline: Duration,
) -> Result<Drift, DriftError> {
    let dump = Dump::read(path, &ClientPrograms::of(server.cluster()), deadline).await?;
    server.create_database(RECORDED).await?;
    let recorded = load_and_read(server, &dump, deadline).await;
    server.drop_database(RECORDED).await?;
    Ok(Drift::between(path.display().to_string(), &recorded?, head, left_out))
}

async fn load_and_read(
    server: &Server,
    dump: &Dump,
    deadline: Duration,
) -> Result<Catalog, DriftError> {
    let mut session = Session::open(server, RECORDED, deadline).await?;
    dump.load(&mut session).await?;
    let catalog = CatalogReader::new().read(session.connection()).await?;
    session.close().await?;
    Ok(Catalog::clone(&catalog))
}

/// Compares a live database with the head, leaving out tables of these qualified names. Nothing is
/// written there: the session is read-only from its beginning, and a writable one is refused.
///
/// # Errors
/// The URL is none, or the database cannot be reached or does not give a read-only session.
pub async fn against_live(
    url: &str,
    head: &Catalog,
    left_out: &[&str],
    deadline: Duration,
) -> Result<Drift, DriftError> {
    let live = Live::parse(url)?;
    let mut connection = live.connect(deadline).await?;
    let catalog = CatalogReader::new().read(&mut connection).await;
    // The server notices a connection that is just closed as well.
    let _ = connection.close().await;
    Ok(Drift::between(live.place, &*catalog?, head, left_out))
}

impl Drift {
    fn between(against: String, found: &Catalog, head: &Catalog, left_out: &[&str]) -> Self {
        let comparable = |catalog: &Catalog| catalog.without(left_out).without_owners();
        let Difference { changes, cosmetic } =
            Difference::between(&comparable(found), &comparable(head));
        Self { against, changes, cosmetic }
    }
}

/// A live database, and how it may be called.
struct Live {
    options: PgConnectOptions,
    place: String,
    password: Option<String>,
}

impl Live {
    fn parse(url: &str) -> Result<Self, DriftError> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
        let rest = rest.ok_or(DriftError::Url)?;
        let options = PgConnectOptions::from_str(url).map_err(|_| DriftError::Url)?;
        let host = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => options.get_host().to_owned(),
        };
        let place = format!(
            "{host}:{}/{}",
            options.get_port(),
            options.get_database().unwrap_or(options.get_username()),
        );
        let password = rest
            .rsplit_once('@')
            .and_then(|(credentials, _)| credentials.split_once(':'))
            .map(|(_, password)| password.to_owned());
        Ok(Self { options, place, password })
    }

    async fn connect(&self, deadline: Duration) -> Result<PgConnection, DriftError> {
        let milliseconds = deadline.as_millis().to_string();
        let options = self.options.clone().application_name("harness (read-only)").options([
            ("default_transaction_read_only", "on"),
            ("statement_timeout", milliseconds.as_str()),
            ("lock_timeout", "2000"),
        ]);
        let connecting = tokio::time::timeout(deadline, options.connect());
        let connected = match connecting.await {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", deadline.as_secs())),
        };
        let mut connection = connected.map_err(|reason| self.cannot_connect(&reason))?;
        let read_only: String = sqlx::query_scalar("SHOW transaction_read_only")
            .fetch_one(&mut connection)
            .await
            .map_err(|error| self.cannot_connect(&error.to_string()))?;
        if read_only != "on" {
            return Err(DriftError::Writable { place: self.place.clone() });
        }
        Ok(connection)
    }

    fn cannot_connect(&self, reason: &str) -> DriftError {
        let reason = match self.password.as_deref() {
            Some(password) if !password.is_empty() => reason.replace(password, "…"),
            _ => reason.to_owned(),
        };
        DriftError::Connect { place: self.place.clone(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::AssertSqlSafe;

    const DEADLINE: Duration = Duration::from_secs(30);
    const SCHEMA: &str = "CREATE TABLE jobs (id int PRIMARY KEY, state varchar(9) \
        CHECK (state IN ('new', 'old'))); CREATE TABLE versions (version int);";

    async fn run(options: PgConnectOptions, sql: &str) {
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }

    async fn head(server: &Server) -> Catalog {
        run(server.options("head"), SCHEMA).await;
        let mut connection = server.options("head").connect().await.unwrap();
        Catalog::clone(&*CatalogReader::new().read(&mut connection).await.unwrap())
    }

    fn lines(drift: &Drift) -> Vec<String> {
        drift.changes.iter().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn a_recorded_schema_differs_where_it_does() {
        let server = Server::start("head").await.unwrap();
        let head = head(&server).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("structure.sql");
        // As pg_dump words it, by another owner, with a column too few and one too many.
        std::fs::write(
            &path,
            "CREATE TABLE public.jobs (state character varying(9), id integer NOT NULL, x int,
            CONSTRAINT jobs_state_check CHECK (((state)::text = ANY (ARRAY[
                ('new'::character varying)::text, ('old'::character varying)::text]))));
            ALTER TABLE public.jobs OWNER TO somebody;
            GRANT SELECT ON public.jobs TO somebody;",
        )
        .unwrap();
        let drift =
            against_recorded(&server, &path, &head, &["public.versions"], DEADLINE).await.unwrap();
        assert_eq!(
            lines(&drift),
            [
                "column x of public.jobs is gone",
                "index public.jobs_pkey was added",
                "constraint jobs_pkey of public.jobs was added",
            ]
        );
        assert_eq!(drift.cosmetic.len(), 2, "the columns' order and the check: {drift:?}");
    }

    #[tokio::test]
    async fn a_live_database_is_only_read_and_its_password_is_not_told() {
        let server = Server::start("head").await.unwrap();
        let head = head(&server).await;
        let cluster = server.cluster();
        cluster.create_role_and_database("service", "hunter2", "live").await.unwrap();
        let url = |password: &str| {
            format!("postgres://service:{password}@127.0.0.1:{}/live", cluster.port())
        };
        run(url("hunter2").parse().unwrap(), SCHEMA).await;
        let live = url("hunter2");
        let same = against_live(&live, &head, &[], DEADLINE).await.unwrap();
        assert_eq!(lines(&same), [""; 0]);
        assert!(same.against.ends_with("/live") && !same.against.contains("hunter2"));

        run(live.parse().unwrap(), "ALTER TABLE jobs ALTER state SET NOT NULL").await;
        let drift = against_live(&live, &head, &[], DEADLINE).await.unwrap();
        assert_eq!(lines(&drift), ["column state of public.jobs: not null true is gone"]);

        let mut connection = Live::parse(&live).unwrap().connect(DEADLINE).await.unwrap();
        let refused = sqlx::raw_sql("DROP TABLE jobs").execute(&mut connection).await.unwrap_err();
        assert!(refused.to_string().contains("read-only"), "{refused}");

        let wrong = against_live(&url("hunter3"), &head, &[], DEADLINE).await.unwrap_err();
        assert!(wrong.to_string().contains("authentication failed"), "{wrong}");
        assert!(!wrong.to_string().contains("hunter3"), "{wrong}");
        for url in ["mysql://a/b", "jobs", "postgres://host:port/x"] {
            let error = against_live(url, &head, &[], DEADLINE).await.unwrap_err();
            assert!(matches!(error, DriftError::Url), "{error}");
        }
    }

    #[tokio::test]
    async fn a_url_cannot_ask_for_a_session_that_may_write() {
        let server = Server::start("head").await.unwrap();
        let head = head(&server).await;
        let cluster = server.cluster();
        cluster.create_role_and_database("service", "secret", "live").await.unwrap();
        let url = format!(
            "postgres://service:secret@127.0.0.1:{}/live?options=-c%20default_transaction_read_only%3Doff",
            cluster.port()
        );
        let mut connection = Live::parse(&url).unwrap().connect(DEADLINE).await.unwrap();
        let refused =
            sqlx::raw_sql("CREATE TABLE a ()").execute(&mut connection).await.unwrap_err();
        assert!(refused.to_string().contains("read-only"), "{refused}");
        against_live(&url, &head, &[], DEADLINE).await.unwrap();
    }
}
