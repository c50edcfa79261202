//! Makes the rows of one table from what they have to meet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::coverage::{Coverage, leaning};
use super::demands::{Demands, Group};
use super::harvest::{COMMON_SHAPES, literal_default, numbered};
use super::row::{Cell, Row};
use super::shape::{ColumnShape, ForeignKey, TableShape, TypeSort};
use super::sieve::Candidate;
use super::values::{edges, plain, text_room};

/// Keys of our own lie beyond those that a migration writes by hand.
pub(super) const FIRST_KEY: u64 = 1_000_000;
/// Keys of rows whose parents a trigger makes lie beyond those that the parents have.
const FOUNDING_KEY: u64 = 3 * FIRST_KEY;
/// How many of these are tried.
const MOST_FOUNDING: u64 = 3;
/// A table's first rows: enough to show each kind, and each label of a small enum.
const ROWS_AT_FIRST: usize = 4;
const MOST_ROWS_AT_FIRST: usize = 10;
/// How many more it gets at most where partitions of others want them.
const MOST_FOR_OTHERS: usize = 200;
const MOST_LAST_RESORTS: usize = 120;

/// Rows that are tried until one falls into a partition. Of 16 that share the rows by a hash, one
/// takes none of so many once in two thousand times.
const MOST_STREWN: u64 = 120;
/// How far from each other the rows of different parents lie that a last resort tries to join.
const MOST_SPREAD: u64 = 4;
/// How many choices of a constraint are tried as they stand.
const MOST_TRIED: usize = 24;

/// Columns, and the one of the [`COMMON_SHAPES`] that makes a row be taken, whatever its kind.
pub(super) type Remedy = BTreeMap<i16, &'static str>;

/// What a row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Defaults where there are any, unremarkable values elsewhere.
    Plain,
    /// A value for every column.
    Full,
    /// As little as possible.
    Sparse,
    /// Values at the edges of their types.
    Edge,
}

/// Which row it is of those that a table gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// Which choice of a constraint it takes.
    pub choice: u64,
    /// Which of a parent's newest rows it refers to.
    pub parent: u64,
    /// Different for every row of a lineage.
    pub number: u64,
    /// Whether it is the only one of a version, which others have to do with.
    pub only: bool,
}

/// Makes the rows of one table.
pub(super) struct Generator<'a> {
    pub demands: &'a Demands,
    pub tables: &'a BTreeMap<u32, Arc<TableShape>>,
    /// Different for every row of a lineage.
    pub number: u64,
    /// The columns that rows of other tables cannot do without.
    pub leant_on: Option<&'a BTreeSet<i16>>,
    /// What this table was found to need.
    pub remedy: &'a Remedy,
    /// How many rows this table has had of us.
    pub count: u64,
    /// How many of them since its values were picked.
    pub choice: u64,
    /// What the partitions of others want of its rows.
    pub coverage: &'a Coverage,
}

