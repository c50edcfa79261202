//! What depends on units that changed: their names may stand in its description.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;
use sqlx::postgres::types::Oid;

use super::error::CatalogError;
use super::unit::{Class, Unit};

/// The direct dependents, by the catalogs' numbers. One step is enough: a view on a view names the
/// columns of the one below, and these do not change with what lies further down. A row that is a
/// part of a unit stands for the unit, and a constraint for its index too, which depends on nothing
/// but the constraint.
const QUERY: &str = include_str!("queries/dependents.sql");

/// The units that depend directly on these.
pub(super) async fn read(
    connection: &mut PgConnection,
    changed: &[Unit],
    classes: &HashMap<u32, Class>,
) -> Result<HashSet<Unit>, CatalogError> {
    let numbers: HashMap<Class, u32> = classes.iter().map(|(oid, class)| (*class, *oid)).collect();
    let (catalogs, units): (Vec<Oid>, Vec<Oid>) =
        changed.iter().map(|unit| (Oid(numbers[&unit.class]), Oid(unit.oid))).unzip();
    let rows: Vec<(Oid, Oid)> = sqlx::query_as(QUERY)
        .bind(catalogs)
        .bind(units)
        .fetch_all(connection)
        .await
        .map_err(CatalogError::reading("what depends on what"))?;
    let unit = |(catalog, oid): (Oid, Oid)| {
        classes.get(&catalog.0).map(|class| Unit { class: *class, oid: oid.0 })
    };
    Ok(rows.into_iter().filter_map(unit).collect())
}
