//! Which rows there are, when each was born, and what became of them.
//!
//! A row that came or changed carries a young transaction in its `xmin`. So one query over all
//! tables, that counts rows and fetches the young ones, tells everything but which rows vanished;
//! where the count says that some did, their places are asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;
use sqlx::PgConnection;

use super::look::{Place, Seen, look, places};
use super::pairing::pair;
use super::record::Record;
use super::script::{Made, MadeRow};
use super::shape::TableShape;
use super::shape_reader::ShapeReader;
use super::{SeedingError, TableName};

/// How many rows are shown of a change.
const EXAMPLES: usize = 3;

/// All rows, each with the version of its birth.
#[derive(Clone, Debug, Default)]
pub struct Population {
    excluded: BTreeSet<TableName>,
    pub(super) reader: ShapeReader,
    pub(super) versions: Vec<String>,
    pub(super) tables: BTreeMap<u32, Inhabitants>,
}

/// The rows of one table, or of one tree of partitions.
#[derive(Clone, Debug)]
pub(super) struct Inhabitants {
    pub name: TableName,
    /// Number and name.
    pub columns: Vec<(i16, String)>,
    pub primary_key: Vec<i16>,
    pub rows: BTreeMap<Place, Inhabitant>,
}

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Inhabitant {
    pub birth: Birth,
    pub record: Record,
}

/// Where a row comes from; versions by their place in the population's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Birth {
    /// Generated at this version.
    Generated(usize),
    /// Made by the migration to this version.
    Made(usize),
    /// Made by a migration whose version is not known before the next capture.
    JustMade,
}

/// What a migration did to rows of one table, in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowChange {
    /// The table, as it was named before.
    pub table: TableName,
    /// What became of the rows.
    pub fate: RowFate,
    /// How many rows of each version of birth.
    pub births: BTreeMap<String, usize>,
    /// Some of the rows as they were before, cut and safe to print.
    pub examples: Vec<String>,
}

/// What became of rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowFate {
    /// They are no longer there, though the table is.
    Gone,
    /// They went with their table.
    TableGone,
    /// They were not there before, and nobody took them back. They have no birth.
    LeftBehind,
    /// These columns hold something else than before.
    Changed {
        /// As they were named before.
        columns: Vec<String>,
    },
}

/// What one look came to.
struct Outcome {
    reader: ShapeReader,
    tables: BTreeMap<u32, Settled>,
    changes: Changes,
}

/// Who lives in a table now.
struct Settled {
    now: Inhabitants,
    /// Whether all rows of before still live where they did, beside these.
    and_before: bool,
}

#[derive(Default)]
struct Changes(BTreeMap<(TableName, RowFate), Tally>);

/// Rows of one table that fared alike.
#[derive(Default)]
struct Tally {
    births: BTreeMap<Birth, usize>,
    examples: Vec<String>,
}

impl Population {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does not watch these tables.
    #[must_use]
    pub fn excluding(mut self, tables: impl IntoIterator<Item = TableName>) -> Self {
        self.excluded.extend(tables);
        self
    }

    /// Takes every row that came since the last look as born at this version. Call it after
    /// seeding, before the next migration, outside any transaction.
    ///
    /// # Errors
    /// PostgreSQL is gone.
    pub async fn capture(
        &mut self,
        connection: &mut PgConnection,
        version: &str,
    ) -> Result<(), SeedingError> {
        let place = self.begin_version(version);
        let outcome = self.observe(connection, None, Birth::Generated(place)).await?;
        self.take_over(outcome);
        Ok(())
    }

    /// As [`Population::capture`], of rows that a [`super::Seeder`] made of [`Population::shapes`]
    /// and tells about: only tables in which more happened are looked at.
    pub(super) async fn settle_made(
        &mut self,
        connection: &mut PgConnection,
        version: &str,
        made: Made,
    ) -> Result<(), SeedingError> {
        let place = self.begin_version(version);
        let birth = Birth::Generated(place);
        let shapes = self.reader.tables();
        let partitions = made.results.iter().flat_map(|result| &result.made);
        let partitions = partitions.map(|row| row.0).filter(|oid| !self.tables.contains_key(oid));
        let stirred: BTreeSet<u32> = made.stirred.iter().copied().chain(partitions).collect();
        let stirred = self.suspects(&stirred, shapes);
        if !stirred.is_empty() {
            let outcome =
                self.observe_as(connection, self.reader.clone(), Some(&stirred), birth).await?;
            self.take_over(outcome);
        }
        for MadeRow(table, at, text) in made.results.into_iter().flat_map(|result| result.made) {
            let known = self.tables.get_mut(&table).filter(|_| !stirred.contains(&table));
            if let Some(inhabitants) = known {
                let row = Inhabitant { birth, record: Record::parse(&text) };
                inhabitants.rows.insert(Place(table, at), row);
            }
        }
        self.reader.advance(made.horizon);
        Ok(())
    }

