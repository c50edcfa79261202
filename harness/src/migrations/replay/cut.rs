//! What becomes of a migration that is cut between two of its statements and started again, where
//! no transaction takes back what it had done.

use std::sync::Arc;

use super::clone::Opening;
use super::findings::some;
use super::runner::wrapping;
use super::{Failure, ReplayError, Runner};
use crate::migrations::catalog::{Catalog, CatalogReader, Difference};
use crate::migrations::lineage::{Record, Script, Wrapping};
use crate::migrations::sql::StatementKind;

/// More boundaries of one script than these are not tried: the first and the last half of them.
const MOST: usize = 16;

/// One cut that did not end as an undisturbed run does.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The line of the statement before which it was cut.
    pub line: usize,
    /// What the half-run migration left in the schema.
    pub remains: Vec<String>,
    /// What became of the second start.
    pub end: CutEnd,
}

/// How a second start ends.
#[derive(Clone, Debug)]
pub enum CutEnd {
    /// PostgreSQL refuses it: somebody has to mend the database by hand.
    Refused(Failure),
    /// It passes, and the schema is another one.
    Differs(Vec<String>),
}

/// A cut that was made, before it is judged.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The line of the statement before which it was cut.
    pub line: usize,
    /// The catalog that the cut left.
    pub half: Arc<Catalog>,
    /// The catalog after the second start, or why it was refused.
    pub end: Result<Arc<Catalog>, Failure>,
}

/// After how many statements a script can be cut so that something of it stays.
pub fn boundaries(script: &Script) -> Vec<usize> {
    let wrapping = wrapping(script);
    let mut open = wrapping == Wrapping::Transaction;
    let mut boundaries = Vec::new();
    for (index, statement) in script.statements.iter().enumerate() {
        match statement.kind {
            StatementKind::Begin => open = true,
            StatementKind::Commit | StatementKind::Rollback => open = false,
            _ => open = open || wrapping == Wrapping::Together,
        }
        if !open && index + 1 < script.statements.len() {
            boundaries.push(index + 1);
        }
    }
    if let Some(more) = boundaries.len().checked_sub(MOST) {
        boundaries.drain(MOST / 2..MOST / 2 + more);
    }
    boundaries
}

/// Cuts a script at each of its boundaries, each time in a copy of the database.
///
/// # Errors
/// The server is down.
pub async fn cut_in_copies(
    opening: &Opening<'_>,
    script: &Script,
) -> Result<Vec<Attempt>, ReplayError> {
    let mut attempts = Vec::new();
    for boundary in boundaries(script) {
        let mut runner = Runner::new(opening.open_copy().await?);
        let attempt = cut_and_start_again(&mut runner, script, boundary).await?;
        attempts.extend(attempt);
        opening.remove(runner.into_session()).await?;
    }
    Ok(attempts)
}

/// The script up to a boundary.
pub fn half(script: &Script, boundary: usize) -> Script {
    Script { statements: script.statements[..boundary].to_vec(), ..script.clone() }
}

/// None when the first half itself is refused.
async fn cut_and_start_again(
    runner: &mut Runner<'_>,
    script: &Script,
    boundary: usize,
) -> Result<Option<Attempt>, ReplayError> {
    if runner.run(&half(script, boundary), &Record::default()).await?.is_err() {
        return Ok(None);
    }
    let mut reader = CatalogReader::new();
    let half = reader.read(runner.session().connection()).await?;
    let end = match runner.run(script, &Record::default()).await? {
        Ok(()) => Ok(reader.read(runner.session().connection()).await?),
        Err(failure) => Err(failure),
    };
    Ok(Some(Attempt { line: script.statements[boundary].line, half, end }))
}

/// What is wrong with attempts, seen from the catalogs before and after an undisturbed run.
pub fn judge(attempts: &[Attempt], before: &Catalog, after: &Catalog) -> Vec<Cut> {
    attempts.iter().filter_map(|attempt| attempt.judge(before, after)).collect()
}

impl Attempt {
    fn judge(&self, before: &Catalog, after: &Catalog) -> Option<Cut> {
        let end = match &self.end {
            Err(failure) => CutEnd::Refused(failure.clone()),
            Ok(catalog) => {
                let changes = Difference::between(after, catalog).changes;
                if changes.is_empty() {
                    return None;
                }
                CutEnd::Differs(changes.iter().map(ToString::to_string).collect())
            }
        };
        let remains = Difference::between(before, &self.half).changes;
        let remains = remains.iter().map(ToString::to_string).collect();
        Some(Cut { line: self.line, remains, end })
    }
}

impl Cut {
    /// What became of the second start, in words.
    pub fn why(&self) -> String {
        match &self.end {
            CutEnd::Refused(failure) => format!("started again, it is refused: {failure}"),
            CutEnd::Differs(changes) => format!(
                "started again, it passes, and the schema is not that of an undisturbed run: {}",
                some(changes)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::sql::split;

    fn cuts(text: &str, wrapping: Wrapping) -> Vec<usize> {
        let statements = split(text, 1).unwrap();
        boundaries(&Script { file: "1.sql".into(), text: text.into(), statements, wrapping })
    }

    #[test]
    fn a_script_is_cut_where_something_of_it_stays() {
        let three = "SELECT 1; SELECT 2; SELECT 3";
        assert!(cuts(three, Wrapping::Transaction).is_empty());
        assert!(cuts(three, Wrapping::Together).is_empty());
        assert_eq!(cuts(three, Wrapping::EachStatement), [1, 2]);
        let own = "BEGIN; SELECT 1; COMMIT; SELECT 2; SELECT 3";
        assert_eq!(cuts(own, Wrapping::EachStatement), [3, 4]);
        assert_eq!(cuts(own, Wrapping::Together), [3]);
        assert_eq!(cuts(own, Wrapping::Transaction), [3, 4]);
    }

    #[test]
    fn of_many_boundaries_the_first_and_the_last_are_tried() {
        let cuts = cuts(&"SELECT 1; ".repeat(100), Wrapping::EachStatement);
        assert_eq!(cuts, [1, 2, 3, 4, 5, 6, 7, 8, 92, 93, 94, 95, 96, 97, 98, 99]);
    }
}
