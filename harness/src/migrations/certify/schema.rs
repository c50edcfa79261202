//! The schema of a database, as `pg_dump` writes it, statement by statement.

use std::collections::BTreeSet;

use tokio::process::Command;

use super::CertifyError;
use super::database::Database;
use super::file::CertifyFile;
use crate::environment::postgres::binaries::Binaries;

/// The statements that would make a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema(BTreeSet<String>);

impl Schema {
    /// Reads the schema of a database, without the runner's own tables.
    ///
    /// # Errors
    /// When `pg_dump` is missing or fails.
    pub async fn read(database: &Database, file: &CertifyFile) -> Result<Self, CertifyError> {
        let binaries = Binaries::find().map_err(|error| CertifyError::Program {
            program: "pg_dump".to_owned(),
            message: error.to_string(),
        })?;
        let mut command = Command::new(binaries.program("pg_dump"));
        command.args(["--schema-only", "--no-owner"]).args(database.libpq_arguments());
        for table in file.tracking_tables() {
            command.args(["--exclude-table", table]);
        }
        let failed = |message: String| CertifyError::Program { program: "pg_dump".into(), message };
        let output = command.kill_on_drop(true).output().await;
        let output = output.map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Statements stand in paragraphs; comments and `\restrict` mean nothing.
    fn parse(dump: &str) -> Self {
        let means_something = |line: &&str| !line.starts_with("--") && !line.starts_with('\\');
        let lines: Vec<&str> = dump.lines().filter(means_something).collect();
        let text = lines.join("\n");
        let paragraphs = text.split("\n\n").map(str::trim).filter(|text| !text.is_empty());
        Self(paragraphs.map(str::to_owned).collect())
    }

    /// How another schema differs from this one, one line each.
    pub fn differences(&self, found: &Self) -> Vec<String> {
        let missing = (&self.0 - &found.0).into_iter().map(|text| format!("missing: {}", line(&text)));
        let beside = (&found.0 - &self.0).into_iter().map(|text| format!("there: {}", line(&text)));
        missing.chain(beside).collect()
    }
}

fn line(statement: &str) -> String {
    let words = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(160).collect()
}
