//! Which units there are, and a version of each that changes whenever one of its rows does.
//!
//! PostgreSQL never changes a row of its catalog in place, but for statistics: it writes another
//! version of the row, and what a rolled-back savepoint wrote is not visible again. A version of
//! a row is known by its place (`ctid`) and its writer (`xmin`): a place is not used twice by one
//! writer, since what a transaction wrote is not cleared away before its end, and a savepoint
//! that was rolled back never writes again. A hash of both, combined over all rows of a unit, is
//! the unit's version. So a count that stays the same, a number of a transaction that stays the
//! highest, an object dropped and made anew: nothing of it can hide a change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use sqlx::postgres::types::Oid;
use sqlx::{AssertSqlSafe, Either, PgConnection, Row};

use super::describe::PREPARED;
use super::error::CatalogError;
use super::unit::{Class, Unit};
use super::visit::Visit;

/// Rows of one catalog that are a part of units of a class.
struct Source {
    catalog: &'static str,
    class: Class,
    /// The unit's number, in SQL.
    unit: &'static str,
    /// Which rows count, in SQL. What PostgreSQL made by itself has a number below 16384.
    rows: &'static str,
    rank: Rank,
    /// The oldest major version that has it.
    since: i32,
}

/// What rows are to their units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    /// Each unit has exactly one, and exists by it.
    Own,
    /// A unit has at most one.
    One,
    /// A unit has any number.
    Many,
}

const fn own(class: Class, catalog: &'static str, rows: &'static str) -> Source {
    Source { catalog, class, unit: "oid", rows, rank: Rank::Own, since: 14 }
}

const fn part(
    class: Class,
    catalog: &'static str,
    unit: &'static str,
    rows: &'static str,
) -> Source {
    Source { catalog, class, unit, rows, rank: Rank::Many, since: 14 }
}

const fn one(
    class: Class,
    catalog: &'static str,
    unit: &'static str,
    rows: &'static str,
) -> Source {
    Source { rank: Rank::One, ..part(class, catalog, unit, rows) }
}

