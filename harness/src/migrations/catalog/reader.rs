//! Reads the catalog of one session's database: all of it at first, then what changed.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::DateTime;
use sqlx::PgConnection;
use sqlx::postgres::types::Oid;

use super::catalog::Catalog;
use super::dependents;
use super::describe::{Describer, prepared};
use super::error::CatalogError;
use super::object::Object;
use super::unit::{Class, Unit};
use super::versions::{VersionReader, Versions};
use super::visit::{Circumstances, Session, Visit};
use super::writes::{Unsettled, Writes};

const OLDEST: i32 = 14;
/// From this version on, a session sees at once what it wrote itself counted.
const COUNTS_AT_ONCE: i32 = 15;

/// Reads the catalog again and again, and describes anew only what changed since the last time and
/// what depends on it. It may be used inside an open transaction, also after savepoints that were
/// rolled back, and leaves transaction, settings and locks as they were; it never writes.
///
/// What it knows holds for one session. In another one it begins again by itself.
#[derive(Debug, Default)]
pub struct CatalogReader {
    alone: bool,
    known: Option<Known>,
}

/// What a [`CatalogReader`] knew at one moment.
#[derive(Debug)]
pub struct Mark(Option<(Session, Versions, Arc<Catalog>)>);

/// What was read last, and the queries that fit the server.
#[derive(Debug)]
struct Known {
    session: Session,
    classes: HashMap<u32, Class>,
    version_reader: VersionReader,
    describer: Describer,
    /// The names of the catalogs that versions are read from, by their numbers.
    catalogs: HashMap<u32, &'static str>,
    /// Which of them need no look, where that can be known.
    unsettled: Option<Unsettled>,
    versions: Versions,
    catalog: Arc<Catalog>,
}

impl CatalogReader {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// For a session that alone writes to the catalog of its server, and lets PostgreSQL count
    /// (`track_counts`): looks only where something was written.
    pub fn of_only_writer() -> Self {
        Self { alone: true, known: None }
    }

    /// Forgets what it knows, so that the next catalog is read in full.
    pub fn forget(&mut self) {
        self.known = None;
    }

    /// What it knows now, for [`CatalogReader::return_to`].
    pub fn mark(&self) -> Mark {
        let known = self.known.as_ref();
        Mark(known.map(|known| {
            (known.session.clone(), known.versions.clone(), Arc::clone(&known.catalog))
        }))
    }

    /// Knows what it knew then, since the session has taken back all that it did since: what was
    /// there is there again, and the next look needs not describe it once more.
    pub fn return_to(&mut self, mark: &Mark) {
        if let (Some(known), Some((session, versions, catalog))) = (&mut self.known, &mark.0)
            && known.session == *session
        {
            known.versions.clone_from(versions);
            known.catalog = Arc::clone(catalog);
        }
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
        let unsettled = self.known.as_ref().and_then(|known| known.unsettled.as_ref());
        let counted = unsettled.map_or(&[][..], Unsettled::catalogs);
        let circumstances = Circumstances::of(connection, counted).await?;
        // Taken out: after an error nothing is known.
        let known = self.known.take().filter(|known| known.session == circumstances.session);
        let visit = Visit::under(&circumstances);
        let read = match known {
            Some(mut known) => match known.stale_catalogs(circumstances.writes) {
                Some(stale) if stale.is_empty() => Ok(known),
                stale => known.look(connection, visit, Some(visit), stale.as_ref()).await,
            },
            None => Known::read_all(connection, visit, circumstances.session, self.alone).await,
        };
        if read.is_err() {
            // Only what begun can be ended; the first error is the one to tell.
            let _ = visit.end(connection).await;
        }
        let known = read?;
        Ok(Arc::clone(&self.known.insert(known).catalog))
    }
}

