//! The order in which tables get their rows: parents first, as far as foreign keys let them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::shape::{ForeignKey, TableShape};

/// Every table once, each after those that it refers to, and after its own partitions. Where tables refer to each other in a
/// circle, a reference that may be NULL is the one that waits; those that need each other stand in
/// one group.
pub(super) fn parents_first(tables: &BTreeMap<u32, Arc<TableShape>>) -> Vec<Vec<u32>> {
    let mut waiting: BTreeSet<u32> = tables.keys().copied().collect();
    let mut order = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let open = |oid: &u32, counts: fn(&TableShape, &ForeignKey) -> bool| {
            let table = &tables[oid];
            let of_parents = table.foreign_keys.iter().any(|key| {
                key.parent != *oid && waiting.contains(&key.parent) && counts(table, key)
            });
            let of_partitions =
                || waiting.iter().any(|other| other != oid && tables[other].root == *oid);
            of_parents || (table.partitioned && of_partitions())
        };
        let mut ready: Vec<u32> =
            waiting.iter().copied().filter(|oid| !open(oid, |_, _| true)).collect();
        if ready.is_empty() {
            ready.extend(waiting.iter().copied().find(|oid| !open(oid, is_needed)));
        }
        if ready.is_empty() {
            let circles = waiting.iter().map(|&oid| needed_with(oid, tables, &waiting));
            let circle = circles.min_by_key(Vec::len).unwrap_or_default();
            waiting.retain(|oid| !circle.contains(oid));
            order.push(circle);
        }
        for oid in ready {
            waiting.remove(&oid);
            order.push(vec![oid]);
        }
    }
    order
}

/// A table and all that it needs, directly or not, of those that still wait.
fn needed_with(
    oid: u32,
    tables: &BTreeMap<u32, Arc<TableShape>>,
    waiting: &BTreeSet<u32>,
) -> Vec<u32> {
    let mut found = vec![oid];
    let mut place = 0;
    while let Some(table) = found.get(place).map(|oid| &tables[oid]) {
        for key in table.foreign_keys.iter().filter(|key| is_needed(table, key)) {
            if waiting.contains(&key.parent) && !found.contains(&key.parent) {
                found.push(key.parent);
            }
        }
        place += 1;
    }
    found
}

/// Whether no row can do without the parent.
pub(super) fn is_needed(table: &TableShape, key: &ForeignKey) -> bool {
    key.columns.iter().all(|&number| table.column(number).is_some_and(|column| column.not_null))
}