/// Some catalogs need no look: a default changes with its column's row, a sequence's owner with the
/// sequence's row. Those that come with extensions have a number of 16384 or more as well; the
/// members of extensions name them.
const SOURCES: [Source; 46] = [
    own(
        Class::Schema,
        "pg_namespace",
        "(oid >= 16384 AND left(nspname, 3) <> 'pg_') OR nspname = 'public'",
    ),
    own(Class::Extension, "pg_extension", "true"),
    own(Class::Role, "pg_authid", "oid >= 16384"),
    own(Class::Tablespace, "pg_tablespace", "oid >= 16384"),
    own(Class::Language, "pg_language", "oid >= 16384"),
    own(
        Class::Relation,
        "pg_class",
        "oid >= 16384 AND relnamespace <> 99 AND relpersistence <> 't'",
    ),
    part(Class::Relation, "pg_attribute", "attrelid", "attrelid >= 16384 AND attnum > 0"),
    one(Class::Relation, "pg_index", "indexrelid", "indexrelid >= 16384"),
    part(Class::Relation, "pg_inherits", "inhrelid", "inhrelid >= 16384"),
    one(Class::Relation, "pg_sequence", "seqrelid", "true"),
    one(Class::Relation, "pg_partitioned_table", "partrelid", "true"),
    one(Class::Relation, "pg_foreign_table", "ftrelid", "true"),
    part(Class::Relation, "pg_rewrite", "ev_class", "oid >= 16384 AND rulename = '_RETURN'"),
    own(Class::Constraint, "pg_constraint", "oid >= 16384"),
    own(Class::Type, "pg_type", "oid >= 16384 AND typtype <> 'm' AND typsubscript::oid <> 6179"),
    part(Class::Type, "pg_enum", "enumtypid", "true"),
    one(Class::Type, "pg_range", "rngtypid", "rngtypid >= 16384"),
    own(Class::Function, "pg_proc", "oid >= 16384"),
    one(Class::Function, "pg_aggregate", "aggfnoid", "aggfnoid >= 16384"),
    own(Class::Operator, "pg_operator", "oid >= 16384"),
    own(Class::OperatorClass, "pg_opclass", "oid >= 16384"),
    own(Class::OperatorFamily, "pg_opfamily", "oid >= 16384"),
    part(Class::OperatorFamily, "pg_amop", "amopfamily", "amopfamily >= 16384"),
    part(Class::OperatorFamily, "pg_amproc", "amprocfamily", "amprocfamily >= 16384"),
    own(Class::AccessMethod, "pg_am", "oid >= 16384"),
    own(Class::Cast, "pg_cast", "oid >= 16384"),
    own(Class::Transform, "pg_transform", "oid >= 16384"),
    own(Class::Collation, "pg_collation", "oid >= 16384"),
    own(Class::Conversion, "pg_conversion", "oid >= 16384"),
    own(Class::Trigger, "pg_trigger", "NOT tgisinternal"),
    own(Class::Rule, "pg_rewrite", "oid >= 16384 AND rulename <> '_RETURN'"),
    own(Class::EventTrigger, "pg_event_trigger", "oid >= 16384"),
    own(Class::Policy, "pg_policy", "oid >= 16384"),
    own(Class::Publication, "pg_publication", "oid >= 16384"),
    part(Class::Publication, "pg_publication_rel", "prpubid", "true"),
    Source { since: 15, ..part(Class::Publication, "pg_publication_namespace", "pnpubid", "true") },
    own(Class::Statistics, "pg_statistic_ext", "oid >= 16384"),
    own(Class::TextSearchParser, "pg_ts_parser", "oid >= 16384"),
    own(Class::TextSearchTemplate, "pg_ts_template", "oid >= 16384"),
    own(Class::TextSearchDictionary, "pg_ts_dict", "oid >= 16384"),
    own(Class::TextSearchConfiguration, "pg_ts_config", "oid >= 16384"),
    part(Class::TextSearchConfiguration, "pg_ts_config_map", "mapcfg", "mapcfg >= 16384"),
    own(Class::ForeignDataWrapper, "pg_foreign_data_wrapper", "oid >= 16384"),
    own(Class::ForeignServer, "pg_foreign_server", "oid >= 16384"),
    own(Class::UserMapping, "pg_user_mapping", "oid >= 16384"),
    own(Class::DefaultPrivileges, "pg_default_acl", "oid >= 16384"),
];

/// What only a session of all rights may read.
const GUARDED: [Class; 2] = [Class::Role, Class::UserMapping];

/// Hashes a row's place with its writer. A transaction's number has no arithmetic of its own, but
/// its distance from the latest one has, as the distance of the first ordinary one, 3, from that.
/// What was there from the beginning has no writer, and its distance is said to be the greatest.
const VERSION: &str = "hashtidextended(ctid, CASE age(xmin) WHEN 2147483647 THEN 0 \
    ELSE (SELECT xid FROM latest) - age(xmin) END)";

const COMMENTS: usize = SOURCES.len();
const MEMBERS: usize = COMMENTS + 1;
const CLOCK: usize = MEMBERS + 1;

/// All units with the versions of their rows, for each source.
#[derive(Clone, Debug)]
pub(super) struct Versions {
    /// By the numbers of the sources; the last two are comments and the members of extensions.
    sources: Vec<HashMap<Unit, i64>>,
    pub(super) read_at: DateTime<Utc>,
}

/// The units whose rows are others than before.
#[derive(Debug, Default)]
pub(super) struct Altered {
    /// Those that are there now.
    pub(super) present: HashSet<Unit>,
    /// Those of them that were there before.
    pub(super) known: Vec<Unit>,
    /// Those that are there no more.
    pub(super) gone: Vec<Unit>,
}

impl Versions {
    /// Of no unit.
    pub(super) fn new() -> Self {
        Self { sources: vec![HashMap::new(); CLOCK], read_at: DateTime::default() }
    }

    /// Whether there is such a unit, and it does not belong to an extension.
    pub(super) fn has(&self, unit: Unit) -> bool {
        self.sources[own_source(unit.class)].contains_key(&unit)
            && !self.sources[MEMBERS].contains_key(&unit)
    }