impl Known {
    async fn read_all(
        connection: &mut PgConnection,
        visit: Visit,
        session: Session,
        alone: bool,
    ) -> Result<Self, CatalogError> {
        visit.begin(connection).await?;
        let ServerFacts { major, catalogs } = server(connection).await?;
        let class = |name: &str| Class::CATALOGS.iter().find(|(_, own)| *own == name);
        let classes: HashMap<u32, Class> =
            catalogs.iter().filter_map(|(oid, name)| Some((*oid, class(name)?.0))).collect();
        let mut unsettled = None;
        if alone && major >= COUNTS_AT_ONCE {
            let mut counted = Unsettled::new(catalogs.keys().copied().collect());
            let circumstances = Circumstances::of(connection, counted.catalogs()).await?;
            counted.take(circumstances.writes);
            unsettled = Some(counted);
        }
        let prepared = prepared(connection).await?;
        let empty = Catalog { read_at: DateTime::default(), units: HashMap::new() };
        let known = Self {
            version_reader: VersionReader::new(
                major,
                session.unlimited,
                classes.clone(),
                &prepared,
            ),
            describer: Describer::new(major, &prepared),
            session,
            classes,
            catalogs,
            unsettled,
            versions: Versions::new(),
            catalog: Arc::new(empty),
        };
        known.look(connection, visit, None, None).await
    }

    /// The catalogs that have to be looked at; all of them if that is not known.
    fn stale_catalogs(&mut self, writes: Writes) -> Option<HashSet<&'static str>> {
        let stale = self.unsettled.as_mut()?.take(writes);
        Some(stale.iter().map(|number| self.catalogs[number]).collect())
    }

    /// Reads what is other than before, and ends the visit, which may have to begin before.
    async fn look(
        mut self,
        connection: &mut PgConnection,
        visit: Visit,
        beginning: Option<Visit>,
        catalogs: Option<&HashSet<&str>>,
    ) -> Result<Self, CatalogError> {
        let reading = self.version_reader.read(connection, beginning, catalogs, &mut self.versions);
        let altered = reading.await?;
        if altered.present.is_empty() && altered.gone.is_empty() {
            visit.end(connection).await?;
            return Ok(self);
        }
        let stale = self.stale(connection, altered.present, &altered.known).await?;
        let mut described =
            self.describer.describe(connection, &by_class(&stale), &self.versions, visit).await?;
        let mut units = self.catalog.units.clone();
        for unit in &altered.gone {
            units.remove(unit);
        }
        for unit in stale {
            match described.remove(&unit) {
                Some(objects) => insert(&mut units, unit, objects),
                None => drop(units.remove(&unit)),
            }
        }
        self.catalog = Arc::new(Catalog { read_at: self.versions.read_at, units });
        Ok(self)
    }

    /// The units to be described: what is new or has changed, and what depends on that.
    async fn stale(
        &self,
        connection: &mut PgConnection,
        mut stale: HashSet<Unit>,
        changed: &[Unit],
    ) -> Result<HashSet<Unit>, CatalogError> {
        if changed.iter().any(|unit| unit.class.is_named_everywhere()) {
            return Ok(self.versions.all().collect());
        }
        if !changed.is_empty() {
            let dependents = dependents::read(connection, changed, &self.classes).await?;
            stale.extend(dependents.into_iter().filter(|unit| self.versions.has(*unit)));
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

/// What is asked of a server once.
struct ServerFacts {
    major: i32,
    /// The names of the catalogs by their numbers.
    catalogs: HashMap<u32, &'static str>,
}

async fn server(connection: &mut PgConnection) -> Result<ServerFacts, CatalogError> {
    const QUERY: &str = "SELECT current_setting('server_version_num')::int / 10000, \
        relname::text, oid FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace \
        AND relname = ANY ($1::text[]::name[])";
    let names: Vec<&str> = VersionReader::catalogs().into_iter().collect();
    let rows: Vec<(i32, String, Oid)> = sqlx::query_as(QUERY)
        .bind(&names)
        .fetch_all(connection)
        .await
        .map_err(CatalogError::reading("the server's version"))?;
    let major = rows.first().map_or(0, |(major, _, _)| *major);
    if major < OLDEST {
        return Err(CatalogError::TooOld { major });
    }
    let known = |found: &str| names.iter().find(|name| **name == found).copied();
    let catalogs = rows.iter().filter_map(|(_, name, oid)| Some((oid.0, known(name)?))).collect();
    Ok(ServerFacts { major, catalogs })
}
