//! The descriptions of units, as objects: one query for what one catalog holds.
//!
//! A query takes the units' numbers and answers with the unit, the kind, what it is a part of, and
//! the name. A column `relation` is the number of the table that it goes with; every other one is
//! an attribute under its own name, left out where it is NULL.
//! A line that ends in `--@ 15` stands only for servers of that major version and newer ones, one
//! that ends in `--@ 15 to 16` only for these.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::{AssertSqlSafe, Column, Either, PgConnection, Row, ValueRef};

use super::error::CatalogError;
use super::object::{Key, Kind, Object};
use super::unit::{Class, Unit};
use super::versions::Versions;
use super::visit::Visit;

/// What the names of all statements begin with that are prepared here.
pub(super) const PREPARED: &str = "catalog ";

/// Columns before the first attribute: unit, kind, of, name.
const KEY_COLUMNS: usize = 4;

macro_rules! queries {
    ($($class:ident: $file:literal,)*) => {
        [$((Class::$class, include_str!(concat!("queries/", $file, ".sql"))),)*]
    };
}

const QUERIES: [(Class, &str); 30] = queries! {
    Schema: "schemas",
    Extension: "extensions",
    Language: "languages",
    Relation: "relations",
    Relation: "columns",
    Constraint: "constraints",
    Type: "types",
    Function: "functions",
    Operator: "operators",
    OperatorClass: "operator_classes",
    OperatorFamily: "operator_families",
    AccessMethod: "access_methods",
    Cast: "casts",
    Transform: "transforms",
    Collation: "collations",
    Conversion: "conversions",
    Trigger: "triggers",
    Rule: "rules",
    EventTrigger: "event_triggers",
    Policy: "policies",
    Publication: "publications",
    Statistics: "statistics",
    TextSearchParser: "text_search_parsers",
    TextSearchTemplate: "text_search_templates",
    TextSearchDictionary: "text_search_dictionaries",
    TextSearchConfiguration: "text_search_configurations",
    ForeignDataWrapper: "foreign_data_wrappers",
    ForeignServer: "foreign_servers",
    UserMapping: "user_mappings",
    DefaultPrivileges: "default_privileges",
};

/// One query with the names of its attributes, once they are known.
#[derive(Debug)]
struct Query {
    class: Class,
    sql: String,
    /// What the session knows it by.
    name: String,
    /// Whether the session has prepared it.
    prepared: bool,
    /// By their places.
    attributes: Vec<(usize, Arc<str>)>,
    relation: Option<usize>,
}

/// All queries, for one server.
#[derive(Debug)]
pub(super) struct Describer {
    queries: Vec<Query>,
}

impl Describer {
    /// For a session on a server of that major version that has prepared these statements.
    pub(super) fn new(major: i32, prepared: &[String]) -> Self {
        let query = |(place, (class, text)): (usize, (Class, &str))| {
            let name = format!("{PREPARED}of {major}, {place}");
            Query {
                class,
                sql: for_version(text, major),
                prepared: prepared.contains(&name),
                name,
                attributes: Vec::new(),
                relation: None,
            }
        };
        Self { queries: QUERIES.into_iter().enumerate().map(query).collect() }
    }

    /// Describes these units. One that is not in the answer has nothing to describe: the row type
    /// of a table, say, or an index of a table that is not among `versions`.
    ///
    /// All queries go in one message, prepared with the first that needs them, and the end of the
    /// visit with them.
    pub(super) async fn describe(
        &mut self,
        connection: &mut PgConnection,
        units: &HashMap<Class, Vec<Oid>>,
        versions: &Versions,
        visit: Visit,
    ) -> Result<HashMap<Unit, Vec<Object>>, CatalogError> {
        let mut script = String::new();
        // For each statement of the script the query that it answers, if it is one.
        let mut asked = Vec::new();
        for (place, query) in self.queries.iter_mut().enumerate() {
            let Some(units) = units.get(&query.class) else { continue };
            if !std::mem::replace(&mut query.prepared, true) {
                script.push_str(&query.preparation());
                asked.push(None);
            }
            script.push_str(&query.execution(units));
            asked.push(Some(place));
        }
        script.push_str(visit.ending());
        let reading = || CatalogError::reading("the schema's objects");
        let mut described = HashMap::new();
        let mut answers = sqlx::raw_sql(AssertSqlSafe(script)).fetch_many(connection);
        let mut statements = asked.into_iter();
        let mut rows = Vec::new();
        while let Some(answer) = answers.try_next().await.map_err(reading())? {
            match answer {
                Either::Right(row) => rows.push(row),
                Either::Left(_) => {
                    let rows = std::mem::take(&mut rows);
                    let Some(place) = statements.next().flatten() else { continue };
                    let query = &mut self.queries[place];
                    query.learn_attributes(&rows);
                    query.objects(&rows, versions, &mut described).map_err(reading())?;
                }
            }
        }
        Ok(described)
    }
}

