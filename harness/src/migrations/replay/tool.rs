//! The part of a project's migration tool: its tracking table and its lock.

use std::path::Path;

use super::client_program::ClientPrograms;
use super::dump::Dump;
use super::{ReplayError, Session, starting_point};
use crate::migrations::lineage::{Lineage, Migration, Record, Tracking};
use crate::migrations::seeding::TableName;

/// The settings that a session has made, as statements that make them again.
const SETTINGS: &str = "SELECT format('SELECT set_config(%L, %L, false)', name, setting) \
                        FROM pg_settings WHERE source = 'session'";

/// A lineage's tool, at work on one database.
#[derive(Clone, Debug)]
pub struct Tool<'lineage> {
    lineage: &'lineage Lineage,
    tracking: Option<Tracking>,
    /// The statement that takes its lock.
    lock: Option<String>,
    /// The place of the first migration that it writes no record of.
    unrecorded: Option<usize>,
}

impl<'lineage> Tool<'lineage> {
    /// The tool of a lineage, at work on a database of this name.
    pub fn of(lineage: &'lineage Lineage, database: &str) -> Self {
        let tracking = lineage.tracking();
        let lock = tracking.as_ref().and_then(|tracking| tracking.lock(database));
        Self { lineage, tracking, lock: lock.map(|lock| lock.take), unrecorded: None }
    }

    /// Writes no records from this migration on.
    pub fn stop_recording(&mut self, from: usize) {
        self.unrecorded = Some(from);
    }

    fn records(&self, index: usize) -> Option<&Tracking> {
        let ends = self.unrecorded.is_some_and(|from| index >= from);
        self.tracking.as_ref().filter(|_| !ends)
    }

    /// Makes what the deployment and the tool make in a new database, and takes the tool's lock.
    /// Settings that the prelude makes stay for every migration.
    ///
    /// # Errors
    /// The server refuses it.
    pub async fn prepare(&self, session: &mut Session<'_>) -> Result<(), ReplayError> {
        session
            .run_text(&self.lineage.settings.prelude)
            .await
            .map_err(|refusal| ReplayError::Prelude(refusal.to_string()))?;
        let settings: Vec<String> = sqlx::query_scalar(SETTINGS)
            .fetch_all(session.connection())
            .await
            .map_err(ReplayError::server("read the prelude's settings"))?;
        session.begin_with(settings.into_iter().chain(self.lock.clone()).collect()).await?;
        if let Some(tracking) = &self.tracking {
            let made = session.run_text(&tracking.create().join("; ")).await;
            made.map_err(|refusal| ReplayError::Tracking(refusal.to_string()))?;
        }
        Ok(())
    }

    /// Loads a dump in place of all that, and takes the tool's lock: the place of the migration
    /// that comes next.
    ///
    /// # Errors
    /// The dump cannot be loaded, or does not say where it stands.
    pub async fn start_from(
        &self,
        dump: &Path,
        session: &mut Session<'_>,
    ) -> Result<usize, ReplayError> {
        let wrong = |error| ReplayError::StartingPoint(Box::new(error));
        let programs = ClientPrograms::of(session.server().cluster());
        let dump = Dump::read(dump, &programs, session.deadline()).await;
        let dump = dump.map_err(|error| wrong(error.into()))?;
        let next = starting_point::start_from(&dump, self.lineage, session).await.map_err(wrong)?;
        session.begin_with(self.lock.clone().into_iter().collect()).await?;
        Ok(next)
    }

    /// A migration, by its place.
    pub fn migration(&self, index: usize) -> &'lineage Migration {
        &self.lineage.migrations[index]
    }

    /// A migration's version, with its name where the lineage has the version twice.
    pub fn name(&self, index: usize) -> String {
        let Migration { version, name, .. } = self.migration(index);
        let same = self.lineage.migrations.iter().filter(|other| other.version == *version);
        match same.count() {
            1 => version.clone(),
            _ => format!("{version}_{name}"),
        }
    }

    /// The tracking table, as the catalog names it.
    pub fn tables(&self) -> Vec<TableName> {
        let tracking = self.tracking.iter();
        tracking.map(|own| TableName::new(own.schema(), own.plain_name())).collect()
    }

    /// What the tool writes of a way up.
    pub fn record(&self, index: usize) -> Record {
        quick(self.records(index).map(|tracking| tracking.up(self.lineage, index)))
    }

    /// What the tool writes of a way down.
    pub fn removal(&self, index: usize) -> Record {
        quick(self.records(index).map(|tracking| tracking.down(self.lineage, index)))
    }
}

/// The same record with `DELETE` for `TRUNCATE`: the rows are the same, and the catalog does not
/// change with every migration.
fn quick(record: Option<Record>) -> Record {
    let Record { before, after } = record.unwrap_or_default();
    let quick = |statements: Vec<String>| {
        let statements = statements.into_iter();
        statements.map(|one| one.replacen("TRUNCATE ", "DELETE FROM ", 1)).collect()
    };
    Record { before: quick(before), after: quick(after) }
}
