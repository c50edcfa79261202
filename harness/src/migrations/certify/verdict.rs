//! What a certification says: a table, one row a case, each with what was expected, what was seen,
//! and how long the server was ready while its schema was incomplete.

use serde::{Deserialize, Serialize};

use super::sighting::Sighting;
use crate::checkers::Outcome;

/// The version of the form that this is written in.
pub const VERSION: u32 = 1;

/// What a certification says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certification {
    /// The version of this form.
    pub version: u32,
    /// The server's name.
    pub server: String,
    /// What PostgreSQL says of itself.
    pub postgresql: String,
    /// The defects that the server was told to have.
    pub defects: Vec<String>,
    /// How many migrations it has.
    pub migrations: usize,
    /// The worst of all rows.
    pub outcome: Outcome,
    /// One row a case, in the order of the cases.
    pub rows: Vec<Row>,
    /// What was not tried, and why.
    pub left_out: Vec<NotTried>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name, as `failing-first-syntax`.
    pub case: String,
    /// The cases that it belongs to, as `failing`.
    pub group: String,
    /// What was done to the server.
    pub what: String,
    /// What it had to do.
    pub expected: String,
    /// Whether it did.
    pub outcome: Outcome,
    /// What was wrong, one sentence each; or why nobody can tell.
    pub problems: Vec<String>,
    /// What was seen, step by step.
    pub seen: Vec<Sighting>,
    /// For how many milliseconds the server was ready while its schema was incomplete.
    pub ready_while_incomplete_ms: u64,
    /// How long the case took, in milliseconds.
    pub duration_ms: u64,
}

/// A case that was not tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotTried {
    /// The case, or the group of cases.
    pub what: String,
    /// Why, and what would have it tried.
    pub why: String,
}

impl Row {
    /// The row of a case that was carried through.
    pub fn of(case: CaseName, seen: Vec<Sighting>, duration_ms: u64) -> Self {
        let outcome = match () {
            () if seen.is_empty() => Outcome::Unknown,
            () if seen.iter().all(|sighting| sighting.problems.is_empty()) => Outcome::Valid,
            () => Outcome::Invalid,
        };
        let problems = seen.iter().flat_map(Sighting::told_problems).collect();
        let ready_while_incomplete_ms =
            seen.iter().map(|sighting| sighting.ready_while_incomplete_ms).sum();
        let CaseName { case, group, what, expected } = case;
        Self {
            case,
            group,
            what,
            expected,
            outcome,
            problems,
            seen,
            ready_while_incomplete_ms,
            duration_ms,
        }
    }

    /// The row of a case that could not be carried through.
    pub fn unknown(case: CaseName, why: String, duration_ms: u64) -> Self {
        let row = Self::of(case, Vec::new(), duration_ms);
        Self { problems: vec![why], ..row }
    }
}

/// What a case is, whatever comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseName {
    /// Its name.
    pub case: String,
    /// The cases that it belongs to.
    pub group: String,
    /// What is done to the server.
    pub what: String,
    /// What it has to do.
    pub expected: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> CaseName {
        let text = |text: &str| text.to_owned();
        CaseName { case: text("a-b"), group: text("a"), what: text("w"), expected: text("e") }
    }

    fn sighting(problems: &[&str], ready_while_incomplete_ms: u64) -> Sighting {
        let problems = problems.iter().map(|&problem| problem.to_owned()).collect();
        let step = "it starts".to_owned();
        Sighting { step, problems, ready_while_incomplete_ms, ..Sighting::default() }
    }

    #[test]
    fn one_bad_sighting_makes_a_row_invalid() {
        let row = Row::of(name(), vec![sighting(&[], 0), sighting(&["it was late"], 7)], 1);
        assert_eq!(row.outcome, Outcome::Invalid);
        assert_eq!(row.problems, ["it starts: it was late"]);
        assert_eq!(row.ready_while_incomplete_ms, 7);
        assert_eq!(Row::of(name(), vec![sighting(&[], 0)], 1).outcome, Outcome::Valid);
    }

    #[test]
    fn what_was_not_seen_is_never_valid() {
        assert_eq!(Row::of(name(), Vec::new(), 1).outcome, Outcome::Unknown);
        let row = Row::unknown(name(), "no PostgreSQL".to_owned(), 1);
        assert_eq!((row.outcome, row.problems), (Outcome::Unknown, vec!["no PostgreSQL".into()]));
    }
}