    /// The shapes of all tables at the last look; looks if there was none.
    pub(super) async fn shapes(
        &mut self,
        connection: &mut PgConnection,
    ) -> Result<&ShapeReader, SeedingError> {
        if self.reader.horizon().is_none() {
            self.compare(connection, None).await?;
        }
        Ok(&self.reader)
    }

    /// The place of a version that begins: what came since the last one was made by its migration.
    fn begin_version(&mut self, version: &str) -> usize {
        let place = self.versions.len();
        self.versions.push(version.to_owned());
        for row in self.tables.values_mut().flat_map(|table| table.rows.values_mut()) {
            if row.birth == Birth::JustMade {
                row.birth = Birth::Made(place);
            }
        }
        place
    }

    /// What is other about the rows than at the last look, and nothing is remembered: for a state
    /// that should be the same and will be rolled back. A table that was not there before is none
    /// of the rows' concern. Of tables that kept their shape, only those in `touched` are looked
    /// at, where it is given.
    ///
    /// # Errors
    /// PostgreSQL is gone.
    pub async fn differ(
        &self,
        connection: &mut PgConnection,
        touched: Option<&BTreeSet<u32>>,
    ) -> Result<Vec<RowChange>, SeedingError> {
        let Outcome { tables, mut changes, .. } =
            self.observe(connection, touched, Birth::JustMade).await?;
        self.note_left_behind(&tables, &mut changes);
        Ok(self.in_versions(changes, |_| true))
    }

    /// What became of generated rows since the last look. Rows that the migration itself made are
    /// remembered as its own and never left out. Call it of a state that stays. `touched` is as
    /// in [`Population::differ`].
    ///
    /// # Errors
    /// PostgreSQL is gone.
    pub async fn compare(
        &mut self,
        connection: &mut PgConnection,
        touched: Option<&BTreeSet<u32>>,
    ) -> Result<Vec<RowChange>, SeedingError> {
        let mut outcome = self.observe(connection, touched, Birth::JustMade).await?;
        let changes = std::mem::take(&mut outcome.changes);
        self.take_over(outcome);
        Ok(self.in_versions(changes, |birth| matches!(birth, Birth::Generated(_))))
    }

    async fn observe(
        &self,
        connection: &mut PgConnection,
        touched: Option<&BTreeSet<u32>>,
        newcomers: Birth,
    ) -> Result<Outcome, SeedingError> {
        let mut reader = self.reader.clone();
        reader.read(connection).await?;
        self.observe_as(connection, reader, touched, newcomers).await
    }

    /// Looks at tables of these shapes.
    async fn observe_as(
        &self,
        connection: &mut PgConnection,
        reader: ShapeReader,
        touched: Option<&BTreeSet<u32>>,
        newcomers: Birth,
    ) -> Result<Outcome, SeedingError> {
        let horizon = self.reader.horizon();
        let all = reader.tables().clone();
        let watched: Vec<&TableShape> = all
            .values()
            .map(AsRef::as_ref)
            .filter(|table| table.root == table.oid && !self.excluded.contains(&table.name))
            .collect();
        let known = self.unaltered(&watched);
        let suspects = touched.map(|touched| self.suspects(touched, &all));
        let looked_at: Vec<&TableShape> = watched
            .iter()
            .copied()
            .filter(|table| {
                let suspect = |suspects: &BTreeSet<u32>| suspects.contains(&table.oid);
                !known.contains(&table.oid) || suspects.as_ref().is_none_or(suspect)
            })
            .collect();
        let mut seen = look(connection, &looked_at, &known, horizon).await?;
        for table in &watched {
            let before = self.tables.get(&table.oid).map_or(0, |before| before.rows.len());
            let unchanged = || Seen { count: before, young: Vec::new() };
            seen.entry(table.oid).or_insert_with(unchanged);
        }
        let stirred: Vec<&TableShape> = watched
            .iter()
            .copied()
            .filter(|table| {
                let before = self.tables.get(&table.oid);
                before.is_some_and(|before| someone_vanished(before, &seen[&table.oid]))
            })
            .collect();
        let live = places(connection, &stirred).await?;
        let mut changes = Changes::default();
        let mut tables = BTreeMap::new();
        let mut successors = self.successors(&watched);
        for (table, seen) in watched.iter().zip(seen.into_values_of(&watched)) {
            let before = self
                .tables
                .get(&table.oid)
                .map(|before| (before, true))
                .or_else(|| successors.remove(&table.oid).map(|before| (before, false)));
            let live = live.get(&table.oid);
            let settled = settle(table, before, seen, live, newcomers, &mut changes);
            tables.insert(table.oid, settled);
        }
        self.note_lost_tables(&tables, &mut changes);
        Ok(Outcome { reader, tables, changes })
    }

