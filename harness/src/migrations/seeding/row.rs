//! One row before it is inserted, and the SQL that inserts it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::shape::{ForeignKey, TableShape};
use super::table_name::{quote_identifier, quote_literal};

/// What a column of a new row gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    /// Text that the type's input function reads.
    Literal(String),
    /// A column of one of the parent's newest rows.
    Key {
        parent: u32,
        column: String,
        row: u64,
    },
    /// The same, of a row that agrees with this one in further columns: `(parent's, own)`.
    MatchingKey {
        parent: u32,
        column: String,
        row: u64,
        agreeing: Vec<(String, Cell)>,
    },
    /// A column of one of the parent's rows, of all that fit.
    Fitting(Fitting),
    /// An expression.
    Sql(String),
}

/// The rows of a parent that a row of one partition may refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fitting {
    /// The parent's name in SQL.
    pub parent: String,
    /// The names of what is referred to, each with that of the column which refers to it.
    pub columns: Vec<(String, String)>,
    /// What the columns that refer have to meet.
    pub bounds: String,
    /// The column that says which rows fit: its values come in turn.
    pub bound: String,
    /// Columns that hold something already.
    pub agreeing: Vec<(String, Cell)>,
    /// The column that refers, of those that fit the first or a later one.
    pub column: String,
    pub row: u64,
}

/// A cell for each column that is not left to its default.
pub(super) type Row = BTreeMap<i16, Cell>;

/// Inserts these rows and gives back one JSON object: how many there are, their `returned` columns
/// as `keys`, and as `rows` what [`super::look`] would see of them. `$1` holds the newest rows of
/// every parent.
pub(super) fn insertion(table: &TableShape, rows: &[Row], returned: &BTreeSet<String>) -> String {
    let keys = key_object(returned);
    let row = "jsonb_build_array(born.tableoid::bigint, born.ctid::text, (born)::text)";
    let insertion = bare_insertion(table, rows);
    if rows.len() == 1 {
        // PostgreSQL plans it in two thirds of the time.
        return format!(
            "{insertion} RETURNING jsonb_build_object('count', 1, \
             'keys', jsonb_build_array({keys}), 'rows', jsonb_build_array({row}))"
        );
    }
    format!(
        "WITH made AS ({insertion} RETURNING {keys} AS keys, {row} AS row) \
         SELECT jsonb_build_object('count', count(*), 'keys', jsonb_agg(keys), \
         'rows', jsonb_agg(row)) FROM made"
    )
}

/// Inserts this row as a statement of its own: it gives back the row as [`super::look`] would see
/// it, counts it in a setting, and leaves its `returned` columns, where there are any, in another.
/// The newest row of every parent was left there in the same way.
pub(super) fn plain_insertion(
    table: &TableShape,
    row: &Row,
    returned: Option<&BTreeSet<String>>,
) -> String {
    let mut sql = bare(table, std::slice::from_ref(row), Keys::Settings);
    let _ = write!(
        sql,
        " RETURNING born.tableoid::bigint, born.ctid::text, (born)::text, \
         set_config('{TAKEN}', (current_setting('{TAKEN}')::int + 1)::text, true)"
    );
    if let Some(returned) = returned {
        let keys = key_object(returned);
        let name = key_setting(table.oid);
        let _ = write!(sql, ", set_config('{name}', jsonb_build_array({keys})::text, true)");
    }
    sql
}

/// The setting that counts the rows that plain insertions made.
pub(super) const TAKEN: &str = "harness.taken";

/// The setting that holds the row that a plain insertion made in this table.
pub(super) fn key_setting(table: u32) -> String {
    format!("harness.keys_{table}")
}

/// Where a statement finds the newest rows of its parents.
#[derive(Clone, Copy)]
enum Keys {
    /// In `$1`, by their tables.
    Parameter,
    /// In a setting for each table.
    Settings,
}

impl Keys {
    /// Those of one parent, in SQL.
    fn of(self, parent: u32) -> String {
        match self {
            Self::Parameter => format!("$1->'{parent}'"),
            Self::Settings => format!("current_setting('{}')::jsonb", key_setting(parent)),
        }
    }
}

/// What an insertion begins with that gives no answer.
pub(super) const SILENT: &str = "-- silent\n";

