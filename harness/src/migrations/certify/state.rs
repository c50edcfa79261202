//! What a database holds, as far as two runs of the same migrations must agree on it.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::CertifyError;
use super::data::Data;
use super::database::{Database, recorded};
use super::file::CertifyFile;
use crate::migrations::catalog::{Alteration, Catalog, CatalogReader, Change, Difference};

/// The longest value of an attribute that a difference quotes.
const LONGEST_VALUE: usize = 80;

/// What a database holds.
#[derive(Clone, Debug)]
pub struct State {
    /// What the runner has recorded.
    pub recorded: Vec<String>,
    /// The schema, without the runner's own tables.
    catalog: Catalog,
    data: Data,
}

/// How a state differs from the one that it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Recorded, and should not be.
    pub unexpected_records: Vec<String>,
    /// Not recorded, and should be.
    pub missing_records: Vec<String>,
    /// Differences of the catalogs.
    pub catalog: Vec<String>,
    /// Differences of the data.
    pub data: Vec<String>,
}

impl State {
    /// Reads the state of a database.
    ///
    /// # Errors
    /// When PostgreSQL refuses.
    pub async fn read(database: &Database, file: &CertifyFile) -> Result<Self, CertifyError> {
        let mut connection = database.connect().await?;
        Ok(Self {
            recorded: recorded(&mut connection, &file.tracking).await?,
            catalog: catalog(&mut connection, file).await?,
            data: Data::read(&mut connection, &file.uncompared_tables()).await?,
        })
    }

    /// Leaves out the columns in which two undisturbed runs differ.
    pub fn forget_what_varies(&mut self, other: &Self) {
        self.data.forget_what_varies(&other.data);
    }

    /// Leaves out the columns that are known to vary, from a state with more migrations.
    pub fn forget_what_varied(&mut self, known: &Self) {
        self.data.forget_what_varied(&known.data);
    }

    /// Whether a database has this catalog and these records by now. One that cannot be asked has
    /// not.
    pub async fn is_reached_in(&self, database: &Database, file: &CertifyFile) -> bool {
        self.compare_with(database, file).await.unwrap_or(false)
    }

    async fn compare_with(
        &self,
        database: &Database,
        file: &CertifyFile,
    ) -> Result<bool, CertifyError> {
        let mut connection = database.connect().await?;
        if recorded(&mut connection, &file.tracking).await? != self.recorded {
            return Ok(false);
        }
        let catalog = catalog(&mut connection, file).await?;
        Ok(Difference::between(&self.catalog, &catalog).is_empty())
    }

    /// How what was found differs from this state, as it should be.
    pub fn drift(&self, found: &Self) -> Drift {
        let difference = Difference::between(&self.catalog, &found.catalog);
        Drift {
            unexpected_records: not_in(&found.recorded, &self.recorded),
            missing_records: not_in(&self.recorded, &found.recorded),
            catalog: difference.changes.iter().map(line).collect(),
            data: self.data.differences(&found.data),
        }
    }
}

async fn catalog(
    connection: &mut PgConnection,
    file: &CertifyFile,
) -> Result<Catalog, CertifyError> {
    let catalog = CatalogReader::new().read(connection).await?;
    Ok(catalog.without(&file.tracking_tables()))
}

fn not_in(records: &[String], others: &[String]) -> Vec<String> {
    let others: BTreeSet<&String> = others.iter().collect();
    records.iter().filter(|record| !others.contains(record)).cloned().collect()
}

/// A change, the first catalog being as it should be.
fn line(change: &Change) -> String {
    match &change.alteration {
        Alteration::Added => format!("{} is there and should not be", change.key),
        Alteration::Removed => format!("{} is missing", change.key),
        Alteration::Altered { attribute, before, after } => format!(
            "{}: {attribute} is {}, not {}",
            change.key,
            short(after.as_deref()),
            short(before.as_deref())
        ),
    }
}

fn short(value: Option<&str>) -> String {
    let Some(value) = value else { return "not set".to_owned() };
    let cut: String = value.chars().take(LONGEST_VALUE).collect();
    let rest = if cut.len() < value.len() { "…" } else { "" };
    format!("`{cut}{rest}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_compared_as_sets() {
        let records =
            |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(not_in(&records(&["1", "3"]), &records(&["2", "1"])), ["3"]);
        assert_eq!(not_in(&records(&["1"]), &records(&["1"])), Vec::<String>::new());
    }

    #[test]
    fn long_values_are_cut() {
        assert_eq!(short(None), "not set");
        assert_eq!(short(Some("text")), "`text`");
        assert_eq!(short(Some(&"x".repeat(100))), format!("`{}…`", "x".repeat(80)));
    }
}
