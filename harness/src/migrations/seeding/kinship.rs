//! Rows and what depends on them, by the values of foreign keys.

use std::collections::{BTreeSet, HashMap};

use super::look::Place;
use super::population::{Birth, Inhabitant, Inhabitants};
use super::shape::ForeignKey;
use super::{Population, RowSet, TableName};

/// A row of a population: its table, or the root of its partitions, and its place.
pub(super) type RowId = (u32, Place);

/// A foreign key's values, and the rows that have them.
type Referring<'a> = HashMap<Vec<&'a str>, Vec<RowId>>;

/// All rows of a population, and which of them refers to which.
pub(super) struct Kinship<'a> {
    population: &'a Population,
    /// For each parent the foreign keys that refer to it, with what they hold.
    children: HashMap<u32, Vec<(&'a ForeignKey, Referring<'a>)>>,
    /// Whether rows that migrations made count as generated: some were made of generated ones.
    with_made: bool,
}

impl<'a> Kinship<'a> {
    pub fn of(population: &'a Population) -> Self {
        let tables = population.reader.tables();
        let mut children: HashMap<u32, Vec<_>> = HashMap::new();
        for (&oid, inhabitants) in &population.tables {
            for key in tables.get(&oid).into_iter().flat_map(|table| &table.foreign_keys) {
                let parent = tables.get(&key.parent).map_or(key.parent, |parent| parent.root);
                children.entry(parent).or_default().push((key, referring(oid, inhabitants, key)));
            }
        }
        Self { population, children, with_made: false }
    }

    /// Takes what migrations made for generated as well.
    pub fn with_made(mut self) -> Self {
        self.with_made = true;
        self
    }

    /// Every row that was generated.
    pub fn generated(&self) -> BTreeSet<RowId> {
        let tables = self.population.tables.keys();
        tables.flat_map(|&oid| self.generated_of(oid)).collect()
    }

    /// Every generated row of one table.
    pub fn generated_of(&self, oid: u32) -> Vec<RowId> {
        let rows = self.population.tables.get(&oid).into_iter().flat_map(|table| &table.rows);
        let counts = |birth| self.with_made || matches!(birth, Birth::Generated(_));
        rows.filter(|(_, row)| counts(row.birth)).map(|(place, _)| (oid, place.clone())).collect()
    }

    pub fn table(&self, oid: u32) -> &'a Inhabitants {
        &self.population.tables[&oid]
    }

    pub fn row(&self, (oid, place): &RowId) -> &'a Inhabitant {
        &self.population.tables[oid].rows[place]
    }

    pub fn oid_of(&self, name: &TableName) -> Option<u32> {
        let tables = self.population.reader.tables();
        tables.values().find(|table| table.name == *name).map(|table| table.root)
    }

    /// Tables whose name stands in a statement.
    pub fn named_in(&self, statement: &str) -> Vec<u32> {
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
        let statement = statement.to_lowercase();
        let words: BTreeSet<&str> = statement.split(|letter| !is_part(letter)).collect();
        let is_named =
            |table: &&Inhabitants| words.contains(table.name.table.to_lowercase().as_str());
        let tables = self.population.tables.iter();
        tables.filter(|(_, table)| is_named(table)).map(|(oid, _)| *oid).collect()
    }

    /// These rows and all that depend on them, directly or not.
    pub fn with_dependants(&self, rows: &BTreeSet<RowId>) -> BTreeSet<RowId> {
        let mut all = rows.clone();
        let mut next: Vec<RowId> = rows.iter().cloned().collect();
        while let Some(id) = next.pop() {
            for (key, referring) in self.children.get(&id.0).into_iter().flatten() {
                let Some(values) = values(self.table(id.0), self.row(&id), &key.parent_columns)
                else {
                    continue;
                };
                for child in referring.get(&values).into_iter().flatten() {
                    if all.insert(child.clone()) {
                        next.push(child.clone());
                    }
                }
            }
        }
        all
    }

    /// These rows and their dependants, to be deleted.
    pub fn row_set(&self, rows: &BTreeSet<RowId>) -> RowSet {
        let tables = self.population.reader.tables();
        let mut set = RowSet::default();
        for (_, Place(oid, place)) in self.with_dependants(rows) {
            if let Some(table) = tables.get(&oid) {
                set.tables.entry(table.name.clone()).or_default().insert(place);
            }
        }
        set
    }
}

fn referring<'a>(oid: u32, table: &'a Inhabitants, key: &ForeignKey) -> Referring<'a> {
    let mut found: Referring<'a> = HashMap::new();
    for (place, row) in &table.rows {
        if let Some(values) = values(table, row, &key.columns) {
            found.entry(values).or_default().push((oid, place.clone()));
        }
    }
    found
}

/// The values of these columns, if none is NULL.
fn values<'a>(
    table: &'a Inhabitants,
    row: &'a Inhabitant,
    columns: &[i16],
) -> Option<Vec<&'a str>> {
    let fields = row.record.fields();
    let value = |number: &i16| {
        let place = table.columns.iter().position(|(other, _)| other == number)?;
        fields.get(place).copied().flatten()
    };
    columns.iter().map(value).collect()
}
