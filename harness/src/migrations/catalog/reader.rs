//! Reads the catalog of one session's database: all of it at first, then what changed.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::DateTime;
use sqlx::PgConnection;
use sqlx::postgres::types::Oid;

use super::catalog::Catalog;
use super::dependents;
use super::describe::Describer;
use super::error::CatalogError;
use super::object::Object;
use super::unit::{Class, Unit};
use super::versions::{VersionReader, Versions};
use super::visit::{Session, Visit};

const OLDEST: i32 = 14;

/// Reads the catalog again and again, and describes anew only what changed since the last time and
/// what depends on it. It may be used inside an open transaction, also after savepoints that were
/// rolled back, and leaves transaction, settings and locks as they were; it never writes.
///
/// What it knows holds for one session. In another one it begins again by itself.
#[derive(Debug, Default)]
pub struct CatalogReader {
    known: Option<Known>,
}

/// What was read last, and the queries that fit the server.
#[derive(Debug)]
struct Known {
    session: Session,
    classes: HashMap<u32, Class>,
    version_reader: VersionReader,
    describer: Describer,
    versions: HashMap<Unit, i64>,
    catalog: Arc<Catalog>,
}

impl CatalogReader {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets what it knows, so that the next catalog is read in full.
    pub fn forget(&mut self) {
        self.known = None;
    }

    /// Reads the catalog as this session sees it now.
    ///
    /// # Errors
    /// The server refuses, is gone, or is older than PostgreSQL 14; or the session's transaction
    /// has failed already.
    pub async fn read(
        &mut self,
        connection: &mut PgConnection,
    ) -> Result<Arc<Catalog>, CatalogError> {
        let visit = Visit::begin(connection).await?;
        // Taken out: after an error nothing is known.
        let known = self.known.take().filter(|known| known.session == visit.session);
        let read = match known {
            Some(known) => known.read_again(connection).await,
            None => Known::read_all(connection, visit.session.clone()).await,
        };
        let ended = visit.end(connection).await;
        let known = read?;
        ended?;
        Ok(Arc::clone(&self.known.insert(known).catalog))
    }
}

impl Known {
    async fn read_all(
        connection: &mut PgConnection,
        session: Session,
    ) -> Result<Self, CatalogError> {
        let (major, classes) = server(connection).await?;
        let empty = Catalog { read_at: DateTime::default(), units: HashMap::new() };
        let known = Self {
            version_reader: VersionReader::new(major, session.unlimited, classes.clone()),
            describer: Describer::new(major),
            session,
            classes,
            versions: HashMap::new(),
            catalog: Arc::new(empty),
        };
        known.read_again(connection).await
    }

    async fn read_again(mut self, connection: &mut PgConnection) -> Result<Self, CatalogError> {
        let now = self.version_reader.read(connection).await?;
        let stale = self.stale(connection, &now).await?;
        if stale.is_empty() && now.of.len() == self.versions.len() {
            return Ok(self);
        }
        let mut described = self.describer.describe(connection, &by_class(&stale), &now.of).await?;
        let mut units = self.catalog.units.clone();
        units.retain(|unit, _| now.of.contains_key(unit));
        for unit in stale {
            match described.remove(&unit) {
                Some(objects) => insert(&mut units, unit, objects),
                None => drop(units.remove(&unit)),
            }
        }
        self.catalog = Arc::new(Catalog { read_at: now.read_at, units });
        self.versions = now.of;
        Ok(self)
    }

    /// The units to be described: what is new or has changed, and what depends on that.
    async fn stale(
        &self,
        connection: &mut PgConnection,
        now: &Versions,
    ) -> Result<HashSet<Unit>, CatalogError> {
        let differs = |(unit, version): &(&Unit, &i64)| self.versions.get(unit) != Some(*version);
        let mut stale: HashSet<Unit> =
            now.of.iter().filter(differs).map(|(unit, _)| *unit).collect();
        let changed: Vec<Unit> =
            stale.iter().filter(|unit| self.versions.contains_key(unit)).copied().collect();
        if changed.iter().any(|unit| unit.class.is_named_everywhere()) {
            return Ok(now.of.keys().copied().collect());
        }
        if !changed.is_empty() {
            let dependents = dependents::read(connection, &changed, &self.classes).await?;
            stale.extend(dependents.into_iter().filter(|unit| now.of.contains_key(unit)));
        }
        Ok(stale)
    }
}

/// Objects that are described as before stay shared with the catalogs read before.
fn insert(units: &mut HashMap<Unit, Arc<[Object]>>, unit: Unit, objects: Vec<Object>) {
    match units.entry(unit) {
        Entry::Occupied(known) if **known.get() == *objects => {}
        Entry::Occupied(mut known) => drop(known.insert(objects.into())),
        Entry::Vacant(place) => drop(place.insert(objects.into())),
    }
}

fn by_class(units: &HashSet<Unit>) -> HashMap<Class, Vec<Oid>> {
    let mut by_class: HashMap<Class, Vec<Oid>> = HashMap::new();
    for unit in units {
        by_class.entry(unit.class).or_default().push(Oid(unit.oid));
    }
    by_class
}

/// The server's major version, and the classes by the numbers of their catalogs.
async fn server(connection: &mut PgConnection) -> Result<(i32, HashMap<u32, Class>), CatalogError> {
    const QUERY: &str = "SELECT current_setting('server_version_num')::int / 10000, \
        relname::text, oid FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace \
        AND relname = ANY ($1::text[]::name[])";
    let names: Vec<&str> = Class::CATALOGS.iter().map(|(_, catalog)| *catalog).collect();
    let rows: Vec<(i32, String, Oid)> = sqlx::query_as(QUERY)
        .bind(names)
        .fetch_all(connection)
        .await
        .map_err(CatalogError::reading("the server's version"))?;
    let major = rows.first().map_or(0, |(major, _, _)| *major);
    if major < OLDEST {
        return Err(CatalogError::TooOld { major });
    }
    let class = |name: &str| Class::CATALOGS.iter().find(|(_, own)| *own == name);
    let classes = rows.iter().filter_map(|(_, name, oid)| Some((oid.0, class(name)?.0)));
    Ok((major, classes.collect()))
}
