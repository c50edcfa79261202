//! What a migration does when it is run a second time, right after the first.

use super::Failure;
use crate::migrations::catalog::Difference;

/// What the second run of a migration came to.
#[derive(Clone, Debug)]
pub enum Twice {
    /// PostgreSQL refused it.
    Refused(Failure),
    /// It passed and changed nothing.
    NoOp,
    /// It passed and changed something, and nobody was told.
    Changed(Vec<String>),
}

impl Twice {
    /// Of a second run that passed: what differs in the catalog, and the tables whose rows differ.
    pub fn of_passed(difference: &Difference, tables: &[String]) -> Self {
        let objects = difference.changes.iter().map(ToString::to_string);
        let changed: Vec<String> = objects.chain(told(tables)).collect();
        if changed.is_empty() { Self::NoOp } else { Self::Changed(changed) }
    }

    /// Of one that changed the rows of these tables alone.
    pub fn of_rows(tables: &[String]) -> Self {
        Self::Changed(told(tables).collect())
    }
}

fn told(tables: &[String]) -> impl Iterator<Item = String> {
    tables.iter().map(|table| format!("rows of {table} changed"))
}
