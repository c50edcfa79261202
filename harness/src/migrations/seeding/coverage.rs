//! Rows that every partition of others finds a parent among.
//!
//! Where a table is partitioned by what it refers to, as by the account that a row belongs to, a
//! partition takes only rows of some parents, and a hash shares these out by chance. So the parents
//! are chosen for it: a table gets a row for each partition that leans on it, and on the way down a
//! partition refers to those that its bounds let in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sqlx::{AssertSqlSafe, PgConnection};

use super::SeedingError;
use super::shape::{CheckConstraint, ForeignKey, TableShape};
use super::table_name::{quote_identifier, quote_literal};
use super::values::plain;

/// A chain of parents longer than this is followed no further.
const LONGEST_CHAIN: usize = 8;
/// How many values are tried for a partition; a hash lets one of so many in with certainty enough.
const CANDIDATES_EACH: usize = 16;
const MOST_CANDIDATES: usize = 4_000;
/// Values that no other row has.
const FIRST_VALUE: u64 = 5_000_000;

/// What others' partitions want of one table's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// By the number that the column has in the root.
    pub column: i16,
    /// The bounds, and the name by which they call the column.
    bounds: BTreeSet<(String, String)>,
}

/// The rows that a table gets for the sake of others' partitions.
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage {
    pub wanted: Option<Wanted>,
    /// How many rows it should have at first.
    pub rows: usize,
    /// What the wanted column should hold in some.
    pub values: BTreeSet<String>,
}

impl Wanted {
    /// How many rows a table should have of them at once, if it has so many partitions.
    pub fn rows(&self, partitions: usize) -> usize {
        match partitions {
            0 | 1 => self.bounds.len(),
            // They are not shared out evenly.
            _ => 2 * self.bounds.len().div_ceil(partitions),
        }
    }
}

/// For each table, or the root of its partitions, what the partitions of others want of it. These
/// are the tables as they refer to each other.
pub(super) fn wanted(tables: &BTreeMap<u32, Arc<TableShape>>) -> BTreeMap<u32, Wanted> {
    let mut wanted: BTreeMap<u32, Wanted> = BTreeMap::new();
    for partition in tables.values().filter(|table| table.root != table.oid && !table.partitioned) {
        let Some((bounds, key)) = leaning(partition, tables) else { continue };
        let Some(own) = partition.column(bounds.columns[0]) else { continue };
        let mut place = parent_of(key, bounds.columns[0]);
        for _ in 0..LONGEST_CHAIN {
            let Some((table, column)) = place else { break };
            let entry =
                wanted.entry(table).or_insert_with(|| Wanted { column, ..Wanted::default() });
            if entry.column != column {
                break;
            }
            entry.bounds.insert((bounds.expression.clone(), own.name.clone()));
            let key = tables.get(&table).and_then(|table| widest_key(table, column, tables));
            place = key.and_then(|key| parent_of(key, column));
        }
    }
    wanted
}

/// The bounds of a partition and the foreign key that holds what they read, if these are of one
/// column.
pub(super) fn leaning<'a>(
    partition: &'a TableShape,
    tables: &BTreeMap<u32, Arc<TableShape>>,
) -> Option<(&'a CheckConstraint, &'a ForeignKey)> {
    let bounds = partition.bounds().filter(|bounds| bounds.columns.len() == 1)?;
    Some((bounds, widest_key(partition, bounds.columns[0], tables)?))
}

/// Of the foreign keys that hold a column the one that says the most.
pub(super) fn widest_key<'a>(
    table: &'a TableShape,
    column: i16,
    tables: &BTreeMap<u32, Arc<TableShape>>,
) -> Option<&'a ForeignKey> {
    // A partition is referred to along with its root.
    let is_whole = |key: &&ForeignKey| tables.get(&key.parent).is_none_or(|it| it.root == it.oid);
    let holds = |key: &&ForeignKey| key.parent != table.root && key.columns.contains(&column);
    let keys = table.foreign_keys.iter().filter(is_whole).filter(holds);
    keys.max_by_key(|key| key.columns.len())
}

fn parent_of(key: &ForeignKey, column: i16) -> Option<(u32, i16)> {
    let at = key.columns.iter().position(|own| *own == column)?;
    Some((key.parent, *key.parent_columns.get(at)?))
}

/// Values for the wanted column of a table that refers to nothing with it: one for each bounds that
/// no row of it meets, as far as one can be found.
///
/// # Errors
/// PostgreSQL is gone. Bounds that cannot be asked for are no error.
pub(super) async fn values(
    connection: &mut PgConnection,
    table: &TableShape,
    wanted: &Wanted,
) -> Result<BTreeSet<String>, SeedingError> {
    let Some(column) = table.column(wanted.column).filter(|column| !column.computed) else {
        return Ok(BTreeSet::new());
    };
    let count = (wanted.bounds.len() * CANDIDATES_EACH).min(MOST_CANDIDATES) as u64;
    let candidates: Vec<String> = (0..count)
        .map(|place| {
            quote_literal(&plain(&column.value_type, column.modifier, FIRST_VALUE + place))
        })
        .collect();
    let theirs = quote_identifier(&column.name);
    let searches = wanted.bounds.iter().map(|(bounds, name)| {
        let (own, name, of) = (table.name.quoted(), quote_identifier(name), &column.type_name);
        format!(
            "CASE WHEN NOT EXISTS (SELECT FROM (SELECT {theirs} AS {name} FROM {own}) AS present \
             WHERE {bounds}) THEN (SELECT candidate FROM candidates, \
             LATERAL (SELECT candidate::{of} AS {name}) AS tried WHERE {bounds} LIMIT 1) END"
        )
    });
    let query = format!(
        "WITH candidates AS MATERIALIZED (SELECT unnest(ARRAY[{}]) AS candidate) \
         SELECT ARRAY[{}]::text[]",
        candidates.join(", "),
        searches.collect::<Vec<_>>().join(", ")
    );
    let found: Result<Vec<Option<String>>, _> =
        sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(connection).await;
    match found {
        Ok(found) => Ok(found.into_iter().flatten().collect()),
        Err(error) if error.as_database_error().is_some() => Ok(BTreeSet::new()),
        Err(error) => Err(SeedingError::database("look for parents of partitions")(error)),
    }
}
