//! What a rule is.

use super::Example;
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Lineage, Migration, Script};
use crate::migrations::sql::Statement;

/// One check on a lineage.
#[derive(Debug)]
pub struct Rule {
    /// Its name and that of its findings, in dotted words.
    pub id: &'static str,
    /// How bad what it finds is.
    pub severity: Severity,
    /// What must not be, in one sentence.
    pub summary: &'static str,
    /// Why not.
    pub reason: &'static str,
    /// What to do instead.
    pub advice: &'static str,
    /// A lineage in which it finds something.
    pub bad: Example,
    /// The same, mended.
    pub good: Example,
    /// Everything that it finds.
    pub check: fn(&Rule, &Lineage) -> Vec<MigrationFinding>,
}

impl Rule {
    /// A finding that concerns the lineage as a whole.
    pub(super) fn of_lineage(&self, evidence: impl Into<String>) -> MigrationFinding {
        MigrationFinding {
            id: self.id.to_owned(),
            severity: self.severity,
            version: None,
            file: None,
            line: None,
            statement: None,
            evidence: evidence.into(),
            advice: self.advice.to_owned(),
        }
    }

    /// A finding that concerns a file, which may be none of the lineage's.
    pub(super) fn of_file(&self, file: &str, evidence: impl Into<String>) -> MigrationFinding {
        MigrationFinding { file: Some(file.to_owned()), ..self.of_lineage(evidence) }
    }

    /// A finding that concerns a migration.
    pub(super) fn of_migration(
        &self,
        migration: &Migration,
        evidence: impl Into<String>,
    ) -> MigrationFinding {
        MigrationFinding {
            version: Some(migration.version.clone()),
            ..self.of_file(migration.file(), evidence)
        }
    }

    /// A finding that concerns a statement.
    pub(super) fn of_statement(
        &self,
        (migration, script): (&Migration, &Script),
        statement: &Statement,
        evidence: impl Into<String>,
    ) -> MigrationFinding {
        MigrationFinding {
            file: Some(script.file.clone()),
            line: Some(statement.line),
            statement: Some(statement.text.clone()),
            ..self.of_migration(migration, evidence)
        }
    }
}
