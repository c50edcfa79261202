//! What cases stand on: a PostgreSQL server of their own, and databases in the states that
//! undisturbed runs lead to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::CertifyError;
use super::blueprint::Blueprint;
use super::database::Database;
use super::instance::{Instance, Launch};
use super::sighting::{End, Expected};
use super::state::State;
use crate::environment::postgres::{
    ClusterOptions, PrivateCluster, quote_identifier, quote_literal,
};

/// A role that may connect, and nothing else.
pub const STRANGER: &str = "harness_stranger";
/// The database that every cluster has.
const MAINTENANCE: &str = "postgres";

/// A PostgreSQL server of its own for some cases.
#[derive(Debug)]
pub struct Ground<'a> {
    /// What all cases share.
    pub blueprint: &'a Blueprint,
    /// The server.
    pub cluster: PrivateCluster,
    password: String,
    undisturbed: Mutex<BTreeMap<usize, Slot>>,
    databases: AtomicUsize,
}

type Slot = Arc<OnceCell<Result<Arc<Undisturbed>, String>>>;

/// What a run that nobody disturbs leads to.
#[derive(Debug)]
pub struct Undisturbed {
    /// What its database holds.
    pub state: State,
    template: Database,
}

impl<'a> Ground<'a> {
    /// Starts the server and makes the roles. Its log gets this name.
    ///
    /// # Errors
    /// When PostgreSQL is missing, does not start, or refuses the role's attributes.
    pub async fn start(blueprint: &'a Blueprint, log: &str) -> Result<Self, CertifyError> {
        let log = blueprint.logs.join(format!("{log}.log"));
        // Sixteen servers with a pool each.
        let settings = vec![("max_connections".to_owned(), "500".to_owned())];
        let options = ClusterOptions { settings, ..ClusterOptions::new(log) };
        let ground = Self {
            blueprint,
            cluster: PrivateCluster::start(options).await?,
            password: blueprint.secrets.make(),
            undisturbed: Mutex::default(),
            databases: AtomicUsize::new(0),
        };
        let role = quote_identifier(&blueprint.file.database.role);
        let attributes = &blueprint.file.database.attributes;
        let (stranger, password) = (quote_identifier(STRANGER), quote_literal(&ground.password));
        let roles = format!(
            "CREATE ROLE {role} LOGIN PASSWORD {password} {attributes};\n\
             CREATE ROLE {stranger} LOGIN PASSWORD {password}"
        );
        ground.database(MAINTENANCE).execute("make the roles", &roles).await?;
        Ok(ground)
    }

    /// The password of every role.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The database of that name.
    fn database(&self, name: &str) -> Database {
        Database::new(name.to_owned(), self.cluster.superuser_options(MAINTENANCE))
    }

    async fn create(&self, template: &str, owner: &str) -> Result<Database, CertifyError> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let database = self.database(&format!("certified_{number}"));
        let (name, template, owner) =
            (quote_identifier(&database.name), quote_identifier(template), quote_identifier(owner));
        let create = format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {owner}");
        self.database(MAINTENANCE).execute("make a database", &create).await?;
        Ok(database)
    }

    /// A new database, with nothing but the prelude in it. The server's role owns it.
    ///
    /// # Errors
    /// When PostgreSQL refuses, as it does when the prelude is wrong.
    pub async fn empty(&self) -> Result<Database, CertifyError> {
        let needs = &self.blueprint.file.database;
        let database = self.create("template1", &needs.role).await?;
        database.execute("run database.prelude", &needs.prelude).await?;
        Ok(database)
    }

    /// A new database that an undisturbed run with the first `count` migrations has made.
    ///
    /// # Errors
    /// As [`Ground::undisturbed`].
    pub async fn at(&self, count: usize) -> Result<Database, CertifyError> {
        let undisturbed = self.undisturbed(count).await?;
        self.create(&undisturbed.template.name, &self.blueprint.file.database.role).await
    }

    /// What an undisturbed run with all migrations leads to.
    ///
    /// # Errors
    /// As [`Ground::undisturbed`].
    pub async fn complete(&self) -> Result<Arc<Undisturbed>, CertifyError> {
        let count = self.blueprint.migrations();
        self.slot(count, async || {
            let mut first = self.run_undisturbed(count).await?;
            let second = self.run_undisturbed(count).await?;
            first.state.forget_what_varies(&second.state);
            Ok(first)
        })
        .await
    }

    /// What an undisturbed run with the first `count` migrations leads to; made once.
    ///
    /// # Errors
    /// When the server does not come up with them, or PostgreSQL refuses.
    pub async fn undisturbed(&self, count: usize) -> Result<Arc<Undisturbed>, CertifyError> {
        let complete = self.complete().await?;
        if count == self.blueprint.migrations() {
            return Ok(complete);
        }
        self.slot(count, async || {
            let mut undisturbed = self.run_undisturbed(count).await?;
            undisturbed.state.forget_what_varied(&complete.state);
            Ok(undisturbed)
        })
        .await
    }

    async fn slot(
        &self,
        count: usize,
        make: impl AsyncFnOnce() -> Result<Undisturbed, CertifyError>,
    ) -> Result<Arc<Undisturbed>, CertifyError> {
        let slot = {
            let mut slots = self.undisturbed.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(count).or_default())
        };
        let made = slot.get_or_init(async || match make().await {
            Ok(undisturbed) => Ok(Arc::new(undisturbed)),
            Err(CertifyError::NoReference { why, .. }) => Err(why),
            Err(error) => Err(error.to_string()),
        });
        let made = made.await.clone();
        made.map_err(|why| CertifyError::NoReference { migrations: count, why })
    }

    async fn run_undisturbed(&self, count: usize) -> Result<Undisturbed, CertifyError> {
        let database = self.empty().await?;
        if count > 0 {
            let release = self.blueprint.release(count)?;
            self.bring_up(&database, release.folder(), count).await?;
        }
        let state = State::read(&database, &self.blueprint.file).await?;
        database.freeze().await?;
        Ok(Undisturbed { state, template: database })
    }

    async fn bring_up(
        &self,
        database: &Database,
        folder: &Path,
        count: usize,
    ) -> Result<(), CertifyError> {
        let label = format!("undisturbed-{count}");
        let mut instance = Instance::start(self, &Launch::new(&label, folder, database)).await?;
        let watched = instance.watch(Expected::Serves, async || true).await;
        let why = match watched.end {
            End::Ready => None,
            End::Exited(status) => Some(format!("it ended ({status})")),
            End::Unready => Some("it was not ready in time".to_owned()),
        };
        let log = instance.last_words().join(" | ");
        instance.kill().await;
        match why {
            Some(why) => Err(CertifyError::NoReference {
                migrations: count,
                why: format!("{why}; its log ends with: {log}"),
            }),
            None => Ok(()),
        }
    }
}
