//! What later versions demand of a column, seen in the fresh pass.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sqlx::PgConnection;

use super::shape::{CheckConstraint, ForeignKey, TableShape, TypeShape, UniqueKey};
use super::shape_reader::ShapeReader;
use super::{SeedingError, TableName};

/// What each version of a lineage demands of its tables, noted after each migration of the fresh
/// pass. A [`super::Seeder`] that has it generates rows that later versions take, beside some that
/// they do not.
///
/// Tables and columns are followed through renames, by their numbers in the catalog.
#[derive(Clone, Debug, Default)]
pub struct Foresight {
    reader: ShapeReader,
    versions: Vec<String>,
    shapes: HashMap<u32, Shapes>,
}

/// A table's shapes, each with the version (by its place) from which on it holds; `None` when the
/// table is gone.
type Shapes = Vec<(usize, Option<Arc<TableShape>>)>;

/// What later versions demand of one table beyond its present shape.
#[derive(Clone, Debug, Default)]
pub(super) struct Outlook {
    pub keys: Vec<LaterKey>,
    pub foreign_keys: Vec<ForeignKey>,
    pub checks: Vec<LaterCheck>,
    pub not_null: BTreeSet<i16>,
    /// For each column its later types, with modifier and SQL name.
    pub types: BTreeMap<i16, Vec<(Arc<TypeShape>, i32, String)>>,
}

/// A unique key that comes later, or that then holds for other rows.
#[derive(Clone, Debug)]
pub(super) struct LaterKey {
    pub key: UniqueKey,
    /// Name and type of each column that its predicate reads, as they are then.
    pub typed: BTreeMap<i16, (String, String)>,
}

/// A CHECK that comes later.
#[derive(Clone, Debug)]
pub(super) struct LaterCheck {
    pub check: CheckConstraint,
    /// Name and type of each column that it reads, as they are then.
    pub typed: BTreeMap<i16, (String, String)>,
}

impl Foresight {
    /// Nothing noted yet: every row is generated as its own version permits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes what this version demands. Call it after each migration, in order; it reads what
    /// changed in the catalog, 1 to 2 ms.
    ///
    /// # Errors
    /// PostgreSQL is gone.
    pub async fn note(
        &mut self,
        connection: &mut PgConnection,
        version: &str,
    ) -> Result<(), SeedingError> {
        let changed = self.reader.read(connection).await?;
        let place = self.versions.len();
        self.versions.push(version.to_owned());
        let tables = self.reader.tables();
        for oid in changed {
            if let Some(table) = tables.get(&oid) {
                self.shapes.entry(oid).or_default().push((place, Some(Arc::clone(table))));
            }
        }
        for (oid, shapes) in &mut self.shapes {
            let there = shapes.last().is_some_and(|(_, shape)| shape.is_some());
            if there && !tables.contains_key(oid) {
                shapes.push((place, None));
            }
        }
        Ok(())
    }

    /// What versions after this one demand of a table beyond what it demands now. `oid_of` says
    /// which table has a name in the database that is being seeded.
    pub(super) fn outlook(
        &self,
        version: &str,
        table: &TableShape,
        oid_of: impl Fn(&TableName) -> Option<u32>,
    ) -> Outlook {
        let Some(place) = self.versions.iter().rposition(|noted| noted == version) else {
            return Outlook::default();
        };
        let found = self.shapes.values().find(|shapes| {
            at(shapes, place).is_some_and(|shape| shape.name == table.name && alike(shape, table))
        });
        let mut outlook = Outlook::default();
        for (_, shape) in found.into_iter().flatten().filter(|(from, _)| *from > place) {
            let Some(later) = shape else { break };
            outlook
                .take(table, later, |parent| oid_of(&at(self.shapes.get(&parent)?, place)?.name));
        }
        outlook
    }
}

impl Outlook {
    fn take(
        &mut self,
        now: &TableShape,
        later: &TableShape,
        present_oid: impl Fn(u32) -> Option<u32>,
    ) {
        let is_there = |columns: &[i16]| {
            !columns.is_empty() && columns.iter().all(|&number| now.column(number).is_some())
        };
        for key in later.keys.iter().filter(|key| is_there(&key.columns)) {
            let says_as_much = |other: &UniqueKey| {
                let expression = |key: &UniqueKey| Some(key.predicate.as_ref()?.expression.clone());
                other.columns == key.columns
                    && (other.predicate.is_none() || expression(other) == expression(key))
            };
            let known = now.keys.iter().chain(self.keys.iter().map(|later| &later.key));
            let readable = key.read().iter().all(|&number| now.column(number).is_some());
            if readable && !known.into_iter().any(says_as_much) {
                self.keys.push(LaterKey { key: key.clone(), typed: later.typed(key.read()) });
            }
        }
        for key in later.foreign_keys.iter().filter(|key| is_there(&key.columns)) {
            let Some(parent) = present_oid(key.parent) else { continue };
            let same = |other: &ForeignKey| other.columns == key.columns && other.parent == parent;
            if !now.foreign_keys.iter().chain(&self.foreign_keys).any(same) {
                self.foreign_keys.push(ForeignKey { parent, ..key.clone() });
            }
        }
        for check in later.checks.iter().filter(|check| is_there(&check.columns)) {
            let known = now.checks.iter().chain(self.checks.iter().map(|later| &later.check));
            if !known.into_iter().any(|other| other.expression == check.expression) {
                self.checks
                    .push(LaterCheck { check: check.clone(), typed: later.typed(&check.columns) });
            }
        }
        for column in &later.columns {
            let Some(present) = now.column(column.number) else { continue };
            if column.not_null && !present.not_null {
                self.not_null.insert(column.number);
            }
            let types = self.types.entry(column.number).or_default();
            let known = |(_, _, name): &(_, _, String)| *name == column.type_name;
            if column.type_name != present.type_name && !types.iter().any(known) {
                let value_type = Arc::clone(&column.value_type);
                types.push((value_type, column.modifier, column.type_name.clone()));
            }
        }
        self.types.retain(|_, types| !types.is_empty());
    }
}

fn at(shapes: &[(usize, Option<Arc<TableShape>>)], place: usize) -> Option<&Arc<TableShape>> {
    let (_, shape) = shapes.iter().rev().find(|(from, _)| *from <= place)?;
    shape.as_ref()
}

/// Whether columns have the same numbers, so that what is said of one holds for the other.
fn alike(one: &TableShape, other: &TableShape) -> bool {
    let names = |table: &TableShape| -> Vec<(i16, String)> {
        table.columns.iter().map(|column| (column.number, column.name.clone())).collect()
    };
    names(one) == names(other)
}
