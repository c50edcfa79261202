//! `harness bench compare`: what became slower.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::failure::Failure;
use super::table;
use crate::bench::{Change, Results, compare as compare_results};
use crate::exit_code::Exit;

/// The results that `bench --json` wrote.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// Before the change
    before: PathBuf,
    /// After it
    after: PathBuf,
}

/// Compares; something slower is a finding, and a figure that cannot be compared is unknown.
pub fn compare(arguments: &CompareArguments) -> Result<Exit, Failure> {
    let (before, after) = (read(&arguments.before)?, read(&arguments.after)?);
    let comparisons = compare_results(&before, &after);
    if before.machine != after.machine {
        anstream::eprintln!("the machines or the versions differ, so figures without a limit may");
    }
    anstream::println!("{}", table::comparisons(&comparisons));
    let any = |change| comparisons.iter().any(|comparison| comparison.change == change);
    Ok(match (any(Change::Slower), any(Change::Unknown)) {
        (true, _) => Exit::Findings,
        (false, true) => Exit::Unknown,
        (false, false) => Exit::Good,
    })
}

pub(super) fn read(path: &Path) -> Result<Results, Failure> {
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::usage(format!(
            "cannot use {}: {error}; `harness bench --json FILE` writes such files",
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(&error))?;
    let results: Results = serde_json::from_str(&text).map_err(|error| unusable(&error))?;
    match results.figures.iter().find(|figure| figure.samples.is_empty()) {
        Some(figure) => Err(unusable(&format!("`{}` has no samples", figure.name))),
        None => Ok(results),
    }
}
