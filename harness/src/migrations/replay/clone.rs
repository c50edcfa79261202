//! The same trials in a copy of the database, for what no transaction may hold.

use std::sync::Arc;
use std::time::Duration;

use super::cut::{cut_in_copies, judge};
use super::server::Globals;
use super::touched::Digests;
use super::trial::{Subject, Tried};
use super::{Failure, NotRestored, ReplayError, RoundTrip, Runner, Server, Session, Twice};
use crate::migrations::catalog::{Catalog, CatalogReader, Difference};
use crate::migrations::lineage::{Record, Script};

/// What a database is called while a copy bears its name.
const ASIDE: &str = "replay_aside";

/// What sessions are closed with before a database is copied, and opened with again.
///
/// The copy has the database's own name, and the database another one meanwhile: a migration finds
/// itself where it would be, and one that drops or renames that database is refused, as it would
/// be, in place of taking away what the copy was made of.
#[derive(Clone, Debug)]
pub struct Opening<'server> {
    server: &'server Server,
    database: String,
    deadline: Duration,
    prologue: Vec<String>,
    globals: Globals,
}

impl<'server> Opening<'server> {
    /// Closes a session, and puts its database aside so that copies can stand in its place.
    ///
    /// # Errors
    /// The server is down.
    pub async fn of_closed(session: Session<'server>) -> Result<Self, ReplayError> {
        let opening = Self {
            globals: session.server().globals().await?,
            server: session.server(),
            database: session.database().to_owned(),
            deadline: session.deadline(),
            prologue: session.prologue().to_vec(),
        };
        session.close().await?;
        opening.server.rename_database(&opening.database, ASIDE).await?;
        Ok(opening)
    }

    /// Puts the database back, and opens the same session again. No copy may be left.
    ///
    /// # Errors
    /// The server is down.
    pub async fn open(&self) -> Result<Session<'server>, ReplayError> {
        self.server.rename_database(ASIDE, &self.database).await?;
        self.open_session().await
    }

    /// Copies the database, and opens such a session in the copy. There is one copy at a time.
    ///
    /// # Errors
    /// Somebody is connected to the database, or the server is down.
    pub async fn open_copy(&self) -> Result<Session<'server>, ReplayError> {
        self.server.clone_database(ASIDE, &self.database).await?;
        self.open_session().await
    }

    /// Drops a copy, with the roles and databases that were made in it.
    ///
    /// # Errors
    /// The server is down.
    pub async fn remove(&self, copy: Session<'server>) -> Result<(), ReplayError> {
        copy.close().await?;
        self.server.drop_database(&self.database).await?;
        self.server.drop_all_but(&self.globals).await
    }

    async fn open_session(&self) -> Result<Session<'server>, ReplayError> {
        let mut session = Session::open(self.server, &self.database, self.deadline).await?;
        session.begin_with(self.prologue.clone()).await?;
        Ok(session)
    }
}

/// Tries a migration in copies of a database that nobody is connected to.
///
/// # Errors
/// The server is down. The inner error is the refusal of the first run.
pub async fn try_in_clone(
    opening: &Opening<'_>,
    subject: Subject<'_>,
    before: &Arc<Catalog>,
) -> Result<Result<Tried, Failure>, ReplayError> {
    let mut copy = Copy::of(opening).await?;
    if let Err(failure) = copy.runner.run(subject.up, &Record::default()).await? {
        copy.remove(opening).await?;
        return Ok(Err(failure));
    }
    let after = copy.catalog().await?;
    let twice = copy.twice(subject.up, &after).await?;
    let round_trip = match subject.down {
        None => None,
        Some(down) => {
            if !copy.is_as(&after).await? || matches!(twice, Twice::Changed(_)) {
                copy.remove(opening).await?;
                copy = Copy::of(opening).await?;
                // It passed in the first copy, which was the same.
                let _ = copy.runner.run(subject.up, &Record::default()).await?;
            }
            Some(copy.round_trip(subject, down, before, &after).await?)
        }
    };
    copy.remove(opening).await?;
    let cuts = judge(&cut_in_copies(opening, subject.up).await?, before, &after);
    Ok(Ok(Tried { after, twice, round_trip, cuts, costs: Vec::new() }))
}

/// A copy of a database, and a session in it.
struct Copy<'server> {
    runner: Runner<'server>,
    reader: CatalogReader,
}

impl<'server> Copy<'server> {
    async fn of(opening: &Opening<'server>) -> Result<Self, ReplayError> {
        let runner = Runner::new(opening.open_copy().await?);
        Ok(Self { runner, reader: CatalogReader::new() })
    }

    async fn remove(self, opening: &Opening<'server>) -> Result<(), ReplayError> {
        opening.remove(self.runner.into_session()).await
    }

    async fn catalog(&mut self) -> Result<Arc<Catalog>, ReplayError> {
        Ok(self.reader.read(self.runner.session().connection()).await?)
    }

    async fn is_as(&mut self, expected: &Arc<Catalog>) -> Result<bool, ReplayError> {
        let now = self.catalog().await?;
        let difference = Difference::between(expected, &now);
        Ok(difference.changes.is_empty() && difference.cosmetic.is_empty())
    }

    async fn twice(&mut self, up: &Script, after: &Arc<Catalog>) -> Result<Twice, ReplayError> {
        let kept = Digests::of_all(self.runner.session().connection()).await?;
        if let Err(failure) = self.runner.run(up, &Record::default()).await? {
            return Ok(Twice::Refused(failure));
        }
        let again = self.catalog().await?;
        let changed = Digests::of_all(self.runner.session().connection()).await?;
        Ok(Twice::of_passed(&Difference::between(after, &again), &changed.differing(&kept)))
    }

    async fn round_trip(
        &mut self,
        subject: Subject<'_>,
        down: &Script,
        before: &Arc<Catalog>,
        after: &Arc<Catalog>,
    ) -> Result<RoundTrip, ReplayError> {
        let mut trip = RoundTrip::default();
        if let Err(failure) = self.runner.run(down, &Record::default()).await? {
            trip.not_restored.push(NotRestored::DownRefused(failure));
            return Ok(trip);
        }
        let restored = self.catalog().await?;
        trip.compare_down(down, &Difference::between(before, &restored));
        if down.statements.is_empty() {
            // To go up again would be to run it twice.
            return Ok(trip);
        }
        if let Err(failure) = self.runner.run(subject.up, &Record::default()).await? {
            trip.not_restored.push(NotRestored::UpRefused(failure));
            return Ok(trip);
        }
        let again = self.catalog().await?;
        trip.compare_up(&Difference::between(after, &again));
        Ok(trip)
    }
}
