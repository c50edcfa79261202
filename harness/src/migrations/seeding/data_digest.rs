//! Whether all data are as they were before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::shape::TableShape;
use super::shape_reader::ShapeReader;
use super::table_name::quote_identifier;
use super::{SeedingError, TableName};

/// A digest of all rows of all tables and of every sequence's value. It reads every row: for a
/// look after each migration, [`super::Population::differ`] is cheaper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataDigest {
    tables: BTreeMap<TableName, TableDigest>,
    sequences: BTreeMap<TableName, String>,
}

/// One table. A column's digest is a sum over its rows, each bound to the row's primary key where
/// there is one, so that values that changed their rows are noticed and the order is no matter.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TableDigest {
    rows: i64,
    columns: BTreeMap<String, String>,
}

impl DataDigest {
    /// Reads all rows of the user's schemas.
    ///
    /// # Errors
    /// PostgreSQL is gone.
    pub async fn read(connection: &mut PgConnection) -> Result<Self, SeedingError> {
        let mut reader = ShapeReader::default();
        reader.read(connection).await?;
        let mut digest = Self::default();
        for table in reader.tables().values().filter(|table| table.root == table.oid) {
            digest.tables.insert(table.name.clone(), read_table(connection, table).await?);
        }
        let rows = sqlx::query(include_str!("data_digest.sql"))
            .persistent(false)
            .fetch_all(connection)
            .await
            .map_err(SeedingError::database("read all sequences"))?;
        for row in rows {
            let name = TableName::new(text(&row, 0)?, text(&row, 1)?);
            digest.sequences.insert(name, text(&row, 2)?);
        }
        Ok(digest)
    }

    /// How many rows all tables have.
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.rows.unsigned_abs()).sum()
    }

    /// What differs in `other`, a line for each table, column or sequence; columns and tables that
    /// only one of them has are left to the comparison of catalogs.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, table) in &self.tables {
            let Some(now) = other.tables.get(name) else { continue };
            if table.rows != now.rows {
                lines.push(format!("{name}: {} rows, and {} now", table.rows, now.rows));
                continue;
            }
            for (column, digest) in &table.columns {
                if now.columns.get(column).is_some_and(|other| other != digest) {
                    lines.push(format!("{name}.{column}: the values differ"));
                }
            }
        }
        for (name, value) in &self.sequences {
            if let Some(now) = other.sequences.get(name).filter(|now| *now != value) {
                lines.push(format!("sequence {name}: {value}, and {now} now"));
            }
        }
        lines
    }
}

async fn read_table(
    connection: &mut PgConnection,
    table: &TableShape,
) -> Result<TableDigest, SeedingError> {
    // In an order that does not follow the columns' numbers: a restored table has other ones.
    let key: BTreeSet<String> = table
        .primary_key()
        .unwrap_or_default()
        .iter()
        .filter_map(|&number| table.column(number))
        .map(|column| quote_identifier(&column.name))
        .collect();
    let mut sql = "SELECT count(*)".to_owned();
    for column in &table.columns {
        let name = quote_identifier(&column.name);
        let bound: Vec<&str> = key.iter().map(String::as_str).chain([name.as_str()]).collect();
        let _ = write!(sql, ", sum(hashtextextended(ROW({})::text, 0))::text", bound.join(", "));
    }
    let only = if table.partitioned { "" } else { "ONLY " };
    let _ = write!(sql, " FROM {only}{}", table.name.quoted());
    let row = sqlx::query(AssertSqlSafe(sql))
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(SeedingError::database("digest a table"))?;
    let rows = row.try_get(0).map_err(SeedingError::database("count a table's rows"))?;
    let mut columns = BTreeMap::new();
    for (place, column) in table.columns.iter().enumerate() {
        columns.insert(column.name.clone(), text(&row, place + 1)?);
    }
    Ok(TableDigest { rows, columns })
}

fn text(row: &sqlx::postgres::PgRow, column: usize) -> Result<String, SeedingError> {
    let value: Option<String> =
        row.try_get(column).map_err(SeedingError::database("read a digest"))?;
    Ok(value.unwrap_or_default())
}