/// The same without an answer, which a rule on the table would refuse to give.
pub(super) fn bare_insertion(table: &TableShape, rows: &[Row]) -> String {
    bare(table, rows, Keys::Parameter)
}

fn bare(table: &TableShape, rows: &[Row], keys: Keys) -> String {
    let columns: Vec<_> = table.columns.iter().filter(|column| !column.computed).collect();
    let mut sql = format!("INSERT INTO {} AS born ", table.name.quoted());
    if columns.is_empty() {
        sql.push_str("DEFAULT VALUES");
    } else {
        let names: Vec<_> = columns.iter().map(|column| quote_identifier(&column.name)).collect();
        let _ = write!(sql, "({}) VALUES ", names.join(", "));
        for (place, row) in rows.iter().enumerate() {
            let cells: Vec<_> = columns
                .iter()
                .map(|column| match row.get(&column.number) {
                    Some(cell) => cell_sql(cell, &column.type_name, keys),
                    None => "DEFAULT".to_owned(),
                })
                .collect();
            let comma = if place == 0 { "" } else { ", " };
            let _ = write!(sql, "{comma}({})", cells.join(", "));
        }
    }
    sql
}

/// One row for each of these tables, in one statement: constraints between them are asked when all
/// are there.
pub(super) fn joint_insertion(rows: &[(&TableShape, Row)]) -> String {
    let parts: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(place, (table, row))| {
            let insertion = bare_insertion(table, std::slice::from_ref(row));
            format!("made_{place} AS ({insertion} RETURNING true)")
        })
        .collect();
    let counts: Vec<_> =
        (0..rows.len()).map(|place| format!("(SELECT count(*) FROM made_{place})")).collect();
    format!(
        "WITH {} SELECT jsonb_build_object('count', least({}))",
        parts.join(", "),
        counts.join(", ")
    )
}

/// How many rows there are, and how many of them this transaction has made.
pub(super) fn census(table: &TableShape) -> String {
    format!(
        "SELECT jsonb_build_array(count(*), count(*) FILTER (WHERE \
         age(xmin) <= age(pg_current_xact_id()::xid))) FROM {}",
        table.name.quoted()
    )
}

/// Gives back the `returned` columns of up to `most` rows that are there already: other ones, in
/// another order, for each `number`.
pub(super) fn existing_keys(
    table: &TableShape,
    returned: &BTreeSet<String>,
    most: usize,
    number: u64,
) -> String {
    let keys = key_object(returned);
    let present = format!("SELECT {keys} AS keys FROM {}", table.name.quoted());
    format!(
        "SELECT jsonb_agg(keys) FROM (SELECT keys FROM ({present}) AS present \
         ORDER BY hashtextextended(keys::text, {number}) LIMIT {most}) AS picked"
    )
}

/// By name: a partition may number its columns otherwise than its root.
fn key_object(returned: &BTreeSet<String>) -> String {
    let fields: Vec<_> = returned
        .iter()
        .map(|name| format!("{}, {}::text", quote_literal(name), quote_identifier(name)))
        .collect();
    format!("jsonb_build_object({})", fields.join(", "))
}

fn cell_sql(cell: &Cell, type_name: &str, keys: Keys) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Literal(text) => quote_literal(text),
        Cell::Key { .. } | Cell::MatchingKey { .. } | Cell::Fitting(_) => {
            format!("({})::{type_name}", key_sql(cell, keys))
        }
        Cell::Sql(expression) => format!("({expression})"),
    }
}

/// As text.
fn key_sql(cell: &Cell, keys: Keys) -> String {
    match cell {
        Cell::Key { parent, column, row } => {
            let rows = keys.of(*parent);
            format!("{rows}->({row} % jsonb_array_length({rows}))::int->>{}", quote_literal(column))
        }
        Cell::MatchingKey { parent, column, row, agreeing } => {
            let conditions: Vec<_> = agreeing
                .iter()
                .map(|(name, own)| {
                    format!("parent->>{} = {}", quote_literal(name), key_sql(own, keys))
                })
                .collect();
            let rows = keys.of(*parent);
            let count = format!("greatest(jsonb_array_length({rows}), 1)");
            format!(
                "SELECT parent->>{} FROM jsonb_array_elements({rows}) \
                 WITH ORDINALITY AS parents (parent, place) WHERE {} \
                 ORDER BY (place - 1 + {count} - {row} % {count}) % {count} LIMIT 1",
                quote_literal(column),
                conditions.join(" AND ")
            )
        }
        Cell::Fitting(fitting) => fitting.sql(keys),
        Cell::Literal(text) => quote_literal(text),
        Cell::Null => "NULL".to_owned(),
        Cell::Sql(expression) => format!("({expression})::text"),
    }
}

