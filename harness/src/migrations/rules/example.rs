//! A small lineage that shows a rule at work.

use crate::migrations::lineage::Convention;

/// A small lineage that shows a rule at work.
#[derive(Debug)]
pub struct Example {
    /// How its files are named and run.
    pub convention: Convention,
    /// The files, each with its text.
    pub files: &'static [(&'static str, &'static str)],
    /// What PostgreSQL says when it is run on an empty database, as a SQLSTATE; `None` when it runs
    /// through.
    pub refused: Option<&'static str>,
}
