//! From a refused migration to the rows that it refuses.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::kinship::{Kinship, RowId};
use super::suspicion::{Suspicion, suspicions};
use super::{Population, RowSet, SeedingError, TableName};

/// How often a migration is run to find out; one that takes its time is not run for ever.
const MOST_ATTEMPTS: usize = 100;
/// How many rows are tried alone to see whether any passes.
const ROWS_ASKED_ALONE: usize = 8;
/// How many rows of one birth are shown of an offence.
const ROWS_SHOWN: usize = 3;

/// What PostgreSQL said when it refused a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Five letters, as `23514`; empty if the refusal is none of PostgreSQL's.
    pub sqlstate: String,
    /// The message.
    pub message: String,
    /// The detail, where there is one.
    pub detail: Option<String>,
    /// The table that it names, in its fields.
    pub table: Option<TableName>,
    /// The column that it names.
    pub column: Option<String>,
    /// The constraint that it names.
    pub constraint: Option<String>,
    /// The statement, as the file has it.
    pub statement: String,
    /// The line on which the statement begins, from 1.
    pub line: Option<usize>,
}

/// Runs one migration as a trial, and takes everything back.
pub trait Trial {
    /// Deletes these rows, runs the migration, rolls both back: the refusal, if there was one.
    fn attempt(
        &mut self,
        without: &RowSet,
    ) -> impl Future<Output = Result<Result<(), Refusal>, SeedingError>>;
}

/// Which rows a migration refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reduction {
    /// What that means: the gravest of the offences' classes.
    pub class: ReductionClass,
    /// The refusals in the order in which they were met, each with the rows that it was about.
    pub offences: Vec<Offence>,
    /// The rows without which the migration passes, and what depends on them; to be deleted before
    /// the walk goes on. With [`ReductionClass::AlwaysRefused`] it is empty.
    #[serde(skip)]
    pub without: RowSet,
    /// Whether the search ended at its bound, so that fewer rows might do.
    pub exhausted: bool,
}

/// What a refusal means, from the least grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReductionClass {
    /// A shape that the old schema permitted is refused: `upgrade.assumption`.
    Assumption,
    /// Whatever a row of that table holds, it is refused: `upgrade.broken`.
    NoRowPasses,
    /// Refused even without any generated row: rows have nothing to do with it.
    AlwaysRefused,
}

/// One refusal, and the rows that it was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Offence {
    /// What this one means.
    pub class: ReductionClass,
    /// What PostgreSQL said.
    pub refusal: Refusal,
    /// Up to three rows of each table and birth.
    pub rows: Vec<OffendingRow>,
}

/// A row that a migration refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OffendingRow {
    /// Its table.
    pub table: TableName,
    /// The version of its birth.
    pub birth: String,
    /// Its values, cut and safe to print.
    pub values: String,
}

/// Finds a smallest set of generated rows without which the migration passes, as far as the
/// bound on attempts allows. `refusal` is what it said with all rows there.
///
/// The refusal's own words give the first suspicion; what they do not explain is found by
/// adding rows again to a set that passes, half by half, as delta debugging does (Zeller and
/// Hildebrandt, 2002).
///
/// # Errors
/// What the trial itself failed with.
pub async fn reduce(
    trial: &mut impl Trial,
    population: &Population,
    refusal: Refusal,
) -> Result<Reduction, SeedingError> {
    let mut kinship = Kinship::of(population);
    if let Err(refusal) = trial.attempt(&kinship.row_set(&kinship.generated())).await? {
        kinship = kinship.with_made();
        if trial.attempt(&kinship.row_set(&kinship.generated())).await?.is_err() {
            return Ok(always(refusal));
        }
    }
    let mut search = Search { trial, kinship: &kinship, out: BTreeSet::new(), attempts: 0 };
    let mut charges = search.leave_out_until_it_passes(refusal).await?;
    for charge in charges.iter_mut().filter(|charge| !charge.suspicion.certain) {
        charge.whatever_they_hold =
            charge.suspicion.of_new_columns && search.refuses_whatever_they_hold(charge).await?;
        if !charge.whatever_they_hold {
            let suspects = std::mem::take(&mut charge.suspicion.rows);
            charge.suspicion.rows = search.readmit(suspects).await?;
        }
    }
    let offences: Vec<Offence> =
        charges.iter().map(|charge| charge.offence(&kinship, population)).collect();
    let class = offences.iter().map(|offence| offence.class).max();
    Ok(Reduction {
        class: class.unwrap_or(ReductionClass::Assumption),
        offences,
        exhausted: search.attempts >= MOST_ATTEMPTS,
        without: kinship.row_set(&search.out),
    })
}

fn always(refusal: Refusal) -> Reduction {
    let class = ReductionClass::AlwaysRefused;
    Reduction {
        class,
        offences: vec![Offence { class, refusal, rows: Vec::new() }],
        without: RowSet::default(),
        exhausted: false,
    }
}

