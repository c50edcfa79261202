//! The data of a database, as far as two runs of the same migrations must agree on them.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::CertifyError;

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
  AND NOT n.nspname || '.' || c.relname = ANY ($1)
GROUP BY n.nspname, c.relname
ORDER BY 1";

/// The data of a database, by table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data(BTreeMap<String, Digest>);

/// The rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Digest {
    rows: i64,
    /// A hash of the values of each column.
    columns: BTreeMap<String, Option<String>>,
}

impl Data {
    /// Reads the data of every table but these.
    ///
    /// # Errors
    /// When PostgreSQL refuses.
    pub async fn read(
        connection: &mut PgConnection,
        without: &[String],
    ) -> Result<Self, CertifyError> {
        let refused = || CertifyError::database("read the data");
        let tables: Vec<(String, Vec<String>, String)> = sqlx::query_as(DIGESTS)
            .bind(without)
            .fetch_all(&mut *connection)
            .await
            .map_err(refused())?;
        let mut data = Self::default();
        for (table, columns, query) in tables {
            let row = sqlx::query(AssertSqlSafe(query)).fetch_one(&mut *connection).await;
            let row = row.map_err(refused())?;
            let hashes: Vec<Option<String>> = row.get(1);
            let columns = columns.into_iter().zip(hashes).collect();
            data.0.insert(table, Digest { rows: row.get(0), columns });
        }
        Ok(data)
    }

    /// Leaves out the columns in which two undisturbed runs differ: times, generated keys.
    pub fn forget_what_varies(&mut self, other: &Self) {
        for (table, digest) in &mut self.0 {
            let others = other.0.get(table);
            digest.columns.retain(|column, hash| {
                others.is_some_and(|others| others.columns.get(column) == Some(hash))
            });
        }
    }

    /// Leaves out the columns that are known to vary, from the data of more migrations.
    pub fn forget_what_varied(&mut self, known: &Self) {
        for (table, digest) in &mut self.0 {
            let known = known.0.get(table);
            digest
                .columns
                .retain(|column, _| known.is_some_and(|known| known.columns.contains_key(column)));
        }
    }

    /// How other data differ from these, as they should be, one line a table.
    pub fn differences(&self, found: &Self) -> Vec<String> {
        // A table that is missing is told as a difference of the catalogs.
        let pairs =
            self.0.iter().filter_map(|(table, digest)| Some((table, digest, found.0.get(table)?)));
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
        (!columns.is_empty()).then(|| format!("{table} has other values in {}", columns.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(rows: i64, columns: &[(&str, &str)]) -> Data {
        let owned = |(name, hash): &(&str, &str)| ((*name).to_owned(), Some((*hash).to_owned()));
        let columns = columns.iter().map(owned).collect();
        Data([("public.things".to_owned(), Digest { rows, columns })].into())
    }

    #[test]
    fn rows_and_values_that_differ_are_named() {
        let expected = data(2, &[("name", "a")]);
        assert_eq!(expected.differences(&expected), Vec::<String>::new());
        let found = data(1, &[("name", "b")]);
        assert_eq!(expected.differences(&found), ["public.things has 1 rows, not 2"]);
        let found = data(2, &[("name", "b")]);
        assert_eq!(expected.differences(&found), ["public.things has other values in name"]);
    }

    #[test]
    fn what_varies_from_run_to_run_is_no_difference() {
        let mut expected = data(1, &[("id", "a"), ("name", "x")]);
        expected.forget_what_varies(&data(1, &[("id", "b"), ("name", "x")]));
        let found = data(1, &[("id", "c"), ("name", "x")]);
        assert_eq!(expected.differences(&found), Vec::<String>::new());
        let found = data(1, &[("id", "c"), ("name", "y")]);
        assert_eq!(expected.differences(&found).len(), 1);

        let mut earlier = data(1, &[("id", "d"), ("name", "x")]);
        earlier.forget_what_varied(&expected);
        assert_eq!(earlier, expected);
    }
}
