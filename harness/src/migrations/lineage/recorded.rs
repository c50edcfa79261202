//! What a tracking table says of what has run.

use super::tracking::{Tracking, number_of};
use super::{Convention, Lineage};

/// Why a tracking table does not say where in its lineage a database stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordedError {
    /// It has a record that stands for no migration of the lineage.
    #[error(
        "`{}` is recorded as run, and the lineage has no such migration: \
         is the database ahead of it, or was it interrupted in mid-way?",
        .0.escape_debug()
    )]
    Unknown(String),
    /// A migration has not run, and one after it has.
    #[error("{missing} is not recorded as run, and {later}, which comes after it, is")]
    Gap {
        /// The first that has not run.
        missing: String,
        /// One that has.
        later: String,
    },
}

impl Tracking {
    /// A query for the records of what has run: one text a row, as [`Tracking::position`] reads it.
    pub fn recorded(&self) -> String {
        let table = &self.table;
        match self.convention {
            // A version that is dirty was interrupted: no migration has such a name.
            Convention::GolangMigrate => format!(
                "SELECT version || CASE WHEN dirty THEN ' (dirty)' ELSE '' END \
                 FROM {table} WHERE version >= 0"
            ),
            Convention::GoPg => format!(
                "SELECT version::text FROM (SELECT version FROM {table} ORDER BY id DESC LIMIT 1) \
                 AS latest WHERE version > 0"
            ),
            Convention::Sqlx => format!(
                "SELECT version || CASE WHEN success THEN '' ELSE ' (failed)' END FROM {table}"
            ),
            Convention::Goose => format!(
                "SELECT version_id::text FROM (SELECT DISTINCT ON (version_id) version_id, \
                 is_applied FROM {table} ORDER BY version_id, id DESC) AS latest \
                 WHERE is_applied AND version_id > 0"
            ),
            Convention::SqlMigrate => format!("SELECT id FROM {table}"),
            Convention::Drizzle => format!("SELECT created_at::text FROM {table}"),
            Convention::Flyway => format!(
                "SELECT DISTINCT script FROM {table} \
                 WHERE success AND type NOT IN ('BASELINE', 'SCHEMA')"
            ),
            Convention::Diesel | Convention::Dbmate | Convention::Refinery => {
                format!("SELECT version::text FROM {table}")
            }
            Convention::SortedUp | Convention::Plain => {
                format!("SELECT {}::text FROM {table}", self.column)
            }
        }
    }

    /// How many of the lineage's migrations have run, by these records.
    ///
    /// # Errors
    /// A record stands for no migration, or those that ran are not the first ones.
    pub fn position(&self, lineage: &Lineage, records: &[String]) -> Result<usize, RecordedError> {
        let keys: Vec<String> =
            (0..lineage.migrations.len()).map(|position| self.key(lineage, position)).collect();
        if let Some(unknown) = records.iter().find(|record| !keys.contains(record)) {
            return Err(RecordedError::Unknown(unknown.clone()));
        }
        let last = keys.iter().rposition(|key| records.contains(key));
        let position = last.map_or(0, |last| last + 1);
        // These record where they stand and nothing else.
        let missing = match self.convention {
            Convention::GolangMigrate | Convention::GoPg => None,
            _ => (0..position).find(|&before| {
                !lineage.migrations[before].repeatable && !records.contains(&keys[before])
            }),
        };
        match (missing, last) {
            (Some(missing), Some(last)) => Err(RecordedError::Gap {
                missing: lineage.migrations[missing].file().to_owned(),
                later: lineage.migrations[last].file().to_owned(),
            }),
            _ => Ok(position),
        }
    }

    /// What the table has for the migration at that position, as text.
    fn key(&self, lineage: &Lineage, position: usize) -> String {
        let migration = &lineage.migrations[position];
        match self.convention {
            Convention::GolangMigrate
            | Convention::GoPg
            | Convention::Sqlx
            | Convention::Goose
            | Convention::Refinery => number_of(&migration.version),
            Convention::Diesel | Convention::Dbmate => migration.version.clone(),
            Convention::Drizzle => migration.stamp.unwrap_or_default().to_string(),
            Convention::SqlMigrate
            | Convention::Flyway
            | Convention::SortedUp
            | Convention::Plain => migration.file().to_owned(),
        }
    }
}
