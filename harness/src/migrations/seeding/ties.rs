//! Columns that no foreign key ties to each other, and that have to agree all the same.
//!
//! Who refers to two parents by a shared column, such as members and groups of one organisation,
//! needs two that agree in it. Where only one of these refers to the organisation, the other's
//! column could hold anything, and no two would ever agree. So it is filled as if it referred to the
//! same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::shape::{ForeignKey, TableShape};

/// A column of a table.
type Place = (u32, i16);

/// The tables, some with references that they do not declare.
pub(super) fn tied(tables: &BTreeMap<u32, Arc<TableShape>>) -> BTreeMap<u32, Arc<TableShape>> {
    let mut tied = tables.clone();
    for child in tables.values() {
        for origins in shared_origins(child, tables) {
            let key = origins.iter().find(|origin| is_key(**origin, tables));
            let Some(&goal) = key.or(origins.first()) else { continue };
            for &(oid, column) in origins.iter().filter(|origin| is_free(**origin, tables)) {
                if oid == goal.0 || refers(goal.0, oid, &tied) {
                    continue;
                }
                let tie = ForeignKey {
                    name: format!("what {} shares", child.name.quoted()),
                    columns: vec![column],
                    parent: goal.0,
                    parent_columns: vec![goal.1],
                    deferrable: false,
                };
                let table = tied.get_mut(&oid).map(Arc::make_mut);
                if let Some(table) = table.filter(|table| !has(table, column)) {
                    table.foreign_keys.push(tie);
                }
            }
        }
    }
    tied
}

/// For each column by which a table refers to several parents, the places where their values come
/// from, if these are several.
fn shared_origins(
    child: &TableShape,
    tables: &BTreeMap<u32, Arc<TableShape>>,
) -> Vec<BTreeSet<Place>> {
    let mut by_column: BTreeMap<i16, BTreeSet<Place>> = BTreeMap::new();
    // A partition is referred to along with its root.
    let is_whole = |key: &&ForeignKey| tables.get(&key.parent).is_none_or(|it| it.root == it.oid);
    for key in child.foreign_keys.iter().filter(is_whole) {
        for (own, theirs) in key.columns.iter().zip(&key.parent_columns) {
            let origin = origin((key.parent, *theirs), tables);
            by_column.entry(*own).or_default().insert(origin);
        }
    }
    by_column.into_values().filter(|origins| origins.len() > 1).collect()
}

/// Where the values of a column come from: the end of its references.
pub(super) fn origin(mut place: Place, tables: &BTreeMap<u32, Arc<TableShape>>) -> Place {
    let mut seen = BTreeSet::from([place]);
    while let Some(next) = tables.get(&place.0).and_then(|table| reference(table, place.1)) {
        if !seen.insert(next) {
            break;
        }
        place = next;
    }
    place
}

/// What a column refers to.
fn reference(table: &TableShape, column: i16) -> Option<Place> {
    table.foreign_keys.iter().find_map(|key| {
        let at = key.columns.iter().position(|own| *own == column)?;
        Some((key.parent, *key.parent_columns.get(at)?))
    })
}

fn has(table: &TableShape, column: i16) -> bool {
    reference(table, column).is_some()
}

fn is_key((oid, column): Place, tables: &BTreeMap<u32, Arc<TableShape>>) -> bool {
    tables.get(&oid).is_some_and(|table| table.is_key(column))
}

/// Whether a column may hold what others hold: it tells no rows apart, and is not made by itself.
fn is_free(place: Place, tables: &BTreeMap<u32, Arc<TableShape>>) -> bool {
    let column = tables.get(&place.0).and_then(|table| table.column(place.1));
    !is_key(place, tables) && column.is_some_and(|column| !column.computed && !column.identity)
}

/// Whether a table refers to another, directly or not.
fn refers(from: u32, to: u32, tables: &BTreeMap<u32, Arc<TableShape>>) -> bool {
    let (mut seen, mut next) = (BTreeSet::from([from]), vec![from]);
    while let Some(oid) = next.pop() {
        for key in tables.get(&oid).into_iter().flat_map(|table| &table.foreign_keys) {
            if key.parent == to {
                return true;
            }
            if seen.insert(key.parent) {
                next.push(key.parent);
            }
        }
    }
    false
}