impl Fitting {
    /// Of each value of the bound column one row, then of each another, the newest keys first.
    fn sql(&self, keys: Keys) -> String {
        let columns = self.columns.iter().map(|(theirs, own)| {
            format!("{} AS {}", quote_identifier(theirs), quote_identifier(own))
        });
        let agrees = self.agreeing.iter().map(|(own, cell)| {
            format!(" AND {}::text = ({})", quote_identifier(own), key_sql(cell, keys))
        });
        let Self { parent, bounds, row, .. } = self;
        let (column, bound) = (quote_identifier(&self.column), quote_identifier(&self.bound));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let agrees = agrees.collect::<String>();
        format!(
            "SELECT (array_agg(value ORDER BY turn, key DESC))[1 + {row} % greatest(count(*), 1)] \
             FROM (SELECT {column}::text AS value, fitting AS key, \
                row_number() OVER (PARTITION BY {bound} ORDER BY fitting DESC) AS turn \
                FROM (SELECT {columns} FROM {parent}) AS fitting \
                WHERE ({bounds}){agrees}) AS found"
        )
    }
}

impl Cell {
    /// Whether another row says what it holds.
    fn is_reference(&self) -> bool {
        matches!(self, Self::Key { .. } | Self::MatchingKey { .. } | Self::Fitting(_))
    }
}

/// Points every column of this foreign key to one of those of the parent's rows that these bounds
/// let in. Columns that another foreign key has filled already are kept, as by [`refer`].
pub(super) fn refer_within(
    row: &mut Row,
    key: &ForeignKey,
    (child, parent): (&TableShape, &TableShape),
    (bound, bounds): (i16, &str),
    number: u64,
) {
    let Some(bound) = child.column(bound) else { return };
    let named = |(own, theirs): (&i16, &i16)| {
        Some((*own, child.column(*own)?.name.clone(), parent.column(*theirs)?.name.clone()))
    };
    let pairs: Vec<(i16, String, String)> =
        key.columns.iter().zip(&key.parent_columns).filter_map(named).collect();
    let filled = |own: &i16| row.get(own).filter(|cell| cell.is_reference());
    let agreeing: Vec<(String, Cell)> = pairs
        .iter()
        .filter_map(|(own, name, _)| Some((name.clone(), filled(own)?.clone())))
        .collect();
    let columns: Vec<_> =
        pairs.iter().map(|(_, name, theirs)| (theirs.clone(), name.clone())).collect();
    for (own, column, _) in pairs {
        if agreeing.iter().all(|(taken, _)| *taken != column) {
            let fitting = Fitting {
                parent: parent.name.quoted(),
                columns: columns.clone(),
                bounds: bounds.to_owned(),
                bound: bound.name.clone(),
                agreeing: agreeing.clone(),
                column,
                row: number,
            };
            row.insert(own, Cell::Fitting(fitting));
        }
    }
}

/// Points every column of this foreign key to the parent's `number`th newest row. Columns that
/// another foreign key has filled already are kept, and the parent's row must agree with them.
pub(super) fn refer(row: &mut Row, key: &ForeignKey, parent: &TableShape, number: u64) {
    let pairs: Vec<(i16, String)> = key
        .columns
        .iter()
        .zip(&key.parent_columns)
        .filter_map(|(&own, &theirs)| Some((own, parent.column(theirs)?.name.clone())))
        .collect();
    let filled = |own: &i16| row.get(own).filter(|cell| cell.is_reference());
    let agreeing: Vec<(String, Cell)> = pairs
        .iter()
        .filter_map(|(own, theirs)| Some((theirs.clone(), filled(own)?.clone())))
        .collect();
    for (own, column) in pairs {
        if agreeing.iter().any(|(taken, _)| *taken == column) {
            continue;
        }
        let (parent, agreeing) = (key.parent, agreeing.clone());
        let cell = if agreeing.is_empty() {
            Cell::Key { parent, column, row: number }
        } else {
            Cell::MatchingKey { parent, column, row: number, agreeing }
        };
        row.insert(own, cell);
    }
}
