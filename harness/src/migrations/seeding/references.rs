//! What a row holds where it refers to others.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::coverage::{Wanted, leaning};
use super::demands::Group;
use super::generator::{FIRST_KEY, Generator, Kind, Turn, plain_within};
use super::order::is_needed;
use super::row::{Cell, Row, refer, refer_within};
use super::shape::ForeignKey;
use super::ties::origin;

impl Generator<'_> {
    /// `spread` is how much further each key refers than the one before it.
    pub(super) fn fill_references(&self, row: &mut Row, kind: Kind, turn: Turn, spread: u64) {
        let fitted = self.refer_to_fitting(row, turn);
        for (rank, key) in (0..).zip(&self.demands.foreign_keys) {
            if fitted.contains(&key.name.as_str()) {
                continue;
            }
            let needed = is_needed(self.table(), key);
            let grouped = |column: &i16| {
                self.demands.groups.iter().any(|group| group.columns.contains(column))
            };
            let left_out = key
                .columns
                .iter()
                .any(|column| grouped(column) && row.get(column) == Some(&Cell::Null));
            let leant_on =
                |column: &i16| self.leant_on.is_some_and(|columns| columns.contains(column));
            let sparse = kind == Kind::Sparse
                && !key.columns.iter().any(grouped)
                && !(turn.only && key.columns.iter().any(leant_on));
            let wanted =
                key.columns.iter().all(|column| !self.demands.outlook.not_null.contains(column));
            // Who has that parent's key for its own cannot be new.
            let is_old = key.columns.iter().any(|&column| {
                self.table().is_key(column)
                    && self.table().column(column).is_some_and(|column| column.not_null)
            });
            if !needed && (left_out || is_old || (sparse && wanted)) {
                self.leave_out(row, key);
            } else if key.parent == self.table().oid && needed {
                self.refer_to_itself(row, key);
            } else if let Some(parent) = self.tables.get(&key.parent) {
                refer(row, key, parent, turn.parent + self.stagger(key) + rank * spread);
            }
        }
    }

    /// Where parents matter to partitions, its own or others', all of them are looked through.
    /// Gives back the names of the foreign keys that were filled so.
    fn refer_to_fitting(&self, row: &mut Row, turn: Turn) -> Vec<&str> {
        let table = self.table();
        let (column, bounds) = match leaning(table, self.tables) {
            Some((bounds, _)) => (bounds.columns[0], bounds.expression.as_str()),
            None => match &self.coverage.wanted {
                Some(Wanted { column, .. })
                    if table.root == table.oid && !table.is_key(*column) =>
                {
                    (*column, "true")
                }
                _ => return Vec::new(),
            },
        };
        let holds = |key: &&ForeignKey| key.parent != table.root && key.columns.contains(&column);
        let mut keys: Vec<&ForeignKey> = self.demands.foreign_keys.iter().filter(holds).collect();
        keys.sort_by_key(|key| Reverse(key.columns.len()));
        for key in &keys {
            if let Some(parent) = self.tables.get(&key.parent) {
                refer_within(row, key, (table, parent), (column, bounds), turn.choice);
            }
        }
        keys.into_iter().map(|key| key.name.as_str()).collect()
    }

    /// A row that refers to itself needs no other.
    fn refer_to_itself(&self, row: &mut Row, key: &ForeignKey) {
        for (own, theirs) in key.columns.iter().zip(&key.parent_columns) {
            if own == theirs {
                continue;
            }
            let Some(column) = self.table().column(*theirs) else { continue };
            let sequence =
                column.default.as_deref().and_then(|default| default.strip_prefix("nextval("));
            let cell = match (row.get(theirs), sequence) {
                (Some(cell), _) => cell.clone(),
                (None, Some(rest)) => Cell::Sql(format!("currval({rest}")),
                (None, None) if column.identity => Cell::Sql("lastval()".to_owned()),
                (None, None) => {
                    let value = Cell::Literal(plain_within(column, FIRST_KEY + self.number));
                    row.insert(*theirs, value.clone());
                    value
                }
            };
            row.insert(*own, cell);
        }
    }

    /// One NULL is enough; columns that other references need stay.
    fn leave_out(&self, row: &mut Row, key: &ForeignKey) {
        for column in &key.columns {
            if self.table().column(*column).is_some_and(|column| !column.not_null) {
                row.insert(*column, Cell::Null);
            }
        }
    }

    /// Columns that a constraint binds to each other, like those of an edge of a graph, refer to
    /// different rows of the same parent.
    fn stagger(&self, key: &ForeignKey) -> u64 {
        let bound = |group: &&Group| {
            group.columns.len() > 1
                && key.columns.iter().any(|column| group.columns.contains(column))
        };
        let Some(group) = self.demands.groups.iter().find(bound) else { return 0 };
        let siblings = self.demands.foreign_keys.iter().take_while(|other| *other != key);
        let siblings = siblings.filter(|other| {
            other.parent == key.parent
                && other.columns.iter().any(|column| group.columns.contains(column))
        });
        siblings.count() as u64
    }

    /// How many rows of a parent a row may refer to beyond the first.
    pub fn most_staggered(&self) -> usize {
        let keys = self.demands.foreign_keys.iter();
        keys.map(|key| self.stagger(key) as usize).max().unwrap_or(0)
    }

    /// The tables that it refers to.
    pub fn parents(&self) -> BTreeSet<u32> {
        self.demands.foreign_keys.iter().map(|key| key.parent).collect()
    }

    /// These, and those that what it refers to comes from.
    pub fn all_parents(&self) -> BTreeSet<u32> {
        let origins = self.demands.foreign_keys.iter().flat_map(|key| {
            let columns = key.parent_columns.iter();
            columns.map(|column| origin((key.parent, *column), self.tables).0)
        });
        self.parents().into_iter().chain(origins).collect()
    }

    /// The newest of what a table's column gets from elsewhere, if it does.
    pub(super) fn behind(&self, table: u32, column: i16) -> Option<Cell> {
        let (parent, column) = origin((table, column), self.tables);
        let column = self.tables.get(&parent)?.column(column)?.name.clone();
        (parent != table).then_some(Cell::Key { parent, column, row: 0 })
    }

    pub(super) fn refers(&self, column: &i16) -> bool {
        self.demands.foreign_keys.iter().any(|key| key.columns.contains(column))
    }
}
