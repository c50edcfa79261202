//! One object of a schema: what it is, what it is called, and what is remarkable about it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "PostgreSQL's own names")]
pub enum Kind {
    Schema,
    Extension,
    Language,
    Enum,
    Domain,
    Range,
    CompositeType,
    BaseType,
    Collation,
    Conversion,
    Sequence,
    Table,
    ForeignTable,
    View,
    MaterializedView,
    Column,
    Index,
    Constraint,
    Trigger,
    Rule,
    Policy,
    Function,
    Procedure,
    Aggregate,
    WindowFunction,
    Operator,
    OperatorClass,
    OperatorFamily,
    AccessMethod,
    Cast,
    Transform,
    Statistics,
    TextSearchParser,
    TextSearchTemplate,
    TextSearchDictionary,
    TextSearchConfiguration,
    ForeignDataWrapper,
    ForeignServer,
    UserMapping,
    Publication,
    EventTrigger,
    DefaultPrivileges,
}

impl Kind {
    /// Every kind, with the words that the queries, the serialised form and people use.
    const NAMES: [(Self, &'static str); 42] = [
        (Self::Schema, "schema"),
        (Self::Extension, "extension"),
        (Self::Language, "language"),
        (Self::Enum, "enum"),
        (Self::Domain, "domain"),
        (Self::Range, "range"),
        (Self::CompositeType, "composite type"),
        (Self::BaseType, "base type"),
        (Self::Collation, "collation"),
        (Self::Conversion, "conversion"),
        (Self::Sequence, "sequence"),
        (Self::Table, "table"),
        (Self::ForeignTable, "foreign table"),
        (Self::View, "view"),
        (Self::MaterializedView, "materialized view"),
        (Self::Column, "column"),
        (Self::Index, "index"),
        (Self::Constraint, "constraint"),
        (Self::Trigger, "trigger"),
        (Self::Rule, "rule"),
        (Self::Policy, "policy"),
        (Self::Function, "function"),
        (Self::Procedure, "procedure"),
        (Self::Aggregate, "aggregate"),
        (Self::WindowFunction, "window function"),
        (Self::Operator, "operator"),
        (Self::OperatorClass, "operator class"),
        (Self::OperatorFamily, "operator family"),
        (Self::AccessMethod, "access method"),
        (Self::Cast, "cast"),
        (Self::Transform, "transform"),
        (Self::Statistics, "statistics"),
        (Self::TextSearchParser, "text search parser"),
        (Self::TextSearchTemplate, "text search template"),
        (Self::TextSearchDictionary, "text search dictionary"),
        (Self::TextSearchConfiguration, "text search configuration"),
        (Self::ForeignDataWrapper, "foreign data wrapper"),
        (Self::ForeignServer, "foreign server"),
        (Self::UserMapping, "user mapping"),
        (Self::Publication, "publication"),
        (Self::EventTrigger, "event trigger"),
        (Self::DefaultPrivileges, "default privileges"),
    ];

    /// Every kind, ordered.
    pub const ALL: [Self; 42] = {
        let mut all = [Self::Schema; 42];
        let mut place = 0;
        while place < all.len() {
            all[place] = Self::NAMES[place].0;
            place += 1;
        }
        all
    };

    /// In PostgreSQL's words, as `materialized view`.
    pub fn words(self) -> &'static str {
        let (_, words) = Self::NAMES[self as usize];
        words
    }

    /// The kind that has these words.
    pub(super) fn from_words(words: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, own)| *own == words).map(|(kind, _)| *kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.words())
    }
}

/// What an object is known by: no number that differs between databases, and quoted as in SQL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Key {
    /// What it is.
    pub kind: Kind,
    /// The qualified name of the table, view, type or server that it is a part of; empty where it
    /// stands alone.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub of: Box<str>,
    /// Its name, qualified where it stands alone in a schema.
    pub name: Box<str>,
}

impl fmt::Display for Key {
    /// `table public.events`, `column id of public.events`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind, self.name)?;
        if self.of.is_empty() { Ok(()) } else { write!(formatter, " of {}", self.of) }
    }
}

/// An object with its attributes, each in PostgreSQL's own words. What is as PostgreSQL makes it
/// by itself has no attribute: a table without options has no `options`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Object {
    /// What it is known by.
    #[serde(flatten)]
    pub key: Key,
    /// Name and value, in one order for each kind.
    #[serde(serialize_with = "as_map")]
    pub attributes: Vec<(Arc<str>, Box<str>)>,
}

impl Object {
    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| &**own == name).map(|(_, value)| &**value)
    }

    /// The same without the attribute `owner`, and with that word for each of these roles in its
    /// privileges.
    pub(super) fn without_owner(&self, owners: &HashSet<&str>) -> Self {
        let attributes = self.attributes.iter().filter(|(name, _)| &**name != "owner");
        let attributes = attributes.map(|(name, value)| match &**name {
            "privileges" => (Arc::clone(name), anonymous(value, owners).into()),
            _ => (Arc::clone(name), value.clone()),
        });
        Self { key: self.key.clone(), attributes: attributes.collect() }
    }

    /// Whether it is the object of that qualified name, or goes with it when that is dropped: its
    /// columns, constraints, indexes, triggers, and the sequences that its columns own.
    pub(super) fn belongs_to(&self, name: &str) -> bool {
        *self.key.name == *name
            || *self.key.of == *name
            || self.attribute("table") == Some(name)
            || self.attribute("owned_by_table") == Some(name)
    }
}

/// Privileges with `owner` for these roles, as grantees and as grantors.
fn anonymous(privileges: &str, owners: &HashSet<&str>) -> String {
    let role = |role: &str| if owners.contains(role) { "owner" } else { role }.to_owned();
    let item = |item: &str| match item.split_once('=').map(|(to, rest)| (to, rest.rsplit_once('/')))
    {
        Some((to, Some((rights, by)))) => format!("{}={rights}/{}", role(to), role(by)),
        _ => item.to_owned(),
    };
    let mut items: Vec<String> = privileges.split(", ").map(item).collect();
    items.sort_unstable();
    items.join(", ")
}

fn as_map<S: Serializer>(
    attributes: &[(Arc<str>, Box<str>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(attributes.iter().map(|(name, value)| (&**name, &**value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_in_its_own_place() {
        for (place, (kind, words)) in Kind::NAMES.into_iter().enumerate() {
            assert_eq!(kind as usize, place, "{words}");
            assert_eq!(Kind::from_words(kind.words()), Some(kind));
        }
    }
}
