//! Which units there are, and a version of each that changes whenever one of its rows does.
//!
//! PostgreSQL never changes a row of its catalog in place, but for statistics: it writes another
//! version of the row, and what a rolled-back savepoint wrote is not visible again. A version of
//! a row is known by its place (`ctid`) and its writer (`xmin`): a place is not used twice by one
//! writer, since what a transaction wrote is not cleared away before its end, and a savepoint
//! that was rolled back never writes again. A hash of both, combined over all rows of a unit, is
//! the unit's version. So a count that stays the same, a number of a transaction that stays the
//! highest, an object dropped and made anew: nothing of it can hide a change.

use std::collections::HashMap;
use std::fmt::Write;

use chrono::{DateTime, Utc};
use sqlx::postgres::types::Oid;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::error::CatalogError;
use super::unit::{Class, Unit};

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
/// sequence's row. Those that come with extensions have a number of 16384 or more as well; [`Versions::members`]
/// names them.
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

/// The query, for a server of that major version.
///
/// It answers with a row for each source: its number, the units, their versions. The last two
/// sources are comments, by their classes, and the members of extensions.
fn query(major: i32, unlimited: bool) -> String {
    let mut sql = String::from(
        "WITH latest AS MATERIALIZED (SELECT age('3'::xid)::bigint AS xid, clock_timestamp() AS read_at) ",
    );
    let readable = |source: &&Source| unlimited || !GUARDED.contains(&source.class);
    let known = SOURCES.iter().enumerate().filter(|(_, source)| source.since <= major);
    for (number, Source { catalog, unit, rows, rank, .. }) in known.filter(|(_, s)| readable(s)) {
        let (version, group) = match rank {
            Rank::Own | Rank::One => (VERSION.to_owned(), ""),
            Rank::Many => (format!("bit_xor({VERSION})"), " GROUP BY 1"),
        };
        write!(
            sql,
            "SELECT {number} AS source, 0::oid AS class, array_agg(unit) AS units, \
             array_agg(version) AS versions, NULL::timestamptz AS read_at \
             FROM (SELECT {unit}::oid AS unit, {version} AS version FROM {catalog} \
             WHERE {rows}{group}) AS rows UNION ALL "
        )
        .expect("a String takes everything");
    }
    write!(
        sql,
        "SELECT {COMMENTS}, classoid, array_agg(unit), array_agg(version), NULL \
         FROM (SELECT classoid, objoid AS unit, bit_xor({VERSION}) AS version \
         FROM pg_description WHERE objoid >= 16384 OR objoid = 2200 \
         GROUP BY 1, 2) AS rows GROUP BY classoid \
         UNION ALL \
         SELECT {MEMBERS}, classid, array_agg(objid), NULL, NULL FROM pg_depend \
         WHERE deptype = 'e' AND refclassid = 3079 GROUP BY classid \
         UNION ALL \
         SELECT {CLOCK}, 0, NULL, NULL, read_at FROM latest"
    )
    .expect("a String takes everything");
    sql
}

const COMMENTS: i32 = 1000;
const MEMBERS: i32 = 1001;
const CLOCK: i32 = 1002;

/// All units with their versions, at one moment.
#[derive(Debug, Default)]
pub(super) struct Versions {
    pub(super) of: HashMap<Unit, i64>,
    pub(super) read_at: DateTime<Utc>,
}

/// What reads them from a server, with the query for it.
#[derive(Debug)]
pub(super) struct VersionReader {
    sql: String,
    /// The classes by the numbers of their catalogs.
    classes: HashMap<u32, Class>,
}

impl VersionReader {
    /// For a server of that major version.
    pub(super) fn new(major: i32, unlimited: bool, classes: HashMap<u32, Class>) -> Self {
        Self { sql: query(major, unlimited), classes }
    }

    /// Reads them in one query.
    pub(super) async fn read(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Versions, CatalogError> {
        let rows = sqlx::query(AssertSqlSafe(self.sql.as_str()))
            .fetch_all(connection)
            .await
            .map_err(CatalogError::reading("the versions of its rows"))?;
        self.collect(&rows).map_err(CatalogError::reading("the versions of its rows"))
    }

    fn collect(&self, rows: &[sqlx::postgres::PgRow]) -> Result<Versions, sqlx::Error> {
        let mut versions = Versions::default();
        let mut parts = Vec::new();
        let mut members = Vec::new();
        for row in rows {
            let source: i32 = row.try_get(0)?;
            let catalog: Oid = row.try_get(1)?;
            let class = self.classes.get(&catalog.0).copied();
            let units = row.try_get::<Option<Vec<Oid>>, _>(2)?.unwrap_or_default();
            let own = row.try_get::<Option<Vec<i64>>, _>(3)?.unwrap_or_default();
            match source {
                CLOCK => versions.read_at = row.try_get(4)?,
                MEMBERS => members.push((class, units)),
                COMMENTS => parts.push((source, class, units, own)),
                _ => {
                    let known = &SOURCES[usize::try_from(source).expect("a number that we gave")];
                    if known.rank == Rank::Own {
                        let units = units.iter().map(|oid| Unit { class: known.class, oid: oid.0 });
                        versions.of.extend(units.zip(own));
                    } else {
                        parts.push((source, Some(known.class), units, own));
                    }
                }
            }
        }
        for (source, class, units, own) in parts {
            let Some(class) = class else { continue };
            for (oid, version) in units.iter().zip(own) {
                if let Some(whole) = versions.of.get_mut(&Unit { class, oid: oid.0 }) {
                    *whole = whole.wrapping_add(
                        version.rotate_left(1).wrapping_mul(2 * i64::from(source) + 3),
                    );
                }
            }
        }
        for (class, units) in members {
            let Some(class) = class else { continue };
            for oid in units {
                versions.of.remove(&Unit { class, oid: oid.0 });
            }
        }
        Ok(versions)
    }
}
