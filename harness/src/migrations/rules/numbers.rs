//! The numbers that begin the names of a lineage's files.

use crate::migrations::lineage::{Convention, Lineage};

/// A file with the number and letters that begin its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) value: u64,
    /// What stands between the number and the next separator.
    pub(super) letters: String,
    pub(super) file: String,
}

/// The numbered files of a lineage in the order in which they run, and those that look like
/// migrations but never run behind them. Versions in parts, as Flyway's 1.2, are no such numbers.
pub(super) fn numbered(lineage: &Lineage) -> Vec<Numbered> {
    if lineage.convention == Convention::Flyway {
        return Vec::new();
    }
    let own = lineage.migrations.iter().map(|migration| migration.file());
    // A down that leads nowhere has the number of what is no longer there.
    let passed_over = lineage.ignored.iter().map(|ignored| ignored.file.as_str());
    own.chain(passed_over.filter(|file| file.ends_with(".sql") && !file.ends_with("down.sql")))
        .filter_map(read)
        .collect()
}

fn read(file: &str) -> Option<Numbered> {
    let name = file.split('/').next().unwrap_or(file).trim_start_matches(['V', 'U']);
    let digits = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    let rest = &name[digits..];
    let letters = &rest[..rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len())];
    let value = name[..digits].parse().ok()?;
    Some(Numbered { value, letters: letters.to_owned(), file: file.to_owned() })
}
