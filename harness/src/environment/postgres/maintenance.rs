//! The one session through which a process creates and drops its databases in the shared cluster.
//!
//! The names tell all that has to be known, so no process needs to remember anything:
//! - `building_HASH`: a template that is not complete;
//! - `template_HASH`: a complete one, from which others are copied;
//! - `clone_HASH_…`: a copy that waits for somebody to take it;
//! - `used_OWNER_…`: somebody's; dropped by its owner, or by whoever finds that the owner died.
//!
//! To build and to take is to rename, which succeeds for one process only.

use std::time::Duration;

use sqlx::postgres::PgDatabaseError;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use super::PostgresError;
use super::connection::{connect, execute};
use super::shared::{Membership, Owner};
use super::template::Template;

/// Complete templates in one cluster; the oldest goes when there are more.
const MOST_TEMPLATES: usize = 8;
const ATTEMPTS: usize = 5;
/// Copies of one template that wait.
const CLONES_AHEAD: usize = 2;
/// A server of PostgreSQL 15 or newer must be told to copy files, which is what older ones do.
const STRATEGY_SINCE: u32 = 15;

const UNDEFINED_DATABASE: &str = "3D000";
const DATABASE_IN_USE: &str = "55006";

/// What lets a server of this major version copy a database fast, at the end of `CREATE DATABASE`.
pub(crate) fn copying_files(major: u32) -> &'static str {
    if major >= STRATEGY_SINCE { "STRATEGY file_copy" } else { "" }
}

pub(super) struct Maintenance {
    connection: PgConnection,
    owner: String,
    created: u64,
    strategy: &'static str,
}

impl Maintenance {
    pub async fn connect(membership: &Membership) -> Result<Self, PostgresError> {
        let connection = connect(&membership.options("postgres")).await?;
        let major = connection.server_version_num().unwrap_or_default() / 10_000;
        Ok(Self {
            connection,
            owner: membership.owner().to_owned(),
            created: 0,
            strategy: copying_files(major),
        })
    }

    /// Hands out a copy of a template: one that waits, else a new one, after building the template
    /// if there is none.
    pub async fn take(
        &mut self,
        membership: &Membership,
        template: &Template,
    ) -> Result<String, PostgresError> {
        let name = self.new_name("used");
        // More than one try is needed only if another process drops the template, as the oldest,
        // between its being built and copied.
        for _ in 0..ATTEMPTS {
            let (built, clones) = self.look_up(template).await?;
            for clone in clones {
                if self.rename(&clone, &name).await? {
                    return Ok(name);
                }
            }
            if !built {
                self.build(membership, template).await?;
            }
            if self.copy(template, &name).await? {
                return Ok(name);
            }
        }
        Err(PostgresError::Interrupted(format!(
            "the template was dropped {ATTEMPTS} times before it could be copied: \
             more than {MOST_TEMPLATES} templates are in use at once"
        )))
    }

    /// Copies a template once more if fewer copies wait than should.
    pub async fn refill(&mut self, template: &Template) -> Result<(), PostgresError> {
        let (built, clones) = self.look_up(template).await?;
        if built && clones.len() < CLONES_AHEAD {
            let name = self.new_name(&format!("clone_{}", template.hash()));
            self.copy(template, &name).await?;
        }
        Ok(())
    }

