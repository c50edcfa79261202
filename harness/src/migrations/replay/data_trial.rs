//! The time machine once more, with rows in the tables: what a second run and a way down do to
//! them. What then is committed is the first application alone.

use super::cost::StatementCost;
use super::timings::spent_on;
use super::touched::{Digests, Touches};
use super::trial::{Subject, fits_a_transaction};
use super::{Failure, ReplayError, Runner, Standing};
use crate::migrations::seeding::{Population, RowChange, RowFate};

/// What one migration did to rows.
#[derive(Clone, Debug, Default)]
pub struct DataTrial {
    /// On its way up.
    pub changes: Vec<RowChange>,
    /// Tables whose rows a second run changes.
    pub twice: Vec<String>,
    /// What is lost on the way up and down again, a line for each table.
    pub lost: Vec<String>,
    /// What each of its statements cost; empty when it ran outside a transaction.
    pub costs: Vec<StatementCost>,
}

/// How an attempt in one transaction ended.
#[derive(Debug)]
pub enum DataInPlace {
    /// The migration is applied and committed.
    Applied(DataTrial),
    /// It is refused, or a transaction is no place for it: nothing has happened.
    Elsewhere(Option<Failure>),
}

enum Stop {
    Elsewhere(Failure),
    Error(ReplayError),
}

impl<E: Into<ReplayError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Tries a migration in one transaction with the population's rows there, and commits it.
///
/// # Errors
/// The server is down.
pub async fn try_with_data(
    runner: &mut Runner<'_>,
    population: &mut Population,
    subject: Subject<'_>,
) -> Result<DataInPlace, ReplayError> {
    let scripts = [Some(subject.up), subject.down];
    if !scripts.into_iter().flatten().all(fits_a_transaction) {
        return Ok(DataInPlace::Elsewhere(None));
    }
    match perform(runner, population, subject).await {
        Ok(trial) => Ok(DataInPlace::Applied(trial)),
        Err(Stop::Elsewhere(failure)) => {
            runner.abandon(Some(&failure)).await?;
            Ok(DataInPlace::Elsewhere(Some(failure)))
        }
        Err(Stop::Error(error)) => Err(error),
    }
}

async fn perform(
    runner: &mut Runner<'_>,
    population: &mut Population,
    subject: Subject<'_>,
) -> Result<DataTrial, Stop> {
    runner.begin(subject.up, subject.record).await.map_err(Stop::Elsewhere)?;
    let before = Touches::read(runner.session().connection()).await?;
    let costs = runner.perform_measured(subject.up).await?.map_err(Stop::Elsewhere)?;
    let settled = runner.settle_recorded(subject.up, subject.record, &["SAVEPOINT applied"]).await;
    settled.map_err(Stop::Elsewhere)?;
    let applied = Standing::read(runner.session().connection()).await?;

    let twice = second_run(runner, subject, &applied.touches).await?;
    let lost = way_back(runner, population, subject, &before).await?;
    let tried = Standing::read(runner.session().connection()).await?;
    applied.sequences.restore_from(&tried.sequences, runner.session().connection()).await?;

    let touched = tried.touches.ids_since(&before);
    let changes = population.compare(runner.session().connection(), Some(&touched));
    let changes = spent_on("rows_ms", changes).await?;
    runner.keep(subject.up).await.map_err(Stop::Elsewhere)?;
    Ok(DataTrial { changes, twice, lost, costs })
}

/// The tables whose rows a second run changes; none when it is refused.
async fn second_run(
    runner: &mut Runner<'_>,
    subject: Subject<'_>,
    before: &Touches,
) -> Result<Vec<String>, Stop> {
    if let Err(failure) = runner.perform(subject.up).await {
        take_back(runner, &failure).await?;
        return Ok(Vec::new());
    }
    let touched = Touches::read(runner.session().connection()).await?.since(before);
    let changed = Digests::read(runner.session().connection(), &touched).await?;
    runner.session().command("end a trial", "ROLLBACK TO applied").await?;
    let kept = Digests::read(runner.session().connection(), &touched).await?;
    Ok(changed.differing(&kept))
}

/// What is not as before after the way down, or why there is none.
async fn way_back(
    runner: &mut Runner<'_>,
    population: &Population,
    subject: Subject<'_>,
    before: &Touches,
) -> Result<Vec<String>, Stop> {
    let Some(down) = subject.down else { return Ok(Vec::new()) };
    if let Err(failure) = runner.perform_recorded(down, (&[], &[]), &[]).await {
        take_back(runner, &failure).await?;
        return Ok(vec![format!("with rows, the down is refused: {failure}")]);
    }
    let touched = Touches::read(runner.session().connection()).await?.ids_since(before);
    let lost = population.differ(runner.session().connection(), Some(&touched));
    let lost = spent_on("rows_ms", lost).await?;
    runner.session().command("end a trial", "ROLLBACK TO applied").await?;
    Ok(lost.iter().map(loss).collect())
}

async fn take_back(runner: &mut Runner<'_>, failure: &Failure) -> Result<(), Stop> {
    if failure.refusal.lost || failure.refusal.wants_no_transaction() {
        return Err(Stop::Elsewhere(failure.clone()));
    }
    Ok(runner.session().command("end a trial", "ROLLBACK TO applied").await?)
}

/// A change of rows in words.
pub fn loss(change: &RowChange) -> String {
    let rows: usize = change.births.values().sum();
    let RowChange { table, fate, .. } = change;
    match fate {
        RowFate::Gone => format!("{rows} rows of {table} are gone"),
        RowFate::LeftBehind => format!("{rows} rows that were put into {table} are still there"),
        RowFate::TableGone => format!("{rows} rows of {table} went with their table"),
        RowFate::Changed { columns } => {
            format!("{rows} rows of {table} hold something else in {}", columns.join(", "))
        }
    }
}
