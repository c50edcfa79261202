//! What the catalog says of a table that matters to a row in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::TableName;

/// A table, ordinary or partitioned, or one partition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TableShape {
    pub oid: u32,
    pub name: TableName,
    pub partitioned: bool,
    /// The root of the partition tree that it belongs to, or itself.
    pub root: u32,
    pub columns: Vec<ColumnShape>,
    pub keys: Vec<UniqueKey>,
    pub foreign_keys: Vec<ForeignKey>,
    /// A partition's bounds are among them, and what generated columns that are not NULL are of.
    pub checks: Vec<CheckConstraint>,
    /// Whether a rule rewrites what is inserted.
    pub rules: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ColumnShape {
    /// The attribute's number, which a rename keeps.
    pub number: i16,
    pub name: String,
    pub value_type: Arc<TypeShape>,
    pub modifier: i32,
    /// With its modifier, as in `character varying(20)`.
    pub type_name: String,
    /// By itself, or by its type.
    pub not_null: bool,
    pub default: Option<String>,
    pub identity: bool,
    /// Takes no value: generated from others, or an identity that refuses one.
    pub computed: bool,
}

/// A primary key, a unique index, or an exclusion constraint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct UniqueKey {
    pub name: String,
    pub primary: bool,
    pub exclusion: bool,
    /// Of which rows it holds, if not of all.
    pub predicate: Option<Predicate>,
    /// With those that its expressions read.
    pub columns: Vec<i16>,
}

/// What makes a row be one of those that a partial index has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Predicate {
    /// Those that it reads.
    pub columns: Vec<i16>,
    pub expression: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct ForeignKey {
    pub name: String,
    pub columns: Vec<i16>,
    pub parent: u32,
    pub parent_columns: Vec<i16>,
    pub deferrable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct CheckConstraint {
    pub name: String,
    pub columns: Vec<i16>,
    pub expression: String,
    /// Further expressions that tell what it takes.
    #[serde(default)]
    pub words: Vec<String>,
}

/// The name of the constraint that holds a partition's bounds.
pub(super) const BOUNDS: &str = "the partition's bounds";

/// A type with all that it is made of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TypeShape {
    /// As SQL names it.
    pub name: String,
    pub sort: TypeSort,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum TypeSort {
    /// Known by its name in the catalog, as `int4`.
    Base(String),
    Enum(Vec<String>),
    Domain {
        base: Arc<TypeShape>,
        modifier: i32,
        not_null: bool,
        /// Expressions over `VALUE`.
        checks: Vec<String>,
    },
    Composite(Vec<(Arc<TypeShape>, i32)>),
    Range(Arc<TypeShape>),
    Multirange(Arc<TypeShape>),
    Array(Arc<TypeShape>),
}

impl TableShape {
    pub fn column(&self, number: i16) -> Option<&ColumnShape> {
        self.columns.iter().find(|column| column.number == number)
    }

    /// Whether a sequence gives a column its values.
    pub fn is_counted(&self, column: i16) -> bool {
        self.column(column).is_some_and(|column| {
            let default = column.default.as_deref().unwrap_or_default();
            column.identity || default.starts_with("nextval(")
        })
    }

    /// What a partition takes.
    pub fn bounds(&self) -> Option<&CheckConstraint> {
        self.checks.iter().find(|check| check.name == BOUNDS)
    }

    /// Whether a column alone tells the rows apart.
    pub fn is_key(&self, column: i16) -> bool {
        self.keys.iter().any(|key| key.columns == [column] && key.predicate.is_none())
    }

    /// Names and types of those columns that are there.
    pub fn typed(&self, columns: &[i16]) -> BTreeMap<i16, (String, String)> {
        let of = |&number: &i16| {
            let column = self.column(number)?;
            Some((number, (column.name.clone(), column.type_name.clone())))
        };
        columns.iter().filter_map(of).collect()
    }

    /// The columns by which a row is known, if it has a primary key.
    pub fn primary_key(&self) -> Option<&[i16]> {
        self.keys.iter().find(|key| key.primary).map(|key| key.columns.as_slice())
    }
}

impl UniqueKey {
    /// The columns that its predicate reads.
    pub fn read(&self) -> &[i16] {
        self.predicate.as_ref().map_or(&[], |predicate| &predicate.columns)
    }
}

impl TypeShape {
    /// The type below all domains, with the modifier that holds there.
    pub fn below_domains(self: &Arc<Self>, modifier: i32) -> (Arc<Self>, i32) {
        match &self.sort {
            TypeSort::Domain { base, modifier, .. } => base.below_domains(*modifier),
            _ => (Arc::clone(self), modifier),
        }
    }

    /// Whether it is a domain that refuses NULL, or is made of one.
    pub fn refuses_null(&self) -> bool {
        match &self.sort {
            TypeSort::Domain { base, not_null, .. } => *not_null || base.refuses_null(),
            _ => false,
        }
    }

    /// The name in the catalog, of what is no enum, domain or the like.
    pub fn base_name(&self) -> Option<&str> {
        match &self.sort {
            TypeSort::Base(name) => Some(name),
            _ => None,
        }
    }
}
