//! What every convention is given, and gives.

use super::{
    dbmate, diesel, drizzle, flyway, go_pg, golang_migrate, goose, plain, refinery, sorted_up,
    sql_migrate, sqlx,
};
use crate::migrations::lineage::folder::Folder;
use crate::migrations::lineage::variables::{Variables, fill};
use crate::migrations::lineage::{Convention, Ignored, LineageError, Migration, Script, Wrapping};

/// What a convention is given.
pub(in crate::migrations::lineage) struct Context<'a> {
    pub(in crate::migrations::lineage) folder: &'a Folder,
    /// What template variables stand for.
    pub(in crate::migrations::lineage) variables: &'a Variables,
}

/// What it makes of a folder.
#[derive(Debug, Default)]
pub(in crate::migrations::lineage) struct Reading {
    /// In the order in which the tool runs them.
    pub(in crate::migrations::lineage) migrations: Vec<Migration>,
    /// What looks like a migration, and is never run.
    pub(in crate::migrations::lineage) ignored: Vec<Ignored>,
    /// Files whose way up the tool cuts within quotes, each with the line of the first statement.
    pub(super) torn: Vec<(String, usize)>,
    /// What the files show of how they are run, beside whose they are.
    pub(in crate::migrations::lineage) note: Option<String>,
}

/// Reads a folder as that convention's tool does.
///
/// # Errors
/// A file cannot be read, or the tool would refuse it.
pub(in crate::migrations::lineage) fn read(
    convention: Convention,
    context: &Context<'_>,
) -> Result<Reading, LineageError> {
    match convention {
        Convention::GolangMigrate => golang_migrate::read(context),
        Convention::GoPg => go_pg::read(context),
        Convention::Sqlx => sqlx::read(context),
        Convention::SortedUp => sorted_up::read(context),
        Convention::Diesel => diesel::read(context),
        Convention::Drizzle => drizzle::read(context),
        Convention::Goose => goose::read(context),
        Convention::SqlMigrate => sql_migrate::read(context),
        Convention::Flyway => flyway::read(context),
        Convention::Dbmate => dbmate::read(context),
        Convention::Refinery => refinery::read(context),
        Convention::Plain => plain::read(context),
    }
}

impl Context<'_> {
    /// A file's text, with its variables filled in.
    pub(super) fn text(&self, file: &str) -> Result<String, LineageError> {
        Ok(fill(self.folder.text(file)?, self.variables))
    }

    /// A file that is sent as it is.
    pub(super) fn script(&self, file: &str, wrapping: Wrapping) -> Result<Script, LineageError> {
        Script::new(file, self.text(file)?, 1, wrapping)
    }
}

impl Reading {
    /// Notes a file that the tool passes over, if it looks like a migration.
    pub(super) fn ignore(&mut self, file: &str, reason: impl Into<String>) {
        if super::names::looks_like_migration(file) {
            self.ignored.push(Ignored { file: file.to_owned(), reason: reason.into() });
        }
    }

    /// Refuses two migrations of one number, as most tools do.
    pub(super) fn refuse_duplicates<K: Ord>(
        &self,
        tool: &'static str,
        key: impl Fn(&Migration) -> K,
    ) -> Result<(), LineageError> {
        let mut sorted: Vec<_> =
            self.migrations.iter().filter(|migration| !migration.repeatable).collect();
        sorted.sort_by_key(|migration| key(migration));
        match sorted.windows(2).find(|two| key(two[0]) == key(two[1])) {
            None => Ok(()),
            Some(two) => Err(LineageError::Duplicate {
                version: two[0].version.clone(),
                files: (two[0].file().to_owned(), two[1].file().to_owned()),
                tool,
            }),
        }
    }
}
