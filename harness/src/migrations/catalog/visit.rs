//! A look into the catalog that leaves the caller's transaction and settings as they are.

use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use super::error::CatalogError;
use super::writes::Writes;

/// Everything that decides how PostgreSQL words a definition, what we may see, and how our
/// queries are planned: names are always qualified, and constants always written in one way.
const SETTINGS: [(&str, &str); 11] = [
    ("role", "none"),
    ("search_path", "pg_catalog"),
    ("quote_all_identifiers", "off"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "postgres"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("lc_monetary", "C"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
];

/// What is asked before anything is changed.
#[derive(Debug)]
pub(super) struct Circumstances {
    in_transaction: bool,
    pub(super) session: Session,
    /// How often each of the catalogs was written to that were asked about.
    pub(super) writes: Writes,
}

/// A visit. What the caller had is there again when it ends: settings, role, and not the locks that
/// deparsing took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    begin: &'static str,
    end: &'static str,
}

/// Which session it is, never to come again, and whether it may read everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    name: String,
    pub(super) unlimited: bool,
}

impl Visit {
    /// How many statements begin it.
    pub(super) const BEGINNING: usize = 2;

    /// Inside a transaction a savepoint, else a transaction of its own that reads one snapshot.
    pub(super) fn under(circumstances: &Circumstances) -> Self {
        match circumstances.in_transaction {
            true => Self {
                begin: "SAVEPOINT \"catalog visit\"",
                end: "ROLLBACK TO SAVEPOINT \"catalog visit\"; \
                      RELEASE SAVEPOINT \"catalog visit\"",
            },
            false => {
                Self { begin: "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", end: "ROLLBACK" }
            }
        }
    }

    /// What begins it, to be sent along with the first question.
    pub(super) fn beginning(self) -> String {
        format!("{}; {}; ", self.begin, set_locally())
    }

    /// What ends it, to be sent along with the last question.
    pub(super) fn ending(self) -> &'static str {
        self.end
    }

    /// Begins it.
    pub(super) async fn begin(self, connection: &mut PgConnection) -> Result<(), CatalogError> {
        sqlx::raw_sql(AssertSqlSafe(self.beginning()))
            .execute(connection)
            .await
            .map_err(CatalogError::reading("the schema"))?;
        Ok(())
    }

    /// Ends it.
    pub(super) async fn end(self, connection: &mut PgConnection) -> Result<(), CatalogError> {
        sqlx::raw_sql(self.end)
            .execute(connection)
            .await
            .map_err(CatalogError::reading("the schema"))?;
        Ok(())
    }
}

fn set_locally() -> String {
    let calls =
        SETTINGS.map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', true)"));
    format!("SELECT {}", calls.join(", "))
}

impl Circumstances {
    /// Asks for them, and how often these catalogs, by their numbers, were written to.
    ///
    /// A statement that stands alone begins in the same microsecond as its transaction, since
    /// PostgreSQL copies the one time from the other; in an open transaction it began later. This
    /// holds for the simple protocol only, in which a statement is one message.
    pub(super) async fn of(
        connection: &mut PgConnection,
        catalogs: &[u32],
    ) -> Result<Self, CatalogError> {
        Self::ask(connection, catalogs)
            .await
            .map_err(CatalogError::reading("the state of the session"))
    }

    async fn ask(connection: &mut PgConnection, catalogs: &[u32]) -> Result<Self, sqlx::Error> {
        let query = format!(
            "SELECT \
            pg_catalog.transaction_timestamp() OPERATOR(pg_catalog.<>) \
                pg_catalog.statement_timestamp(), \
            pg_catalog.has_table_privilege(session_user, 'pg_catalog.pg_authid', 'SELECT') \
            AND pg_catalog.has_table_privilege( \
                session_user, 'pg_catalog.pg_user_mapping', 'SELECT'), \
            pg_catalog.concat_ws(' ', pg_catalog.pg_backend_pid(), pg_catalog.date_part('epoch', \
                (SELECT backend_start FROM pg_catalog.pg_stat_get_activity( \
                    pg_catalog.pg_backend_pid())))), {}",
            Writes::columns(catalogs)
        );
        let row = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(query))).await?;
        let session = Session { unlimited: row.try_get(1)?, name: row.try_get(2)? };
        let writes = Writes { transaction: row.try_get(3)?, counts: row.try_get(4)? };
        Ok(Self { in_transaction: row.try_get(0)?, session, writes })
    }
}