    /// All units.
    pub(super) fn all(&self) -> impl Iterator<Item = Unit> {
        let own = SOURCES.iter().zip(&self.sources).filter(|(source, _)| source.rank == Rank::Own);
        own.flat_map(|(_, units)| units.keys().copied())
            .filter(|unit| !self.sources[MEMBERS].contains_key(unit))
    }

    /// Takes over what was read anew of some sources.
    fn take(&mut self, read: Vec<(usize, HashMap<Unit, i64>)>) -> Altered {
        let mut altered: HashSet<Unit> = HashSet::new();
        for (source, now) in &read {
            let before = &self.sources[*source];
            let differs = |(unit, version): &(&Unit, &i64)| before.get(unit) != Some(*version);
            altered.extend(now.iter().filter(differs).map(|(unit, _)| *unit));
            altered.extend(before.keys().filter(|unit| !now.contains_key(unit)));
        }
        let known: Vec<Unit> = altered.iter().copied().filter(|unit| self.has(*unit)).collect();
        for (source, now) in read {
            self.sources[source] = now;
        }
        let (known, gone) = known.into_iter().partition(|unit| self.has(*unit));
        let present = altered.into_iter().filter(|unit| self.has(*unit)).collect();
        Altered { present, known, gone }
    }
}

/// The source by whose rows the units of a class exist.
fn own_source(class: Class) -> usize {
    static OWN: LazyLock<HashMap<Class, usize>> = LazyLock::new(|| {
        let own = SOURCES.iter().enumerate().filter(|(_, source)| source.rank == Rank::Own);
        own.map(|(number, source)| (source.class, number)).collect()
    });
    OWN[&class]
}

/// What reads them from a server.
#[derive(Debug)]
pub(super) struct VersionReader {
    major: i32,
    unlimited: bool,
    /// The classes by the numbers of their catalogs.
    classes: HashMap<u32, Class>,
    /// The statements that the session has prepared, by their names.
    prepared: HashSet<String>,
}

impl VersionReader {
    /// For a session on a server of that major version that has prepared these statements.
    pub(super) fn new(
        major: i32,
        unlimited: bool,
        classes: HashMap<u32, Class>,
        prepared: &[String],
    ) -> Self {
        Self { major, unlimited, classes, prepared: prepared.iter().cloned().collect() }
    }

