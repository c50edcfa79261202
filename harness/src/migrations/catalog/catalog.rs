//! The schema of a database at one moment.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use super::object::{Key, Object};
use super::unit::Unit;

/// Everything in a database's own schemas, apart from what belongs to an extension. Two catalogs
/// of one reader share what did not change, so that keeping one for each version costs little.
///
/// They are equal when they hold the same objects with the same attributes, whatever the numbers
/// that PostgreSQL gives to them; see [`Difference`](super::Difference) for what matters less.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The server's clock when this was read. It is no part of what is compared.
    pub(super) read_at: DateTime<Utc>,
    pub(super) units: HashMap<Unit, Arc<[Object]>>,
}

impl Catalog {
    /// All objects, ordered by their keys.
    pub fn objects(&self) -> Vec<&Object> {
        sorted(self.units.values())
    }

    /// The object with that key.
    pub fn object(&self, key: &Key) -> Option<&Object> {
        self.units.values().flat_map(|objects| objects.iter()).find(|object| object.key == *key)
    }

    /// When the server's clock showed this to be read.
    pub fn read_at(&self) -> DateTime<Utc> {
        self.read_at
    }

    /// The same without the objects of these qualified names (as `public.schema_migrations`), and
    /// without what belongs to them: columns, constraints, indexes, triggers, owned sequences.
    #[must_use]
    pub fn without(&self, names: &[impl AsRef<str>]) -> Self {
        let left_out = |object: &Object| names.iter().any(|name| object.belongs_to(name.as_ref()));
        let keep = |objects: &Arc<[Object]>| -> Arc<[Object]> {
            if objects.iter().any(left_out) {
                objects.iter().filter(|object| !left_out(object)).cloned().collect()
            } else {
                Arc::clone(objects)
            }
        };
        let units = self.units.iter().map(|(unit, objects)| (*unit, keep(objects))).collect();
        Self { read_at: self.read_at, units }
    }

    /// The same without who owns what, and with `owner` for all owners in privileges: for databases
    /// of two deployments.
    #[must_use]
    pub fn without_owners(&self) -> Self {
        let all = self.units.values().flat_map(|objects| objects.iter());
        let owners: HashSet<&str> = all.filter_map(|object| object.attribute("owner")).collect();
        let unowned = |objects: &Arc<[Object]>| -> Arc<[Object]> {
            objects.iter().map(|object| object.without_owner(&owners)).collect()
        };
        let units = self.units.iter().map(|(unit, objects)| (*unit, unowned(objects))).collect();
        Self { read_at: self.read_at, units }
    }

    /// The objects of both that the other does not share by memory: all that can differ.
    pub(super) fn unshared<'a>(&'a self, other: &'a Self) -> (Vec<&'a Object>, Vec<&'a Object>) {
        (self.not_in(other), other.not_in(self))
    }

    fn not_in<'a>(&'a self, other: &Self) -> Vec<&'a Object> {
        let shared = |unit: &Unit, objects: &Arc<[Object]>| {
            other.units.get(unit).is_some_and(|theirs| Arc::ptr_eq(objects, theirs))
        };
        let own = self.units.iter().filter(|(unit, objects)| !shared(unit, objects));
        sorted(own.map(|(_, objects)| objects))
    }
}

fn sorted<'a>(units: impl Iterator<Item = &'a Arc<[Object]>>) -> Vec<&'a Object> {
    let mut objects: Vec<&Object> = units.flat_map(|objects| objects.iter()).collect();
    objects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    objects
}

impl PartialEq for Catalog {
    fn eq(&self, other: &Self) -> bool {
        let (own, theirs) = self.unshared(other);
        own == theirs
    }
}

impl Eq for Catalog {}

impl Serialize for Catalog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.objects())
    }
}
