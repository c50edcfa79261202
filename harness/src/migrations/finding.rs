//! What a rule or a replay reports of a lineage.

use serde::Serialize;

use crate::finding::Severity;

/// One thing that is wrong with a lineage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationFinding {
    /// A stable name in dotted words, as `round-trip.not-restored`.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// The version of the migration, where it is one migration's.
    pub version: Option<String>,
    /// The file, seen from the lineage's folder, with forward slashes.
    pub file: Option<String>,
    /// The line in the file, from 1.
    pub line: Option<usize>,
    /// The statement, as the file has it.
    pub statement: Option<String>,
    /// What was seen that shows it, in PostgreSQL's own words where it spoke.
    pub evidence: String,
    /// What to do about it.
    pub advice: String,
}