    /// The roots of tables that were touched, or came to another root, or left it.
    fn suspects(
        &self,
        touched: &BTreeSet<u32>,
        now: &BTreeMap<u32, Arc<TableShape>>,
    ) -> BTreeSet<u32> {
        let before = self.reader.tables();
        let roots = |oid: &u32| [before.get(oid), now.get(oid)].map(|table| Some(table?.root));
        let moved = |oid: &&u32| {
            let [then, now] = roots(oid);
            then != now
        };
        let moved = before.keys().chain(now.keys()).filter(moved);
        touched.iter().chain(moved).flat_map(roots).flatten().collect()
    }

    /// Remembers what was seen.
    fn take_over(&mut self, outcome: Outcome) {
        let mut before = std::mem::take(&mut self.tables);
        let settled = outcome.tables.into_iter().map(|(oid, Settled { mut now, and_before })| {
            if let Some(before) = before.remove(&oid).filter(|_| and_before) {
                let newcomers = std::mem::replace(&mut now.rows, before.rows);
                now.rows.extend(newcomers);
            }
            (oid, now)
        });
        self.tables = settled.collect();
        self.reader = outcome.reader;
    }

    /// Tables with the columns of the last look: of others, every row has to be read again.
    fn unaltered(&self, watched: &[&TableShape]) -> BTreeSet<u32> {
        let is_unaltered = |table: &&&TableShape| {
            self.tables.get(&table.oid).is_some_and(|before| before.columns == columns(table))
        };
        watched.iter().filter(is_unaltered).map(|table| table.oid).collect()
    }

    /// Tables that took the name of one that is gone, and with it its rows.
    fn successors(&self, watched: &[&TableShape]) -> HashMap<u32, &Inhabitants> {
        let there: BTreeSet<u32> = watched.iter().map(|table| table.oid).collect();
        let gone = self.tables.iter().filter(|(oid, _)| !there.contains(oid));
        let names: HashMap<&TableName, &Inhabitants> =
            gone.map(|(_, table)| (&table.name, table)).collect();
        watched
            .iter()
            .filter(|table| !self.tables.contains_key(&table.oid))
            .filter_map(|table| Some((table.oid, *names.get(&table.name)?)))
            .collect()
    }

    fn note_lost_tables(&self, now: &BTreeMap<u32, Settled>, changes: &mut Changes) {
        let names: BTreeSet<&TableName> = now.values().map(|table| &table.now.name).collect();
        for (oid, table) in &self.tables {
            if !now.contains_key(oid) && !names.contains(&table.name) {
                for row in table.rows.values() {
                    changes.note(table, RowFate::TableGone, row);
                }
            }
        }
    }

    fn note_left_behind(&self, now: &BTreeMap<u32, Settled>, changes: &mut Changes) {
        let names: BTreeSet<&TableName> = self.tables.values().map(|table| &table.name).collect();
        let just_made = |row: &&Inhabitant| row.birth == Birth::JustMade;
        let known = now.values().map(|table| &table.now);
        for table in known.filter(|table| names.contains(&table.name)) {
            for row in table.rows.values().filter(just_made) {
                changes.note(table, RowFate::LeftBehind, row);
            }
        }
    }

    fn in_versions(&self, changes: Changes, counts: impl Fn(Birth) -> bool) -> Vec<RowChange> {
        let mut list = Vec::new();
        for ((table, fate), Tally { births, examples }) in changes.0 {
            let births: BTreeMap<String, usize> = births
                .into_iter()
                .filter(|(birth, _)| counts(*birth))
                .map(|(birth, count)| (self.version(birth), count))
                .collect();
            if !births.is_empty() {
                list.push(RowChange { table, fate, births, examples });
            }
        }
        list
    }

    /// The version of a birth, as it is reported.
    pub(super) fn version(&self, birth: Birth) -> String {
        match birth {
            Birth::Generated(place) | Birth::Made(place) => self.versions[place].clone(),
            Birth::JustMade => String::new(),
        }
    }
}

/// In the order of the tables.
trait OfTables {
    fn into_values_of(self, tables: &[&TableShape]) -> Vec<Seen>;
}

impl OfTables for BTreeMap<u32, Seen> {
    fn into_values_of(mut self, tables: &[&TableShape]) -> Vec<Seen> {
        let nothing = || Seen { count: 0, young: Vec::new() };
        tables.iter().map(|table| self.remove(&table.oid).unwrap_or_else(nothing)).collect()
    }
}

