//! The ordered migrations of one project.

use std::path::PathBuf;

use super::{Convention, Migration};

/// The ordered migrations of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The folder.
    pub path: PathBuf,
    /// How its files are named and run.
    pub convention: Convention,
    /// Why this convention, in words.
    pub reason: String,
    /// In the order in which the tool runs them.
    pub migrations: Vec<Migration>,
}
