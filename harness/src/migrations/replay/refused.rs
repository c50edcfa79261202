//! A migration that refuses generated rows: attempts that leave nothing behind, and from the rows
//! to blame to a class.

use super::clone::Opening;
use super::trial::{Subject, fits_a_transaction};
use super::{Assumption, BrokenPath, Failure, ReplayError, Runner, Session};
use crate::migrations::lineage::Record;
use crate::migrations::seeding::{
    self, Offence, OffendingRow, Reduction, ReductionClass, RowSet, SeedingError, TableName, Trial,
};

/// Attempts at one migration.
pub struct Attempts<'run, 'server> {
    /// None while a copy is made, which nobody may be connected to.
    session: &'run mut Option<Session<'server>>,
    subject: Subject<'run>,
    in_copy: bool,
}

impl<'run, 'server> Attempts<'run, 'server> {
    /// Attempts in a transaction, or in copies of the database where a transaction is no place.
    pub fn new(
        session: &'run mut Option<Session<'server>>,
        subject: Subject<'run>,
        wants_no_transaction: bool,
    ) -> Self {
        let in_copy = wants_no_transaction || !fits_a_transaction(subject.up);
        Self { session, subject, in_copy }
    }

    /// Goes on in copies of the database; false if that was so before.
    ///
    /// Rows that are deleted in the same transaction are still seen by what a migration does there:
    /// an index on an expression is made for them as well.
    pub fn leave_the_transaction(&mut self) -> bool {
        !std::mem::replace(&mut self.in_copy, true)
    }

    /// Runs the migration without some rows, and takes everything back.
    ///
    /// # Errors
    /// The server is down.
    pub async fn once(&mut self, without: &RowSet) -> Result<Result<(), Failure>, ReplayError> {
        match self.in_copy {
            false => self.in_transaction(without).await,
            true => self.in_copy(without).await,
        }
    }

    async fn in_transaction(
        &mut self,
        without: &RowSet,
    ) -> Result<Result<(), Failure>, ReplayError> {
        let mut runner = Runner::new(self.session.take().expect("the session is open"));
        without.begin_without(runner.session().connection()).await?;
        let outcome = runner.perform(self.subject.up).await;
        runner.abandon(outcome.as_ref().err()).await?;
        *self.session = Some(runner.into_session());
        Ok(outcome)
    }

    async fn in_copy(&mut self, without: &RowSet) -> Result<Result<(), Failure>, ReplayError> {
        let session = self.session.take().expect("the session is open");
        let opening = Opening::of_closed(session).await?;
        let mut runner = Runner::new(opening.open_copy().await?);
        delete(runner.session(), without).await?;
        let outcome = runner.run(self.subject.up, &Record::default()).await?;
        opening.remove(runner.into_session()).await?;
        *self.session = Some(opening.open().await?);
        Ok(outcome)
    }
}

/// Deletes rows for good.
///
/// # Errors
/// The server is down.
pub async fn delete(session: &mut Session<'_>, rows: &RowSet) -> Result<(), ReplayError> {
    rows.begin_without(session.connection()).await?;
    session.command("leave out rows", "COMMIT").await
}

impl Trial for Attempts<'_, '_> {
    async fn attempt(
        &mut self,
        without: &RowSet,
    ) -> Result<Result<(), seeding::Refusal>, SeedingError> {
        match self.once(without).await {
            Ok(outcome) => Ok(outcome.map_err(|failure| refusal(&failure))),
            Err(ReplayError::Seeding(error)) => Err(error),
            Err(ReplayError::Server { action, source }) => {
                Err(SeedingError::Database { action, source })
            }
            Err(other) => Err(SeedingError::Database {
                action: "attempt a migration",
                source: sqlx::Error::Protocol(other.to_string()),
            }),
        }
    }
}

/// A failure as the reduction takes it.
pub fn refusal(failure: &Failure) -> seeding::Refusal {
    let object = &failure.refusal.object;
    let table = object
        .table
        .as_ref()
        .map(|table| TableName::new(object.schema.as_deref().unwrap_or("public"), table.as_str()));
    seeding::Refusal {
        sqlstate: failure.refusal.sqlstate.clone(),
        message: failure.refusal.message.clone(),
        detail: failure.refusal.detail.clone(),
        table,
        column: object.column.clone(),
        constraint: object.constraint.clone(),
        statement: failure.statement.clone(),
        line: failure.line,
    }
}

/// What a reduction comes to, as the outcome lists it.
#[derive(Debug, Default)]
pub struct Blame {
    /// Paths that break.
    pub broken: Vec<BrokenPath>,
    /// Shapes of data that are refused.
    pub assumptions: Vec<Assumption>,
}

impl Blame {
    /// Of a migration's reduction. A refusal that no row explains is a broken path of its own.
    pub fn of(version: &str, reduction: &Reduction, first: &Failure) -> Self {
        let mut blame = Self::default();
        for offence in &reduction.offences {
            for (table, rows) in by_table(offence) {
                match offence.class {
                    ReductionClass::Assumption => {
                        blame.assumptions.push(assumption(version, offence, &table, &rows));
                    }
                    _ => blame.broken.push(broken(version, offence, &table, &rows)),
                }
            }
        }
        let unexplained = blame.broken.is_empty() && blame.assumptions.is_empty();
        if unexplained {
            blame.broken.push(BrokenPath {
                from: Vec::new(),
                at: version.to_owned(),
                table: first.refusal.object.table.clone().unwrap_or_default(),
                what: first.to_string(),
            });
        }
        blame
    }
}

fn by_table(offence: &Offence) -> Vec<(TableName, Vec<&OffendingRow>)> {
    let mut tables: Vec<(TableName, Vec<&OffendingRow>)> = Vec::new();
    for row in &offence.rows {
        match tables.iter_mut().find(|(table, _)| *table == row.table) {
            Some((_, rows)) => rows.push(row),
            None => tables.push((row.table.clone(), vec![row])),
        }
    }
    tables
}

fn births(rows: &[&OffendingRow]) -> Vec<String> {
    let mut births: Vec<String> = Vec::new();
    for row in rows {
        if !births.contains(&row.birth) {
            births.push(row.birth.clone());
        }
    }
    births
}

fn broken(
    version: &str,
    offence: &Offence,
    table: &TableName,
    rows: &[&OffendingRow],
) -> BrokenPath {
    let refusal = &offence.refusal;
    BrokenPath {
        from: births(rows),
        at: version.to_owned(),
        table: table.to_string(),
        what: format!("no row passes: {} (SQLSTATE {})", refusal.message, refusal.sqlstate),
    }
}

fn assumption(
    version: &str,
    offence: &Offence,
    table: &TableName,
    rows: &[&OffendingRow],
) -> Assumption {
    let refusal = &offence.refusal;
    Assumption {
        from: births(rows),
        at: version.to_owned(),
        table: table.to_string(),
        row: rows.first().map(|row| row.values.clone()).unwrap_or_default(),
        sqlstate: refusal.sqlstate.clone(),
        message: refusal.message.clone(),
        statement: refusal.statement.clone(),
        line: refusal.line,
    }
}
