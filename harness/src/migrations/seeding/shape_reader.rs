//! Reads the shapes of all tables, and afterwards only what changed.
//!
//! A row of the catalog that changed carries a young transaction in its `xmin`; what was dropped is
//! missed by that, so a count that fell makes everything be read again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use sqlx::PgConnection;

use super::calls::{FunctionCast, in_place_of_calls};
use super::shape::{
    BOUNDS, CheckConstraint, ColumnShape, ForeignKey, TableShape, TypeShape, TypeSort, UniqueKey,
};
use super::{SeedingError, TableName};

/// Domains, arrays and composites may nest, even through themselves.
const DEEPEST_TYPE: usize = 12;

/// The shapes of all tables in the user's schemas, as of the last look.
#[derive(Clone, Debug, Default)]
pub(super) struct ShapeReader {
    database: u32,
    horizon: Option<String>,
    counts: Vec<i64>,
    tables: BTreeMap<u32, Arc<TableShape>>,
    types: Arc<HashMap<u32, TypeRow>>,
}

#[derive(Deserialize)]
struct Changes {
    database: u32,
    horizon: String,
    live: Vec<(u32, String, String)>,
    touched: Vec<u32>,
    types_touched: bool,
    counts: Vec<i64>,
}

#[derive(Deserialize)]
struct TableRow {
    oid: u32,
    schema: String,
    table: String,
    partitioned: bool,
    root: u32,
    bounds: Option<String>,
    columns: Vec<ColumnRow>,
    keys: Vec<UniqueKey>,
    foreign_keys: Vec<ForeignKey>,
    checks: Vec<CheckConstraint>,
    rules: bool,
}

#[derive(Deserialize)]
struct ColumnRow {
    number: i16,
    name: String,
    type_oid: u32,
    modifier: i32,
    type_name: String,
    not_null: bool,
    default: Option<String>,
    identity: bool,
    always: bool,
    generated: bool,
    /// The columns that its expression reads, if it is generated.
    reads: Vec<i16>,
    /// Functions in that expression that cast what they are given.
    casts: Vec<FunctionCast>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct TypeRow {
    oid: u32,
    name: String,
    base_name: String,
    sort: String,
    not_null: bool,
    base: u32,
    modifier: i32,
    element: u32,
    labels: Option<Vec<String>>,
    checks: Option<Vec<String>>,
    fields: Option<Vec<(u32, i32)>>,
    subtype: Option<u32>,
    range: Option<u32>,
}

impl ColumnRow {
    /// What a generated column that must not be NULL demands of those that it is made of.
    fn check(&self) -> Option<CheckConstraint> {
        let expression = self.default.as_ref().filter(|_| self.generated && self.not_null)?;
        Some(CheckConstraint {
            name: format!("what {} is generated from", self.name),
            columns: self.reads.clone(),
            expression: format!("({expression}) IS NOT NULL"),
            words: vec![in_place_of_calls(expression, &self.casts)],
        })
    }
}

impl ShapeReader {
    /// All tables, by their number in the catalog.
    pub fn tables(&self) -> &BTreeMap<u32, Arc<TableShape>> {
        &self.tables
    }

    /// The transaction before which everything was seen.
    pub fn horizon(&self) -> Option<&str> {
        self.horizon.as_deref()
    }

    /// Takes everything before this transaction as seen.
    pub fn advance(&mut self, horizon: String) {
        self.horizon = Some(horizon);
    }

    /// Reads what changed since the last look, and says which tables did.
    pub async fn read(&mut self, connection: &mut PgConnection) -> Result<Vec<u32>, SeedingError> {
        let changes = self.changes(connection).await?;
        let fell = changes.counts.iter().zip(&self.counts).any(|(now, before)| now < before);
        if changes.database != self.database || fell {
            *self = Self::default();
        }
        let mut all = self.horizon.is_none();
        if all || changes.types_touched {
            all |= self.read_types(connection, all).await?;
        }
        let names: HashMap<u32, TableName> = changes
            .live
            .into_iter()
            .map(|(oid, schema, table)| (oid, TableName { schema, table }))
            .collect();
        let touched: HashSet<u32> = changes.touched.into_iter().collect();
        let touched: Vec<u32> =
            names.keys().copied().filter(|oid| all || touched.contains(oid)).collect();
        let changed = self.read_tables(connection, &touched).await?;
        self.tables.retain(|oid, _| names.contains_key(oid));
        for (oid, table) in &mut self.tables {
            if table.name != names[oid] {
                Arc::make_mut(table).name = names[oid].clone();
            }
        }
        self.database = changes.database;
        self.horizon = Some(changes.horizon);
        self.counts = changes.counts;
        Ok(changed)
    }

    async fn changes(&self, connection: &mut PgConnection) -> Result<Changes, SeedingError> {
        let query = sqlx::query_scalar(include_str!("changes.sql")).bind(self.horizon());
        let text: String = query
            .fetch_one(connection)
            .await
            .map_err(SeedingError::database("see which tables changed"))?;
        serde_json::from_str(&text).map_err(SeedingError::answer("seeing which tables changed"))
    }

