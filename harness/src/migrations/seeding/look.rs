//! One look at all tables: how many rows each has, and those that came or changed since another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Deserialize;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::SeedingError;
use super::record::Record;
use super::shape::TableShape;

/// Where a row lies: its table or partition, and its place in there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub(super) struct Place(pub u32, pub Box<str>);

/// What was seen of one table.
#[derive(Debug)]
pub(super) struct Seen {
    pub count: usize,
    /// Rows that came or were written anew.
    pub young: Vec<(Place, Record)>,
}

/// Looks at these tables. Of those in `known`, only the rows that are younger than `horizon`.
pub(super) async fn look(
    connection: &mut PgConnection,
    tables: &[&TableShape],
    known: &BTreeSet<u32>,
    horizon: Option<&str>,
) -> Result<BTreeMap<u32, Seen>, SeedingError> {
    if tables.is_empty() {
        return Ok(BTreeMap::new());
    }
    let age = horizon.map_or_else(|| i32::MAX.to_string(), |since| format!("age('{since}'::xid)"));
    let mut sql = format!("WITH since AS MATERIALIZED (SELECT {age} AS age)");
    for (place, table) in tables.iter().enumerate() {
        let union = if place == 0 { "" } else { " UNION ALL" };
        let young = match known.contains(&table.oid) {
            true => "FILTER (WHERE age(watched.xmin) <= (SELECT age FROM since))",
            false => "",
        };
        let _ = write!(
            sql,
            "{union} SELECT {}::bigint, count(*), json_agg(json_build_array(\
             watched.tableoid::bigint, watched.ctid::text, (watched)::text)) {young}::text FROM {}",
            table.oid,
            source(table),
        );
    }
    let rows = fetch(connection, sql).await?;
    let mut seen = BTreeMap::new();
    for row in rows {
        let (oid, count) = (number(&row, 0)?, number(&row, 1)?);
        let young: Option<String> =
            row.try_get(2).map_err(SeedingError::database("read what became of rows"))?;
        let young: Vec<(u32, Box<str>, String)> = parse(young)?;
        let young = young
            .into_iter()
            .map(|(table, place, text)| (Place(table, place), Record::parse(&text)))
            .collect();
        seen.insert(oid as u32, Seen { count: count as usize, young });
    }
    Ok(seen)
}

/// The places of all rows of these tables.
pub(super) async fn places(
    connection: &mut PgConnection,
    tables: &[&TableShape],
) -> Result<BTreeMap<u32, BTreeSet<Place>>, SeedingError> {
    let one = |table: &&TableShape| {
        format!(
            "SELECT {}::bigint, json_agg(json_build_array(\
             watched.tableoid::bigint, watched.ctid::text))::text FROM {}",
            table.oid,
            source(table)
        )
    };
    let parts: Vec<_> = tables.iter().map(one).collect();
    if parts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut found = BTreeMap::new();
    for row in fetch(connection, parts.join(" UNION ALL ")).await? {
        let list: Option<String> =
            row.try_get(1).map_err(SeedingError::database("read where rows lie"))?;
        found.insert(number(&row, 0)? as u32, parse::<Place>(list)?.into_iter().collect());
    }
    Ok(found)
}

/// A table that others inherit from is looked at without them.
fn source(table: &TableShape) -> String {
    let only = if table.partitioned { "" } else { "ONLY " };
    format!("{only}{} AS watched", table.name.quoted())
}

async fn fetch(
    connection: &mut PgConnection,
    sql: String,
) -> Result<Vec<sqlx::postgres::PgRow>, SeedingError> {
    // In one message: it is never asked twice, and to prepare it would be another.
    sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await
        .map_err(SeedingError::database("look at all rows"))
}

fn number(row: &sqlx::postgres::PgRow, column: usize) -> Result<i64, SeedingError> {
    row.try_get(column).map_err(SeedingError::database("count rows"))
}

fn parse<T: for<'a> Deserialize<'a>>(text: Option<String>) -> Result<Vec<T>, SeedingError> {
    match text {
        Some(text) => serde_json::from_str(&text).map_err(SeedingError::answer("reading rows")),
        None => Ok(Vec::new()),
    }
}