/// A refusal and whom it is about.
struct Charge {
    refusal: Refusal,
    suspicion: Suspicion,
    whatever_they_hold: bool,
}

struct Search<'a, T> {
    trial: &'a mut T,
    kinship: &'a Kinship<'a>,
    /// Left out.
    out: BTreeSet<RowId>,
    attempts: usize,
}

impl<T: Trial> Search<'_, T> {
    async fn attempt(
        &mut self,
        out: &BTreeSet<RowId>,
    ) -> Result<Result<(), Refusal>, SeedingError> {
        self.attempts += 1;
        self.trial.attempt(&self.kinship.row_set(out)).await
    }

    /// Leaves out whom each refusal is about, until the migration passes. A suspicion that does
    /// not change the refusal is dropped for a wider one; the widest always passes.
    async fn leave_out_until_it_passes(
        &mut self,
        first: Refusal,
    ) -> Result<Vec<Charge>, SeedingError> {
        let mut charges: Vec<Charge> = Vec::new();
        let mut refusal = first;
        loop {
            let mut list = suspicions(self.kinship, &refusal);
            if charges.len() + 1 >= MOST_ATTEMPTS / 2 {
                list.drain(..list.len().saturating_sub(1));
            }
            let mut next = None;
            for suspicion in list {
                let mut out = self.out.clone();
                out.extend(suspicion.rows.iter().cloned());
                if out.len() == self.out.len() {
                    continue;
                }
                let outcome = self.attempt(&out).await?;
                if outcome.as_ref().err() == Some(&refusal) {
                    continue;
                }
                self.out = out;
                charges.push(Charge {
                    refusal: refusal.clone(),
                    suspicion,
                    whatever_they_hold: false,
                });
                next = Some(outcome);
                break;
            }
            match next {
                Some(Err(other)) => refusal = other,
                Some(Ok(())) | None => return Ok(charges),
            }
        }
    }

    /// Whether none of some suspects is let in: alone, or, where duplicates are refused, with one
    /// other. One that refers to what is left out cannot be asked.
    async fn refuses_whatever_they_hold(&mut self, charge: &Charge) -> Result<bool, SeedingError> {
        let company = if charge.refusal.sqlstate == "23505" { 2 } else { 1 };
        let suspects = &charge.suspicion.rows;
        let step = (suspects.len() / ROWS_ASKED_ALONE).max(1);
        let mut asked = false;
        for place in (0..suspects.len()).step_by(step) {
            let admitted: Vec<&RowId> =
                suspects.iter().cycle().skip(place).take(company.min(suspects.len())).collect();
            let mut out = self.out.clone();
            out.retain(|id| !admitted.contains(&id));
            let gone = self.kinship.with_dependants(&out);
            if admitted.iter().any(|id| gone.contains(*id)) {
                continue;
            }
            asked = true;
            if self.attempt(&out).await?.is_ok() {
                return Ok(false);
            }
        }
        Ok(asked)
    }

    /// Lets rows in again as long as the migration passes with them; gives back those with which
    /// it does not.
    async fn readmit(&mut self, suspects: Vec<RowId>) -> Result<Vec<RowId>, SeedingError> {
        let mut refused = Vec::new();
        let mut parts: Vec<Vec<RowId>> = halves(suspects);
        while let Some(part) = parts.pop() {
            if self.attempts >= MOST_ATTEMPTS {
                refused.extend(part);
                continue;
            }
            let mut out = self.out.clone();
            out.retain(|id| !part.contains(id));
            if self.attempt(&out).await?.is_ok() {
                self.out = out;
            } else if part.len() == 1 {
                refused.extend(part);
            } else {
                parts.extend(halves(part));
            }
        }
        Ok(refused)
    }
}

/// The later half first, to be taken from the end.
fn halves(mut rows: Vec<RowId>) -> Vec<Vec<RowId>> {
    let later = rows.split_off(rows.len() / 2);
    [later, rows].into_iter().filter(|half| !half.is_empty()).collect()
}

impl Charge {
    fn offence(&self, kinship: &Kinship<'_>, population: &Population) -> Offence {
        let class = if self.whatever_they_hold {
            ReductionClass::NoRowPasses
        } else {
            ReductionClass::Assumption
        };
        let mut shown: BTreeMap<(u32, String), usize> = BTreeMap::new();
        let mut rows = Vec::new();
        for id in &self.suspicion.rows {
            let (table, row) = (kinship.table(id.0), kinship.row(id));
            let birth = population.version(row.birth);
            let count = shown.entry((id.0, birth.clone())).or_default();
            *count += 1;
            if *count <= ROWS_SHOWN {
                let values = row.record.shown(&table.names());
                rows.push(OffendingRow { table: table.name.clone(), birth, values });
            }
        }
        Offence { class, refusal: self.refusal.clone(), rows }
    }
}