    /// The catalogs that rows are read from.
    pub(super) fn catalogs() -> HashSet<&'static str> {
        (0..CLOCK).map(catalog_of).collect()
    }

    /// Reads them in one query, of all catalogs or of those that are named; sent along with what
    /// begins a visit, where it has not begun.
    pub(super) async fn read(
        &mut self,
        connection: &mut PgConnection,
        beginning: Option<Visit>,
        catalogs: Option<&HashSet<&str>>,
        versions: &mut Versions,
    ) -> Result<Altered, CatalogError> {
        let is_wanted = |source: &usize| {
            self.is_readable(*source)
                && catalogs.is_none_or(|catalogs| catalogs.contains(catalog_of(*source)))
        };
        let wanted: Vec<usize> = (0..CLOCK).filter(is_wanted).collect();
        let (mut script, mut before) = (String::new(), 0);
        if let Some(visit) = beginning {
            script = visit.beginning();
            before = Visit::BEGINNING;
        }
        let name = name(self.major, &wanted);
        if self.prepared.insert(name.clone()) {
            let _ = write!(script, "PREPARE \"{name}\" AS {}; ", query(&wanted));
            before += 1;
        }
        let _ = write!(script, "EXECUTE \"{name}\"");
        let reading = || CatalogError::reading("the versions of its rows");
        let mut answers = sqlx::raw_sql(AssertSqlSafe(script)).fetch_many(connection);
        let (mut ended, mut rows) = (0, Vec::new());
        while let Some(answer) = answers.try_next().await.map_err(reading())? {
            match answer {
                Either::Left(_) => ended += 1,
                Either::Right(row) if ended == before => rows.push(row),
                Either::Right(_) => {}
            }
        }
        self.collect(&rows, &wanted, versions).map_err(reading())
    }

    fn is_readable(&self, source: usize) -> bool {
        SOURCES.get(source).is_none_or(|source| {
            source.since <= self.major && (self.unlimited || !GUARDED.contains(&source.class))
        })
    }

    fn collect(
        &self,
        rows: &[sqlx::postgres::PgRow],
        wanted: &[usize],
        versions: &mut Versions,
    ) -> Result<Altered, sqlx::Error> {
        let mut read: BTreeMap<usize, HashMap<Unit, i64>> =
            wanted.iter().map(|source| (*source, HashMap::new())).collect();
        for row in rows {
            let source = row.try_get::<i32, _>(0)? as usize;
            if source == CLOCK {
                versions.read_at = row.try_get(4)?;
                continue;
            }
            let catalog: Oid = row.try_get(1)?;
            let class = match SOURCES.get(source) {
                Some(known) => Some(known.class),
                None => self.classes.get(&catalog.0).copied(),
            };
            let Some(class) = class else { continue };
            let units = row.try_get::<Option<Vec<Oid>>, _>(2)?.unwrap_or_default();
            let own = row.try_get::<Option<Vec<i64>>, _>(3)?.unwrap_or_default();
            // A member of an extension has no version.
            let own = own.into_iter().chain(std::iter::repeat(0));
            let units = units.iter().map(|oid| Unit { class, oid: oid.0 });
            read.entry(source).or_default().extend(units.zip(own));
        }
        Ok(versions.take(read.into_iter().collect()))
    }
}

fn catalog_of(source: usize) -> &'static str {
    match source {
        COMMENTS => "pg_description",
        MEMBERS => "pg_depend",
        source => SOURCES[source].catalog,
    }
}

/// What a session knows the query for these sources by.
fn name(major: i32, wanted: &[usize]) -> String {
    let sources = wanted.iter().fold(0_u64, |sources, number| sources | 1 << number);
    format!("{PREPARED}versions of {major}, {sources:x}")
}

/// The query for these sources.
///
/// It answers with rows for each of them: its number, for the last two a class by the number of its
/// catalog, the units, their versions; and with one for the clock.
fn query(wanted: &[usize]) -> String {
    let mut sql = String::from(
        "WITH latest AS MATERIALIZED (SELECT age('3'::xid)::bigint AS xid, clock_timestamp() AS read_at) ",
    );
    for number in wanted {
        let part = match *number {
            COMMENTS => format!(
                "SELECT {COMMENTS}, classoid, array_agg(unit), array_agg(version), NULL::timestamptz \
                 FROM (SELECT classoid, objoid AS unit, bit_xor({VERSION}) AS version \
                 FROM pg_description WHERE objoid >= 16384 OR objoid = 2200 \
                 GROUP BY 1, 2) AS rows GROUP BY classoid"
            ),
            MEMBERS => format!(
                "SELECT {MEMBERS}, classid, array_agg(objid), NULL::bigint[], NULL::timestamptz \
                 FROM pg_depend WHERE deptype = 'e' AND refclassid = 3079 GROUP BY classid"
            ),
            number => {
                let Source { catalog, unit, rows, rank, .. } = &SOURCES[number];
                let (version, group) = match rank {
                    Rank::Own | Rank::One => (VERSION.to_owned(), ""),
                    Rank::Many => (format!("bit_xor({VERSION})"), " GROUP BY 1"),
                };
                format!(
                    "SELECT {number}, 0::oid, array_agg(unit), array_agg(version), \
                     NULL::timestamptz FROM (SELECT {unit}::oid AS unit, {version} AS version \
                     FROM {catalog} WHERE {rows}{group}) AS rows"
                )
            }
        };
        sql.push_str(&part);
        sql.push_str(" UNION ALL ");
    }
    sql.push_str(&format!(
        "SELECT {CLOCK}, 0::oid, NULL::oid[], NULL::bigint[], read_at FROM latest"
    ));
    sql
}