/// If all that were there still are, there are exactly as many more as there are young ones.
fn someone_vanished(before: &Inhabitants, seen: &Seen) -> bool {
    seen.count != before.rows.len() + seen.young.len()
}

/// Who lives in a table now, given who did before: `true` beside it if its columns keep their
/// numbers, else they are known by their names.
fn settle(
    table: &TableShape,
    before: Option<(&Inhabitants, bool)>,
    seen: Seen,
    live: Option<&BTreeSet<Place>>,
    newcomers: Birth,
    changes: &mut Changes,
) -> Settled {
    let mut now = Inhabitants {
        name: table.name.clone(),
        columns: columns(table),
        primary_key: table.primary_key().unwrap_or_default().to_vec(),
        rows: BTreeMap::new(),
    };
    let young: BTreeMap<Place, Record> = seen.young.into_iter().collect();
    let Some((before, same_table)) = before else {
        now.settle_newcomers(young, newcomers);
        return Settled { now, and_before: false };
    };
    if same_table && live.is_none() {
        now.settle_newcomers(young, newcomers);
        return Settled { now, and_before: true };
    }
    let stayed = |place: &Place| {
        same_table && live.is_some_and(|live| live.contains(place)) && !young.contains_key(place)
    };
    let (stayed, unsettled): (Vec<_>, Vec<_>) =
        before.rows.iter().partition(|(place, _)| stayed(place));
    let common = common_columns(before, &now, same_table);
    now.rows.extend(stayed.into_iter().map(|(place, row)| (place.clone(), row.clone())));
    let (places, records): (Vec<Place>, Vec<Record>) = young.into_iter().unzip();
    let keys: Vec<(usize, usize)> = common
        .iter()
        .copied()
        .filter(|(then, _)| before.primary_key.contains(&before.columns[*then].0))
        .collect();
    let whole_key = keys.len() == before.primary_key.len();
    let unsettled_records: Vec<&Record> = unsettled.iter().map(|(_, row)| &row.record).collect();
    let pairs = pair(
        &unsettled_records,
        &records.iter().collect::<Vec<_>>(),
        &common,
        if whole_key { &keys } else { &[] },
    );
    let found: HashMap<usize, usize> = pairs.iter().copied().collect();
    let mut births = vec![newcomers; records.len()];
    for (place, (_, row)) in unsettled.iter().enumerate() {
        let Some(&other) = found.get(&place) else {
            changes.note(before, RowFate::Gone, row);
            continue;
        };
        births[other] = row.birth;
        let columns = differing(before, &row.record, &records[other], &common);
        if !columns.is_empty() {
            changes.note(before, RowFate::Changed { columns }, row);
        }
    }
    for ((place, record), birth) in places.into_iter().zip(records).zip(births) {
        now.rows.insert(place, Inhabitant { birth, record });
    }
    Settled { now, and_before: false }
}

impl Inhabitants {
    fn settle_newcomers(&mut self, young: BTreeMap<Place, Record>, birth: Birth) {
        let settled =
            young.into_iter().map(|(place, record)| (place, Inhabitant { birth, record }));
        self.rows.extend(settled);
    }

    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|(_, name)| name.clone()).collect()
    }
}

fn columns(table: &TableShape) -> Vec<(i16, String)> {
    table.columns.iter().map(|column| (column.number, column.name.clone())).collect()
}

/// Places of the columns that both have.
fn common_columns(then: &Inhabitants, now: &Inhabitants, same_table: bool) -> Vec<(usize, usize)> {
    let is_same = |one: &(i16, String), other: &(i16, String)| {
        if same_table { one.0 == other.0 } else { one.1 == other.1 }
    };
    let of = |(place, column): (usize, &(i16, String))| {
        Some((place, now.columns.iter().position(|other| is_same(column, other))?))
    };
    then.columns.iter().enumerate().filter_map(of).collect()
}

fn differing(
    table: &Inhabitants,
    then: &Record,
    now: &Record,
    common: &[(usize, usize)],
) -> Vec<String> {
    let (then, now) = (then.fields(), now.fields());
    let differs = |(before, after): &&(usize, usize)| then.get(*before) != now.get(*after);
    let changed = common.iter().filter(differs);
    changed.map(|(before, _)| table.columns[*before].1.clone()).collect()
}

impl Changes {
    fn note(&mut self, table: &Inhabitants, fate: RowFate, row: &Inhabitant) {
        let tally = self.0.entry((table.name.clone(), fate)).or_default();
        *tally.births.entry(row.birth).or_default() += 1;
        if tally.examples.len() < EXAMPLES {
            tally.examples.push(row.record.shown(&table.names()));
        }
    }
}
