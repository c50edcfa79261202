//! The time machine: one migration is applied, run twice, taken down and up again within one
//! transaction, and what then is committed is the first application alone.

use std::sync::Arc;

use super::cost::StatementCost;
use super::cut::{Attempt, Cut, boundaries, half, judge};
use super::timings::spent_on;
use super::touched::{Digests, Touches};
use super::{Failure, NotRestored, ReplayError, RoundTrip, Runner, Sequences, Standing, Twice};
use crate::migrations::catalog::{Catalog, CatalogReader, Difference};
use crate::migrations::lineage::{Record, Script};
use crate::migrations::sql::StatementKind;

/// One migration as a trial sees it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'lineage> {
    /// The way up.
    pub up: &'lineage Script,
    /// The way down, where there is one.
    pub down: Option<&'lineage Script>,
    /// What the tool writes down of the way up.
    pub record: &'lineage Record,
    /// What the tool writes down of the way down.
    pub removal: &'lineage Record,
}

/// What the trials of one migration showed.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The catalog with the migration applied.
    pub after: Arc<Catalog>,
    /// The second run.
    pub twice: Twice,
    /// Up, down, up; none without a down.
    pub round_trip: Option<RoundTrip>,
    /// Cuts between its statements that do not end as an undisturbed run does.
    pub cuts: Vec<Cut>,
    /// What each of its statements cost, where that was asked for.
    pub costs: Vec<StatementCost>,
}

/// How an attempt in one transaction ended.
#[derive(Debug)]
pub enum InPlace {
    /// The migration is applied and committed.
    Applied(Tried),
    /// A transaction is no place for this migration, or it fails: nothing has happened.
    Elsewhere,
}

/// Ends an attempt early, without a finding.
enum Stop {
    Elsewhere(Failure),
    Error(ReplayError),
}

impl<E: Into<ReplayError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Whether a transaction may hold all of the script's statements, so far as a lexer can tell.
pub fn fits_a_transaction(script: &Script) -> bool {
    let fits = |kind| !matches!(kind, StatementKind::NoTransaction | StatementKind::Rollback);
    script.statements.iter().all(|statement| fits(statement.kind))
}

/// Whether the schema that the script leaves follows from the one that it finds: no row, no
/// variable and no code of its own has a say in it.
fn only_defines(script: &Script) -> bool {
    const WORDS: [&str; 6] = ["ALTER", "COMMENT", "CREATE", "DROP", "GRANT", "REVOKE"];
    script.statements.iter().all(|statement| match statement.kind {
        StatementKind::Begin | StatementKind::Commit => true,
        _ => WORDS.iter().any(|word| statement.begins(&[word])),
    })
}

/// Tries a migration in one transaction, and commits it; measured, if what its statements cost is
/// asked for.
///
/// # Errors
/// The server is down.
pub async fn try_in_place(
    runner: &mut Runner<'_>,
    reader: &mut CatalogReader,
    subject: Subject<'_>,
    before: &Arc<Catalog>,
    measured: bool,
) -> Result<InPlace, ReplayError> {
    let scripts = [Some(subject.up), subject.down];
    if !scripts.into_iter().flatten().all(fits_a_transaction) {
        return Ok(InPlace::Elsewhere);
    }
    match (Trial { runner, reader, subject, measured }).perform(before).await {
        Ok(tried) => Ok(InPlace::Applied(tried)),
        Err(Stop::Elsewhere(failure)) => {
            runner.abandon(Some(&failure)).await?;
            Ok(InPlace::Elsewhere)
        }
        Err(Stop::Error(error)) => Err(error),
    }
}

/// A refusal that is the transaction's fault, or took the session with it, shows nothing here.
fn elsewhere(failure: &Failure) -> Result<(), Stop> {
    match failure.refusal.lost || failure.refusal.wants_no_transaction() {
        true => Err(Stop::Elsewhere(failure.clone())),
        false => Ok(()),
    }
}

struct Trial<'run, 'server> {
    runner: &'run mut Runner<'server>,
    reader: &'run mut CatalogReader,
    subject: Subject<'run>,
    measured: bool,
}

impl Trial<'_, '_> {
    async fn perform(&mut self, before: &Arc<Catalog>) -> Result<Tried, Stop> {
        let Subject { up, record, .. } = self.subject;
        self.runner.begin(up, record).await.map_err(Stop::Elsewhere)?;
        let attempts = self.cut().await?;
        let costs = self.apply(&["SAVEPOINT applied"]).await?;
        let after = self.catalog().await?;
        let mark = self.reader.mark();
        let Standing { sequences, touches } =
            Standing::read(self.runner.session().connection()).await?;
        let twice = self.twice(&after, touches).await?;
        self.reader.return_to(&mark);
        let round_trip = match self.subject.down {
            Some(down) => Some(self.round_trip(down, before, &after).await?),
            None => None,
        };
        self.reader.return_to(&mark);
        sequences.restore(self.runner.session().connection()).await?;
        self.runner.keep(up).await.map_err(Stop::Elsewhere)?;
        let cuts = judge(&attempts, before, &after);
        Ok(Tried { after, twice, round_trip, cuts, costs })
    }