    /// Drops a database, after ending whoever is still connected to it.
    pub async fn drop_database(&mut self, name: &str) -> Result<(), PostgresError> {
        // DROP DATABASE would do this too, but looks only every 100 ms whether they are gone.
        while self.end_sessions(name).await? {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        let statement = format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
        execute(&mut self.connection, "drop a database", statement).await
    }

    /// Drops one database that a dead process left, or its file if there is none left. Whether
    /// there may be more.
    pub async fn drop_one_of(&mut self, owner: &Owner) -> Result<bool, PostgresError> {
        let names = self.names_with(&format!("used_{}_", owner.name)).await?;
        if let Some(name) = names.first() {
            self.drop_database(name).await?;
            return Ok(true);
        }
        // Only whoever holds its lock removes it; that it is gone already is as good.
        let _ = std::fs::remove_file(&owner.path);
        Ok(false)
    }

    async fn build(
        &mut self,
        membership: &Membership,
        template: &Template,
    ) -> Result<(), PostgresError> {
        self.lock_templates("pg_advisory_lock").await?;
        let result = self.build_locked(membership, template).await;
        self.lock_templates("pg_advisory_unlock").await?;
        result
    }

    async fn build_locked(
        &mut self,
        membership: &Membership,
        template: &Template,
    ) -> Result<(), PostgresError> {
        if self.look_up(template).await?.0 {
            return Ok(()); // built while this process waited for the lock
        }
        let building = format!("building_{}", template.hash());
        self.drop_database(&building).await?;
        let statement = format!("CREATE DATABASE {building}");
        execute(&mut self.connection, "create a template", statement).await?;
        let applied = apply(membership, &building, template).await;
        if let Err(error) = applied {
            self.drop_database(&building).await?;
            return Err(error);
        }
        while self.end_sessions(&building).await? {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        self.rename(&building, &format!("template_{}", template.hash())).await?;
        self.drop_oldest_templates().await
    }

    /// One lock for all: two templates are seldom built at once, and each takes the whole machine.
    async fn lock_templates(&mut self, function: &str) -> Result<(), PostgresError> {
        let statement = format!("SELECT {function}(hashtext('harness templates'))");
        execute(&mut self.connection, "lock the templates", statement).await
    }

    async fn drop_oldest_templates(&mut self) -> Result<(), PostgresError> {
        let templates = self.names_with("template_").await?;
        for template in &templates[..templates.len().saturating_sub(MOST_TEMPLATES)] {
            self.drop_database(template).await?;
            let hash = template.trim_start_matches("template_");
            for clone in self.names_with(&format!("clone_{hash}_")).await? {
                self.drop_database(&clone).await?;
            }
        }
        Ok(())
    }

    /// Whether a template is complete, and the copies of it that wait.
    async fn look_up(&mut self, template: &Template) -> Result<(bool, Vec<String>), PostgresError> {
        let hash = template.hash();
        let mut names = self
            .names_where(&format!(
                "datname = 'template_{hash}' OR starts_with(datname::text, 'clone_{hash}_')"
            ))
            .await?;
        let count = names.len();
        names.retain(|name| name.starts_with("clone_"));
        Ok((names.len() < count, names))
    }

    async fn names_with(&mut self, prefix: &str) -> Result<Vec<String>, PostgresError> {
        self.names_where(&format!("starts_with(datname::text, '{prefix}')")).await
    }

    /// The names of databases, the oldest first. In one message: preparing a statement that is
    /// run once or twice would take longer than running it.
    async fn names_where(&mut self, condition: &str) -> Result<Vec<String>, PostgresError> {
        let statement =
            format!("SELECT datname::text FROM pg_database WHERE {condition} ORDER BY oid");
        let rows = sqlx::raw_sql(AssertSqlSafe(statement))
            .fetch_all(&mut self.connection)
            .await
            .map_err(PostgresError::database("list the databases"))?;
        rows.iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()
            .map_err(PostgresError::database("read the names of the databases"))
    }

    /// Ends the sessions in a database and says whether there were any.
    async fn end_sessions(&mut self, name: &str) -> Result<bool, PostgresError> {
        let statement = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_get_activity(NULL)
             WHERE datid = (SELECT oid FROM pg_database WHERE datname = '{name}')"
        );
        let ended = sqlx::raw_sql(AssertSqlSafe(statement))
            .fetch_all(&mut self.connection)
            .await
            .map_err(PostgresError::database("end the sessions in a database"))?;
        Ok(!ended.is_empty())
    }

    /// Whether the copy was made; not if the template is gone.
    async fn copy(&mut self, template: &Template, name: &str) -> Result<bool, PostgresError> {
        let statement = format!(
            "CREATE DATABASE \"{name}\" TEMPLATE template_{} {}",
            template.hash(),
            self.strategy
        );
        self.execute_unless("copy a template", statement, &[UNDEFINED_DATABASE]).await
    }

    /// Whether the database was renamed; not if somebody else was faster.
    async fn rename(&mut self, from: &str, to: &str) -> Result<bool, PostgresError> {
        let statement = format!("ALTER DATABASE \"{from}\" RENAME TO \"{to}\"");
        let faster = [UNDEFINED_DATABASE, DATABASE_IN_USE];
        self.execute_unless("rename a database", statement, &faster).await
    }

    /// Whether it was done; not if the server refused with one of these codes.
    async fn execute_unless(
        &mut self,
        action: &str,
        statement: String,
        refusals: &[&str],
    ) -> Result<bool, PostgresError> {
        let result = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut self.connection).await;
        match result {
            Ok(_) => Ok(true),
            Err(error) if code(&error).is_some_and(|code| refusals.contains(&code)) => Ok(false),
            Err(error) => Err(PostgresError::database(action)(error)),
        }
    }

    fn new_name(&mut self, kind: &str) -> String {
        self.created += 1;
        format!("{kind}_{}_{}", self.owner, self.created)
    }
}

/// The server's code for what went wrong.
fn code(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::code)
}

async fn apply(
    membership: &Membership,
    database: &str,
    template: &Template,
) -> Result<(), PostgresError> {
    let mut connection = connect(&membership.options(database)).await?;
    for (name, sql) in template.files() {
        execute(&mut connection, &format!("apply {name}"), sql.clone()).await?;
    }
    let _ = connection.close().await;
    Ok(())
}