impl Generator<'_> {
    /// A table's first rows, or its first of a new shape: each with its alternatives. With some
    /// that later versions refuse, one for each thing that they add.
    pub fn first_rows(&self) -> Vec<Vec<Row>> {
        let labels = self.table().columns.iter().map(|column| match &column.value_type.sort {
            TypeSort::Enum(labels) => labels.len(),
            _ => 0,
        });
        let choices = self.demands.groups.iter().map(|group| group.choices.len().min(6));
        let wanted = labels.chain(choices).max().unwrap_or(0);
        let count = wanted.clamp(ROWS_AT_FIRST, MOST_ROWS_AT_FIRST);
        let count = count.max(self.coverage.rows.min(MOST_FOR_OTHERS)) as u64;
        let mut rows: Vec<Vec<Row>> =
            (0..count).map(|place| self.row_with_alternatives(place)).collect();
        let refused = self.refused_later(count);
        let twins = self.twins(count + refused.len() as u64);
        rows.extend(refused.into_iter().chain(twins).map(|row| vec![row]));
        let place = rows.len() as u64;
        rows.extend(self.covering_rows(place).map(|row| vec![row]));
        rows
    }

    /// One for each value that partitions of others want.
    fn covering_rows(&self, place: u64) -> impl Iterator<Item = Row> {
        let column = self.coverage.wanted.as_ref().map(|wanted| wanted.column);
        let values = (place..).zip(&self.coverage.values);
        values.zip(column.into_iter().cycle()).map(|((place, value), column)| {
            let mut row = self.row(Kind::Full, place);
            row.insert(column, Cell::Literal(value.clone()));
            row
        })
    }

    /// One row more, of another kind each time. It refers to the newest of each parent: then what
    /// two of them share is the same, and a third can refer to both.
    pub fn next_row(&self) -> Vec<Vec<Row>> {
        let turn = Turn { only: true, ..self.turn(0) };
        let alternatives = kinds(self.count).into_iter();
        vec![alternatives.map(|kind| self.row_of(kind, turn, self.remedy)).collect()]
    }

    fn row_with_alternatives(&self, place: u64) -> Vec<Row> {
        kinds(place).into_iter().map(|kind| self.row(kind, place)).collect()
    }

    /// A row of this kind; `place` counts the rows that are made at once.
    pub fn row(&self, kind: Kind, place: u64) -> Row {
        self.row_of(kind, self.turn(place), self.remedy)
    }

    fn turn(&self, place: u64) -> Turn {
        let (choice, number) = (self.choice + place, self.number + place);
        Turn { choice, parent: place, number, only: false }
    }

    /// What its columns hold that refer to nothing.
    fn values(&self, kind: Kind, choice: u64, number: u64) -> Row {
        let mut row = Row::new();
        for column in self.table().columns.iter().filter(|column| !column.computed) {
            if let Some(cell) = self.cell(column, kind, number) {
                row.insert(column.number, cell);
            }
        }
        for group in &self.demands.groups {
            self.fill_group(&mut row, group, kind, choice);
        }
        row
    }

    fn row_of(&self, kind: Kind, turn: Turn, remedy: &Remedy) -> Row {
        let mut row = self.values(kind, turn.choice, turn.number);
        self.fill_references(&mut row, kind, turn, 0);
        for (&column, shape) in remedy {
            // A key gets the same shape with another number in it each time.
            let text = match self.in_key(column) {
                true => numbered(shape, turn.number),
                false => (*shape).to_owned(),
            };
            row.insert(column, Cell::Literal(text));
        }
        row
    }

    /// A row for a table that refused all others, with another remedy; `place` tells it from the
    /// others.
    pub fn row_with(&self, remedy: &Remedy, place: u64) -> Row {
        self.row_of(Kind::Full, Turn { choice: self.choice, parent: 0, ..self.turn(place) }, remedy)
    }

    /// Rows for a table that refused all others: what they refer to did not come at once, as two
    /// that are joined already, or of which one takes no more.
    pub fn spread_rows(&self) -> Vec<Row> {
        let spread = |spread| {
            let mut row = self.row(Kind::Full, 0);
            self.fill_references(&mut row, Kind::Full, self.turn(spread), spread);
            row
        };
        match self.demands.foreign_keys.is_empty() {
            true => Vec::new(),
            false => (1..=MOST_SPREAD).map(spread).collect(),
        }
    }

    /// Rows for a table that refused all others: one whose parent a trigger makes; then of what a
    /// constraint lets its columns hold, each choice as it stands, whatever the newest rows of its
    /// parents are, and with a reference to a row of its own beside it.
    pub fn chosen_rows(&self) -> Vec<Row> {
        let own = |key: &&ForeignKey| key.parent == self.table().oid;
        let refers_to_itself = |column: &i16| {
            self.demands.foreign_keys.iter().filter(own).any(|key| key.columns.contains(column))
        };
        let binds = |group: &&Group| {
            group.columns.len() > 1 && group.columns.iter().any(|column| self.refers(column))
        };
        let mut rows = self.founding_rows();
        for group in self.demands.groups.iter().filter(binds) {
            // Those first that refer to another row of another table.
            let mut seen = BTreeSet::new();
            let elsewhere = |choice: &&Candidate| -> Vec<Option<String>> {
                let chosen = group.columns.iter().zip(choice.iter());
                let elsewhere = chosen.filter(|(it, _)| self.refers(it) && !refers_to_itself(it));
                elsewhere.map(|(_, value)| value.clone()).collect()
            };
            let (first, rest): (Vec<&Candidate>, Vec<&Candidate>) =
                group.choices.iter().partition(|choice| seen.insert(elsewhere(choice)));
            let choices = first.into_iter().chain(rest).take(MOST_TRIED);
            for (place, choice) in (0..).zip(choices) {
                for wholly in [true, false] {
                    let mut row = self.row(Kind::Full, place);
                    let chosen = group.columns.iter().zip(choice);
                    for (&column, value) in chosen.filter(|(it, _)| wholly || !refers_to_itself(it))
                    {
                        row.insert(column, value.clone().map_or(Cell::Null, Cell::Literal));
                    }
                    if !rows.contains(&row) {
                        rows.push(row);
                    }
                }
            }
        }
        rows
    }

    /// Rows whose own key is new, though it refers to a parent: as those of a kind do whose common
    /// part a trigger makes with them. What else goes to that parent comes from where the parent has
    /// it.
    fn founding_rows(&self) -> Vec<Row> {
        let is_key = |column: &i16| self.table().is_key(*column);
        let founds =
            |key: &&ForeignKey| key.parent != self.table().oid && key.columns.iter().any(is_key);
        let keys: Vec<&ForeignKey> = self.demands.foreign_keys.iter().filter(founds).collect();
        let founding = |place| {
            let number = FOUNDING_KEY + self.number + place;
            let values = self.values(Kind::Full, self.choice + place, number);
            let mut row = self.row(Kind::Full, place);
            for key in &keys {
                for (own, theirs) in key.columns.iter().zip(&key.parent_columns) {
                    let cell = match self.behind(key.parent, *theirs) {
                        _ if is_key(own) => values.get(own).cloned(),
                        Some(cell) => Some(cell),
                        None => continue,
                    };
                    match cell {
                        Some(cell) => row.insert(*own, cell),
                        None => row.remove(own),
                    };
                }
            }
            row
        };
        let most = if keys.is_empty() { 0 } else { MOST_FOUNDING };
        (0..most).map(founding).collect()
    }

    /// Rows for a partition that refused all others, since its bounds read what a row refers to:
    /// each with other keys and other parents.
    pub fn strewn_rows(&self) -> Vec<Row> {
        let refers = |column: &i16| self.refers(column);
        let bound: Vec<&Group> =
            self.demands.groups.iter().filter(|group| group.columns.iter().any(refers)).collect();
        let strewn = |place| {
            let mut row = self.row(Kind::Full, place);
            // What was picked for these goes only with what was picked beside it.
            let free = bound.iter().flat_map(|group| &group.columns).filter(|it| !refers(it));
            for column in free.filter_map(|&number| self.table().column(number)) {
                if let Some(cell) = self.cell(column, Kind::Full, self.number + place) {
                    row.insert(column.number, cell);
                }
            }
            row
        };
        let is_partition = self.table().root != self.table().oid;
        let is_fitted = leaning(self.table(), self.tables).is_some();
        let most = if is_partition && !is_fitted && !bound.is_empty() { MOST_STREWN } else { 0 };
        (1..=most).map(strewn).collect()
    }

    /// A row whose every column that another might refer to is known beforehand.
    pub fn row_with_keys(&self) -> Row {
        let mut row = self.row(Kind::Full, 0);
        for &number in self.table().keys.iter().flat_map(|key| &key.columns) {
            if let Some(column) = self.table().column(number).filter(|column| !column.computed) {
                let value = plain_within(column, FIRST_KEY + self.number);
                row.entry(number).or_insert(Cell::Literal(value));
            }
        }
        row
    }

    /// Rows for a table that refused all others: every text holds the same thing that code might
    /// parse, another in each row; then one text alone, those first that must hold something.
    pub fn last_resorts(&self) -> Vec<Remedy> {
        let columns = self.table().columns.iter();
        let mut texts: Vec<&ColumnShape> = columns.filter(|column| self.is_text(column)).collect();
        texts.sort_by_key(|column| !column.not_null);
        let free: Vec<&ColumnShape> =
            texts.iter().copied().filter(|column| !self.is_narrowed(column)).collect();
        let all = COMMON_SHAPES
            .into_iter()
            .map(|shape| free.iter().map(|column| (column.number, shape)).collect());
        let single = texts.iter().flat_map(|column| {
            COMMON_SHAPES.into_iter().map(|shape| Remedy::from([(column.number, shape)]))
        });
        let mut remedies: Vec<Remedy> = all.chain(single).collect();
        remedies.truncate(MOST_LAST_RESORTS);
        remedies
    }

    fn is_text(&self, column: &ColumnShape) -> bool {
        let (base, modifier) = column.value_type.below_domains(column.modifier);
        let is_text = matches!(base.base_name(), Some("text" | "varchar" | "citext"));
        let has_room = text_room(modifier).is_none_or(|room| room > 8);
        is_text && has_room && !column.computed && !self.refers(&column.number)
    }

    fn is_narrowed(&self, column: &ColumnShape) -> bool {
        self.demands.groups.iter().any(|group| group.columns.contains(&column.number))
    }

    pub(super) fn table(&self) -> &TableShape {
        &self.demands.table
    }

    /// `None` leaves it to the default.
    fn cell(&self, column: &ColumnShape, kind: Kind, number: u64) -> Option<Cell> {
        let made_by_default =
            column.identity || column.default.as_deref().is_some_and(is_generator);
        if made_by_default {
            return None;
        }
        let unique = self.in_key(column.number);
        let number = if unique { FIRST_KEY + number } else { number };
        let literal = |text| Some(Cell::Literal(text));
        let ordinary = || literal(plain_within(column, number));
        let may_be_null = !column.not_null
            && !self.demands.outlook.not_null.contains(&column.number)
            && !self.leant_on.is_some_and(|columns| columns.contains(&column.number));
        let constant = column.default.as_deref().and_then(literal_default);
        let by_default = column.default.is_some() && !(unique && constant.is_some());
        match kind {
            Kind::Sparse if may_be_null => Some(Cell::Null),
            Kind::Plain | Kind::Sparse if by_default => None,
            Kind::Edge if !unique => {
                let edges = edges(&column.value_type, column.modifier);
                match edges.len() {
                    0 => ordinary(),
                    count => literal(edges[(number % count as u64) as usize].clone()),
                }
            }
            _ if is_document(column) && !unique => {
                literal(constant.unwrap_or_else(|| "{}".to_owned()))
            }
            _ => ordinary(),
        }
    }

    fn in_key(&self, column: i16) -> bool {
        self.demands.keys.iter().any(|key| key.columns.contains(&column))
    }

    fn fill_group(&self, row: &mut Row, group: &Group, kind: Kind, index: u64) {
        if group.choices.is_empty() {
            return;
        }
        let nulls = |choice: &&Candidate| choice.iter().filter(|value| value.is_none()).count();
        let chosen = match kind {
            Kind::Sparse => group.choices.iter().max_by_key(nulls),
            _ => group.choices.get((index % group.choices.len() as u64) as usize),
        };
        for (&column, value) in group.columns.iter().zip(chosen.into_iter().flatten()) {
            let shape = self.table().column(column);
            if shape.is_some_and(|shape| shape.default.as_deref().is_some_and(is_generator)) {
                continue;
            }
            let cell = value.clone().map_or(Cell::Null, Cell::Literal);
            row.insert(column, cell);
        }
    }

    /// Rows that today's version takes, and that do not meet one thing that a later one adds.
    fn refused_later(&self, mut place: u64) -> Vec<Row> {
        let outlook = &self.demands.outlook;
        let mut rows = Vec::new();
        let mut deviate = |change: &dyn Fn(&mut Row)| {
            let mut row = self.row(Kind::Full, place);
            change(&mut row);
            rows.push(row);
            place += 1;
        };
        for &column in &outlook.not_null {
            deviate(&|row| drop(row.insert(column, Cell::Null)));
        }
        for group in &self.demands.groups {
            for refused in &group.refused_later {
                deviate(&|row| {
                    for (&column, value) in group.columns.iter().zip(refused) {
                        row.insert(column, value.clone().map_or(Cell::Null, Cell::Literal));
                    }
                });
            }
        }
        for key in &outlook.foreign_keys {
            deviate(&|row| {
                for column in key.columns.iter().filter_map(|&number| self.table().column(number)) {
                    let nowhere = plain_within(column, 7 * FIRST_KEY + self.number);
                    row.insert(column.number, Cell::Literal(nowhere));
                }
            });
        }
        let keys = outlook.keys.iter().map(|later| &later.key);
        for key in keys.filter(|key| !key.primary && !self.demands.has_twins_in(key)) {
            let first = self.row(Kind::Full, 0);
            deviate(&|row| {
                for column in &key.columns {
                    match first.get(column) {
                        Some(cell) => row.insert(*column, cell.clone()),
                        None => row.remove(column),
                    };
                }
            });
        }
        rows
    }

    /// Pairs of rows, each equal in a key that is, or will be, partial.
    fn twins(&self, mut place: u64) -> Vec<Row> {
        let mut rows = Vec::new();
        for twins in &self.demands.twins {
            let mut first = self.row(Kind::Full, place);
            for (column, value) in twins.columns.iter().zip(&twins.values) {
                match value {
                    None => drop(first.insert(*column, Cell::Null)),
                    Some(_) if self.refers(column) => {}
                    Some(text) => drop(first.insert(*column, Cell::Literal(text.clone()))),
                }
            }
            let mut second = self.row(Kind::Full, place + 1);
            for column in twins.key.iter().chain(&twins.columns) {
                match first.get(column) {
                    Some(cell) => second.insert(*column, cell.clone()),
                    None => second.remove(column),
                };
            }
            rows.extend([first, second]);
            place += 2;
        }
        rows
    }
}

/// The kind that is a row's turn, and those that stand in for it.
fn kinds(turn: u64) -> [Kind; 3] {
    match turn % 4 {
        0 => [Kind::Plain, Kind::Full, Kind::Sparse],
        1 => [Kind::Sparse, Kind::Plain, Kind::Full],
        2 => [Kind::Edge, Kind::Full, Kind::Plain],
        _ => [Kind::Full, Kind::Plain, Kind::Sparse],
    }
}

/// A default that makes another value for each row.
fn is_generator(expression: &str) -> bool {
    ["nextval(", "uuid", "gen_random", "random("].iter().any(|part| expression.contains(part))
        && literal_default(expression).is_none()
}

fn is_document(column: &ColumnShape) -> bool {
    matches!(column.value_type.base_name(), Some("json" | "jsonb"))
}

pub(super) fn plain_within(column: &ColumnShape, number: u64) -> String {
    plain(&column.value_type, column.modifier, number)
}