    /// Runs the way up with what its tool writes after it, and then these commands.
    async fn apply(&mut self, then: &[&str]) -> Result<Vec<StatementCost>, Stop> {
        let Subject { up, record, .. } = self.subject;
        let mut costs = Vec::new();
        let applied = match self.measured {
            true => {
                costs = self.runner.perform_measured(up).await?.map_err(Stop::Elsewhere)?;
                self.runner.settle_recorded(up, record, then).await
            }
            false => self.runner.perform_recorded(up, (&[], &record.after), then).await,
        };
        applied.map_err(Stop::Elsewhere)?;
        Ok(costs)
    }

    /// Cuts the way up where something of it would stay, and starts it again.
    async fn cut(&mut self) -> Result<Vec<Attempt>, Stop> {
        let up = self.subject.up;
        let mut attempts = Vec::new();
        for boundary in boundaries(up) {
            let sequences = Sequences::read(self.runner.session().connection()).await?;
            self.command("SAVEPOINT cut").await?;
            self.runner.perform(&half(up, boundary)).await.map_err(Stop::Elsewhere)?;
            self.runner.session().reset().await?;
            let half = self.catalog().await?;
            let end = match self.runner.perform(up).await {
                Ok(()) => Ok(self.catalog().await?),
                Err(failure) => {
                    elsewhere(&failure)?;
                    Err(failure)
                }
            };
            self.command("ROLLBACK TO cut").await?;
            sequences.restore(self.runner.session().connection()).await?;
            let line = up.statements[boundary].line;
            attempts.push(Attempt { line, waited: None, half, end });
        }
        Ok(attempts)
    }

    async fn twice(&mut self, after: &Arc<Catalog>, mut touches: Touches) -> Result<Twice, Stop> {
        let Subject { up, record, .. } = self.subject;
        if !record.before.is_empty() {
            self.runner.announce(up, record).await.map_err(Stop::Elsewhere)?;
            touches = Touches::read(self.runner.session().connection()).await?;
        }
        if let Err(failure) = self.runner.perform(up).await {
            self.take_back_refused(&failure).await?;
            return Ok(Twice::Refused(failure));
        }
        let again = self.catalog().await?;
        let connection = self.runner.session().connection();
        let touched = Touches::read(connection).await?.since(&touches);
        let changed = Digests::read(connection, &touched).await?;
        self.command("ROLLBACK TO applied").await?;
        let difference = Difference::between(after, &again);
        let kept = Digests::read(self.runner.session().connection(), &touched).await?;
        Ok(Twice::of_passed(&difference, &changed.differing(&kept)))
    }

    async fn round_trip(
        &mut self,
        down: &Script,
        before: &Arc<Catalog>,
        after: &Arc<Catalog>,
    ) -> Result<RoundTrip, Stop> {
        let mut trip = RoundTrip::default();
        if let Err(failure) = self.go_down(down).await {
            self.take_back_refused(&failure).await?;
            trip.not_restored.push(NotRestored::DownRefused(failure));
            return Ok(trip);
        }
        let restored = self.catalog().await?;
        trip.compare_down(down, &Difference::between(before, &restored));
        if down.statements.is_empty() {
            // To go up again would be to run it twice.
            self.command("ROLLBACK TO applied").await?;
            return Ok(trip);
        }

        let Subject { up, record, .. } = self.subject;
        if let Err(failure) = self.runner.perform_announced(up, record).await {
            self.take_back_refused(&failure).await?;
            trip.not_restored.push(NotRestored::UpRefused(failure));
            return Ok(trip);
        }
        // What only defines makes the same of the same schema.
        if restored != *before || !only_defines(self.subject.up) {
            let again = self.catalog().await?;
            trip.compare_up(&Difference::between(after, &again));
        }
        self.command("ROLLBACK TO applied").await?;
        Ok(trip)
    }

    /// Runs the way down with its record, and leaves a session as new.
    async fn go_down(&mut self, down: &Script) -> Result<(), Failure> {
        let Record { before, after } = self.subject.removal;
        self.runner.perform_recorded(down, (before, after), &[]).await
    }

    /// Goes back to the applied migration after a refusal.
    async fn take_back_refused(&mut self, failure: &Failure) -> Result<(), Stop> {
        elsewhere(failure)?;
        self.command("ROLLBACK TO applied").await
    }

    async fn catalog(&mut self) -> Result<Arc<Catalog>, Stop> {
        let connection = self.runner.session().connection();
        Ok(spent_on("catalogs_ms", self.reader.read(connection)).await?)
    }

    async fn command(&mut self, text: &'static str) -> Result<(), Stop> {
        Ok(self.runner.session().command("move in a trial", text).await?)
    }
}
