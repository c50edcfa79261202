//! A copy of the reference system's migrations that a scenario may add to.

use std::fs;

use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::system_run::ReferenceSystem;

/// A folder of migrations, removed in the end.
#[derive(Debug)]
pub struct Lineage {
    folder: TempDir,
}

impl Lineage {
    /// Copies the system's migrations, and has the system use the copy.
    ///
    /// # Errors
    /// When they cannot be copied.
    pub fn copied_for(reference: &mut ReferenceSystem) -> Result<Self, Failed> {
        let system = &mut reference.system;
        let folder = tempfile::tempdir()?;
        let database = system.database.as_mut().ok_or("the system has no database")?;
        for entry in fs::read_dir(system.folder.join(&database.migrations))? {
            let entry = entry?;
            fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
        }
        database.migrations = folder.path().to_owned();
        Ok(Self { folder })
    }

    /// The names of the files that migrate upwards, in their order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn versions(&self) -> Result<Vec<String>, Failed> {
        let entries = fs::read_dir(self.folder.path())?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<Result<Vec<_>, Failed>>()?;
        names.retain(|name| name.ends_with(".up.sql"));
        names.sort();
        Ok(names)
    }

    /// Writes a migration, in place of one that has the same name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, sql: &str) -> Result<(), Failed> {
        Ok(fs::write(self.folder.path().join(name), sql)?)
    }
}
