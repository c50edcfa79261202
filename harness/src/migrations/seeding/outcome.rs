//! How each table fared when rows were generated for it.

use serde::Serialize;

/// One table at one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableSeeding {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// How it fared.
    pub outcome: SeedingOutcome,
}

/// How a table fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedingOutcome {
    /// It holds rows of this birth.
    Seeded {
        /// How many.
        rows: usize,
    },
    /// It holds rows, and there is no room for another: a singleton, or a key with few values.
    Saturated {
        /// In PostgreSQL's own words.
        why: String,
    },
    /// No row can be added to it: its trigger refuses, or code behind it names what is not there.
    Unseedable {
        /// In PostgreSQL's own words.
        why: String,
    },
    /// No row was found that it takes.
    Failed {
        /// In PostgreSQL's own words, for the plainest row that was tried.
        why: String,
    },
}
