//! How two catalogs differ, and which of it matters.

use std::cmp::Ordering;
use std::fmt;

use serde::Serialize;

use super::catalog::Catalog;
use super::cosmetic::Cosmetic;
use super::object::{Key, Object};

/// What must be done to the first catalog to get the second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What means something, ordered by the objects' keys.
    pub changes: Vec<Change>,
    /// What means nothing, but can be seen: the order of columns, white space in a body.
    pub cosmetic: Vec<Change>,
}

/// One object that differs, in one regard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The object.
    pub key: Key,
    /// What is different about it.
    #[serde(flatten)]
    pub alteration: Alteration,
}

/// What is different about an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "alteration", rename_all = "snake_case")]
pub enum Alteration {
    /// Only the second catalog has it.
    Added,
    /// Only the first catalog has it.
    Removed,
    /// Both have it, and this attribute differs; `None` where it has none.
    Altered {
        /// The attribute's name.
        attribute: String,
        /// Its value in the first catalog.
        before: Option<String>,
        /// Its value in the second catalog.
        after: Option<String>,
    },
}

impl Difference {
    /// Compares two catalogs. What both share by memory is not looked at.
    pub fn between(before: &Catalog, after: &Catalog) -> Self {
        let cosmetic = Cosmetic::between(before, after);
        let (before, after) = before.unshared(after);
        let mut difference = Self::default();
        let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
        loop {
            let order = match (before.peek(), after.peek()) {
                (Some(one), Some(other)) => one.key.cmp(&other.key),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return difference,
            };
            match order {
                Ordering::Less => {
                    difference.add_lone(before.next(), Alteration::Removed, &cosmetic)
                }
                Ordering::Greater => {
                    difference.add_lone(after.next(), Alteration::Added, &cosmetic)
                }
                Ordering::Equal => {
                    if let (Some(before), Some(after)) = (before.next(), after.next()) {
                        difference.compare(before, after, &cosmetic);
                    }
                }
            }
        }
    }

    /// Whether nothing differs that means something.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    fn add_lone(&mut self, object: Option<&Object>, alteration: Alteration, cosmetic: &Cosmetic) {
        if let Some(object) = object {
            let change = Change { key: object.key.clone(), alteration };
            self.add(change, cosmetic.is_for_today(object));
        }
    }

    fn add(&mut self, change: Change, cosmetic: bool) {
        if cosmetic { &mut self.cosmetic } else { &mut self.changes }.push(change);
    }

    fn compare(&mut self, before: &Object, after: &Object, cosmetic: &Cosmetic) {
        if before.attributes == after.attributes {
            return;
        }
        let gone = before.attributes.iter().map(|(name, _)| name);
        let come = after.attributes.iter().map(|(name, _)| name);
        let come = come.filter(|name| before.attribute(name).is_none());
        for name in gone.chain(come) {
            let values = (before.attribute(name), after.attribute(name));
            if values.0 == values.1 || cosmetic.is_no_difference(name, values) {
                continue;
            }
            let alteration = Alteration::Altered {
                attribute: name.to_string(),
                before: values.0.map(str::to_owned),
                after: values.1.map(str::to_owned),
            };
            let change = Change { key: before.key.clone(), alteration };
            self.add(change, cosmetic.means_nothing(before, name, values));
        }
    }
}

impl fmt::Display for Change {
    /// One line: `column state of public.jobs: not_null is gone (was true)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.key)?;
        match &self.alteration {
            Alteration::Added => formatter.write_str(" was added"),
            Alteration::Removed => formatter.write_str(" is gone"),
            Alteration::Altered { attribute, before, after } => {
                write!(formatter, ": {}", attribute.replace('_', " "))?;
                match (before.as_deref(), after.as_deref()) {
                    (Some(before), Some(after)) => {
                        write!(formatter, " was {}, is {}", one_line(before), one_line(after))
                    }
                    (Some(before), None) => write!(formatter, " {} is gone", one_line(before)),
                    (None, Some(after)) => write!(formatter, " {} was added", one_line(after)),
                    (None, None) => Ok(()),
                }
            }
        }
    }
}

/// Without line breaks, and cut where it becomes too long to be read.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 120;
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
