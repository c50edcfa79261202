//! The ordered migrations of one project.

use std::path::PathBuf;

use super::{Convention, Migration, Script, Settings, Step, Tracking};

/// The ordered migrations of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The folder.
    pub path: PathBuf,
    /// How its files are named and run.
    pub convention: Convention,
    /// Why this convention, in words.
    pub reason: String,
    /// In the order in which the tool runs them.
    pub migrations: Vec<Migration>,
    /// What looks like a migration, and is never run.
    pub ignored: Vec<Ignored>,
    /// What `lineage.toml` says.
    pub settings: Settings,
}

/// A file that the tool passes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The file, seen from the lineage's folder, with forward slashes.
    pub file: String,
    /// Why the tool does not run it, in words.
    pub reason: String,
}

impl Lineage {
    /// The table in which its tool keeps what it has run; `None` for plain files, which none keeps
    /// track of.
    pub fn tracking(&self) -> Option<Tracking> {
        Tracking::of(self)
    }

    /// All its SQL: for each migration the way up, then the way down.
    pub fn scripts(&self) -> impl Iterator<Item = (&Migration, &Script)> {
        self.migrations.iter().flat_map(|migration| {
            let up = if let Step::Script(script) = &migration.up { Some(script) } else { None };
            up.into_iter().chain(&migration.down).map(move |script| (migration, script))
        })
    }

    /// Where the migration of a version stands. Leading zeros do not matter: 7 is 007, too. Of a
    /// version that is there twice it is the first.
    pub fn position(&self, version: &str) -> Option<usize> {
        let exact = self.migrations.iter().position(|migration| migration.version == version);
        let bare = |version: &str| version.trim_start_matches('0').to_owned();
        exact.or_else(|| {
            self.migrations.iter().position(|other| bare(&other.version) == bare(version))
        })
    }
}
