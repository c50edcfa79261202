//! The tool's own tracking table.

use crate::migrations::lineage::{Convention, Lineage, Migration};

/// How the tool keeps its tracking table.
#[derive(Clone, Copy, Debug)]
pub struct Tracking {
    convention: Convention,
}

impl Tracking {
    /// Of a lineage's tool.
    pub fn of(lineage: &Lineage) -> Self {
        Self { convention: lineage.convention }
    }

    /// Makes the table.
    pub fn create(&self) -> String {
        match self.convention {
            Convention::SortedUp => {
                "CREATE TABLE schema_migrations (version VARCHAR(255) PRIMARY KEY)".into()
            }
            _ => "CREATE TABLE schema_migrations (version text PRIMARY KEY)".into(),
        }
    }

    /// Records a migration that was applied.
    pub fn record(&self, migration: &Migration) -> String {
        format!("INSERT INTO public.schema_migrations (version) VALUES ('{}')", migration.file())
    }

    /// Removes that record.
    pub fn removal(&self, migration: &Migration) -> String {
        format!("DELETE FROM public.schema_migrations WHERE version = '{}'", migration.file())
    }
}