/// What any reader has prepared in a session: it is of use to the next one too.
pub(super) async fn prepared(connection: &mut PgConnection) -> Result<Vec<String>, CatalogError> {
    sqlx::query_scalar("SELECT name FROM pg_prepared_statements WHERE starts_with(name, $1)")
        .bind(PREPARED)
        .fetch_all(connection)
        .await
        .map_err(CatalogError::reading("the session's statements"))
}

impl Query {
    fn preparation(&self) -> String {
        format!("PREPARE \"{}\" (oid[]) AS {};", self.name, self.sql)
    }

    fn execution(&self, units: &[Oid]) -> String {
        let units: Vec<String> = units.iter().map(|oid| oid.0.to_string()).collect();
        format!("EXECUTE \"{}\" ('{{{}}}');", self.name, units.join(","))
    }

    fn learn_attributes(&mut self, rows: &[PgRow]) {
        if let (true, Some(row)) = (self.attributes.is_empty(), rows.first()) {
            let columns = row.columns().iter().enumerate().skip(KEY_COLUMNS);
            for (place, column) in columns {
                match column.name() {
                    "relation" => self.relation = Some(place),
                    name => self.attributes.push((place, name.into())),
                }
            }
        }
    }

    fn objects(
        &self,
        rows: &[PgRow],
        versions: &Versions,
        described: &mut HashMap<Unit, Vec<Object>>,
    ) -> Result<(), sqlx::Error> {
        for row in rows {
            let relation: Option<Oid> =
                self.relation.map(|place| row.try_get(place)).transpose()?.flatten();
            let is_known = |oid: Oid| versions.has(Unit { class: Class::Relation, oid: oid.0 });
            let object = self.object(row)?;
            let is_temporary = |name: &str| name.starts_with("pg_temp_");
            if relation.is_none_or(is_known)
                && !is_temporary(&object.key.name)
                && !is_temporary(&object.key.of)
            {
                let unit: Oid = row.try_get(0)?;
                let unit = Unit { class: self.class, oid: unit.0 };
                described.entry(unit).or_default().push(object);
            }
        }
        Ok(())
    }

    fn object(&self, row: &PgRow) -> Result<Object, sqlx::Error> {
        let words = text(&row.try_get_raw(1)?)?;
        let kind = Kind::from_words(words).expect("our queries name kinds that there are");
        let key = Key {
            kind,
            of: text(&row.try_get_raw(2)?)?.into(),
            name: text(&row.try_get_raw(3)?)?.into(),
        };
        let mut attributes = Vec::new();
        for (place, name) in &self.attributes {
            let value = row.try_get_raw(*place)?;
            if !value.is_null() {
                attributes.push((Arc::clone(name), text(&value)?.into()));
            }
        }
        attributes.shrink_to_fit();
        Ok(Object { key, attributes })
    }
}

/// All columns but the numbers are text.
fn text<'row>(value: &PgValueRef<'row>) -> Result<&'row str, sqlx::Error> {
    value.as_str().map_err(sqlx::Error::Decode)
}

fn for_version(sql: &str, major: i32) -> String {
    let stands = |line: &&str| {
        line.rsplit_once("--@ ").is_none_or(|(_, versions)| match versions.split_once(" to ") {
            Some((first, last)) => (number(first)..=number(last)).contains(&major),
            None => major >= number(versions),
        })
    };
    sql.lines().filter(stands).map(|line| format!("{line}\n")).collect()
}

fn number(text: &str) -> i32 {
    text.trim().parse().expect("our queries name versions by numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_for_the_versions_that_they_name() {
        let sql = "SELECT 1\n, 2 --@ 15\n, 3 --@ 14 to 16\nFROM x";
        assert_eq!(for_version(sql, 14), "SELECT 1\n, 3 --@ 14 to 16\nFROM x\n");
        assert_eq!(for_version(sql, 18), "SELECT 1\n, 2 --@ 15\nFROM x\n");
    }
}