    /// Whether a type that was known is another now: then tables that did not change have.
    async fn read_types(
        &mut self,
        connection: &mut PgConnection,
        with_builtin: bool,
    ) -> Result<bool, SeedingError> {
        let query = sqlx::query_scalar(include_str!("types.sql")).bind(with_builtin);
        let text: Option<String> = query
            .fetch_one(connection)
            .await
            .map_err(SeedingError::database("read the types of columns"))?;
        let rows: Vec<TypeRow> = serde_json::from_str(text.as_deref().unwrap_or("[]"))
            .map_err(SeedingError::answer("reading the types of columns"))?;
        let types = Arc::make_mut(&mut self.types);
        let mut altered = false;
        for row in rows {
            let before = types.get(&row.oid);
            altered |= before.is_some_and(|before| *before != row);
            types.insert(row.oid, row);
        }
        Ok(altered)
    }

    /// Which of these tables are others than before. A transaction that stays open anywhere makes
    /// everything look young.
    async fn read_tables(
        &mut self,
        connection: &mut PgConnection,
        oids: &[u32],
    ) -> Result<Vec<u32>, SeedingError> {
        if oids.is_empty() {
            return Ok(Vec::new());
        }
        let oids: Vec<i64> = oids.iter().map(|&oid| i64::from(oid)).collect();
        let text: String = sqlx::query_scalar(include_str!("shapes.sql"))
            .bind(oids)
            .fetch_one(&mut *connection)
            .await
            .map_err(SeedingError::database("read the shapes of tables"))?;
        let rows: Vec<TableRow> = serde_json::from_str(&text)
            .map_err(SeedingError::answer("reading shapes of tables"))?;
        let mut columns = rows.iter().flat_map(|row| &row.columns);
        if columns.any(|column| !self.types.contains_key(&column.type_oid)) {
            self.read_types(connection, false).await?;
        }
        let mut changed = Vec::new();
        for row in rows {
            let table = self.table(row);
            let oid = table.oid;
            if self.tables.get(&oid).is_none_or(|before| **before != table) {
                self.tables.insert(oid, Arc::new(table));
                changed.push(oid);
            }
        }
        Ok(changed)
    }

    fn table(&self, row: TableRow) -> TableShape {
        let mut checks = row.checks;
        checks.extend(row.columns.iter().filter_map(ColumnRow::check));
        let columns: Vec<ColumnShape> =
            row.columns.into_iter().map(|column| self.column(column)).collect();
        checks.extend(row.bounds.map(|expression| CheckConstraint {
            name: BOUNDS.to_owned(),
            columns: named_in(&expression, &columns),
            expression,
            words: Vec::new(),
        }));
        TableShape {
            oid: row.oid,
            name: TableName::new(row.schema, row.table),
            partitioned: row.partitioned,
            root: row.root,
            columns,
            keys: row.keys,
            foreign_keys: row.foreign_keys,
            checks,
            rules: row.rules,
        }
    }

    fn column(&self, row: ColumnRow) -> ColumnShape {
        let value_type = self.resolve(row.type_oid, 0);
        ColumnShape {
            number: row.number,
            name: row.name,
            modifier: row.modifier,
            type_name: row.type_name,
            not_null: row.not_null || value_type.refuses_null(),
            value_type,
            default: row.default,
            identity: row.identity,
            computed: row.generated || row.always,
        }
    }

    fn resolve(&self, oid: u32, depth: usize) -> Arc<TypeShape> {
        let Some(row) = self.types.get(&oid).filter(|_| depth < DEEPEST_TYPE) else {
            let sort = TypeSort::Base("text".to_owned());
            return Arc::new(TypeShape { name: "text".to_owned(), sort });
        };
        let inner = |oid| self.resolve(oid, depth + 1);
        let sort = match row.sort.as_str() {
            "e" => TypeSort::Enum(row.labels.clone().unwrap_or_default()),
            "d" => TypeSort::Domain {
                base: inner(row.base),
                modifier: row.modifier,
                not_null: row.not_null,
                checks: row.checks.clone().unwrap_or_default(),
            },
            "c" => TypeSort::Composite(
                row.fields
                    .iter()
                    .flatten()
                    .map(|&(oid, modifier)| (inner(oid), modifier))
                    .collect(),
            ),
            "r" => TypeSort::Range(inner(row.subtype.unwrap_or_default())),
            "m" => TypeSort::Multirange(inner(row.range.unwrap_or_default())),
            _ if row.element != 0 => TypeSort::Array(inner(row.element)),
            _ => TypeSort::Base(row.base_name.clone()),
        };
        Arc::new(TypeShape { name: row.name.clone(), sort })
    }
}

/// A partition's bounds come without the list of columns that they read.
fn named_in(expression: &str, columns: &[ColumnShape]) -> Vec<i16> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let words: Vec<&str> = expression.split(|letter| !is_part(letter)).collect();
    columns
        .iter()
        .filter(|column| {
            words.contains(&column.name.as_str())
                || expression.contains(&super::table_name::quote_identifier(&column.name))
        })
        .map(|column| column.number)
        .collect()
}
