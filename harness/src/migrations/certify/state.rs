//! What a database holds, as far as two runs of the same migrations must agree on it.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::CertifyError;
use super::database::Database;
use super::file::CertifyFile;
use super::schema::Schema;

/// Every ordinary table outside the system's schemas, each with the query that digests it: how
/// many rows there are, and for each column a hash of all its values in their own order.
const DIGESTS: &str = "
SELECT format('%I.%I', n.nspname, c.relname),
       array_agg(a.attname::text ORDER BY a.attnum),
       format('SELECT count(*), ARRAY[%s]::text[] FROM ONLY %I.%I',
              string_agg(format('md5(string_agg(coalesce(%1$I::text, ''∅''), chr(10) ORDER BY %1$I::text))',
                                a.attname), ', ' ORDER BY a.attnum),
              n.nspname, c.relname)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT (c.relname = ANY ($1) OR n.nspname || '.' || c.relname = ANY ($1))
GROUP BY n.nspname, c.relname
ORDER BY 1";

/// What a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its schema, without the runner's own tables.
    pub schema: Schema,
    /// What the runner has recorded.
    pub recorded: Vec<String>,
    /// The data, by table.
    pub data: BTreeMap<String, Digest>,
}

/// The rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    rows: i64,
    /// A hash of the values of each column.
    columns: BTreeMap<String, Option<String>>,
}

/// How a state differs from the one that it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Recorded, and should not be.
    pub unexpected_records: Vec<String>,
    /// Not recorded, and should be.
    pub missing_records: Vec<String>,
    /// Differences of the schemas.
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
            schema: Schema::read(database, file).await?,
            recorded: database.recorded(&file.tracking).await?,
            data: digests(&mut connection, file).await?,
        })
    }

    /// Leaves out the columns in which two undisturbed runs differ: times, generated keys.
    pub fn forget_what_varies(&mut self, other: &Self) {
        for (table, digest) in &mut self.data {
            let others = other.data.get(table);
            digest.columns.retain(|column, hash| {
                others.is_some_and(|others| others.columns.get(column) == Some(hash))
            });
        }
    }

    /// Leaves out the columns that are known to vary, from a state with more migrations.
    pub fn forget_what_varied(&mut self, known: &Self) {
        for (table, digest) in &mut self.data {
            let known = known.data.get(table);
            digest.columns.retain(|column, _| {
                known.is_some_and(|known| known.columns.contains_key(column))
            });
        }
    }

    /// How this state, as it should be, differs from what was found.
    pub fn drift(&self, found: &Self) -> Drift {
        let (expected, recorded): (BTreeSet<&String>, BTreeSet<&String>) =
            (self.recorded.iter().collect(), found.recorded.iter().collect());
        let owned = |records: BTreeSet<&String>| records.into_iter().cloned().collect();
        Drift {
            unexpected_records: owned(&recorded - &expected),
            missing_records: owned(&expected - &recorded),
            catalog: self.schema.differences(&found.schema),
            data: self.differing_data(found),
        }
    }

    fn differing_data(&self, found: &Self) -> Vec<String> {
        // A table that is missing is told as a difference of the schema.
        let pairs = self.data.iter().filter_map(|(table, digest)| {
            Some((table, digest, found.data.get(table)?))
        });
        pairs.filter_map(|(table, digest, found)| digest.difference(table, found)).collect()
    }
}

impl Digest {
    fn difference(&self, table: &str, found: &Self) -> Option<String> {
        if self.rows != found.rows {
            return Some(format!("{table} has {} rows, not {}", found.rows, self.rows));
        }
        let differs = |(column, hash): &(&String, &Option<String>)| {
            found.columns.get(*column).is_some_and(|other| other != *hash)
        };
        let columns: Vec<&str> =
            self.columns.iter().filter(differs).map(|(column, _)| column.as_str()).collect();
        (!columns.is_empty())
            .then(|| format!("{table} has other values in {}", columns.join(", ")))
    }
}

async fn digests(
    connection: &mut PgConnection,
    file: &CertifyFile,
) -> Result<BTreeMap<String, Digest>, CertifyError> {
    let refused = || CertifyError::database("read the data");
    let tracking: Vec<String> = file.tracking_tables().map(str::to_owned).collect();
    let tables: Vec<(String, Vec<String>, String)> = sqlx::query_as(DIGESTS)
        .bind(tracking)
        .fetch_all(&mut *connection)
        .await
        .map_err(refused())?;
    let mut digests = BTreeMap::new();
    for (table, columns, query) in tables {
        let row = sqlx::query(AssertSqlSafe(query))
            .fetch_one(&mut *connection)
            .await
            .map_err(refused())?;
        let hashes: Vec<Option<String>> = row.get(1);
        let columns = columns.into_iter().zip(hashes).collect();
        digests.insert(table, Digest { rows: row.get(0), columns });
    }
    Ok(digests)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(rows: i64, columns: &[(&str, &str)]) -> Digest {
        let owned = |(name, hash): &(&str, &str)| ((*name).to_owned(), Some((*hash).to_owned()));
        Digest { rows, columns: columns.iter().map(owned).collect() }
    }

    fn state(recorded: &[&str], data: Digest) -> State {
        State {
            schema: Schema::default(),
            recorded: recorded.iter().map(|&record| record.to_owned()).collect(),
            data: [("public.things".to_owned(), data)].into(),
        }
    }

    #[test]
    fn records_and_rows_that_differ_are_named() {
        let expected = state(&["1", "2"], digest(2, &[("name", "a")]));
        assert_eq!(expected.drift(&expected), Drift::default());
        let drift = expected.drift(&state(&["1", "3"], digest(1, &[("name", "b")])));
        assert_eq!(drift.unexpected_records, ["3"]);
        assert_eq!(drift.missing_records, ["2"]);
        assert_eq!(drift.data, ["public.things has 1 rows, not 2"]);
        let drift = expected.drift(&state(&["1", "2"], digest(2, &[("name", "b")])));
        assert_eq!(drift.data, ["public.things has other values in name"]);
    }

    #[test]
    fn what_varies_from_run_to_run_is_no_drift() {
        let mut expected = state(&[], digest(1, &[("id", "a"), ("name", "x")]));
        expected.forget_what_varies(&state(&[], digest(1, &[("id", "b"), ("name", "x")])));
        let found = state(&[], digest(1, &[("id", "c"), ("name", "x")]));
        assert_eq!(expected.drift(&found), Drift::default());
        let found = state(&[], digest(1, &[("id", "c"), ("name", "y")]));
        assert_ne!(expected.drift(&found), Drift::default());
    }
}
