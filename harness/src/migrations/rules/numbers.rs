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
    let own =
        lineage.migrations.iter().map(|migration| (migration.version.as_str(), migration.file()));
    // A down that leads nowhere has the number of what is no longer there.
    let passed_over = lineage.ignored.iter().map(|ignored| ignored.file.as_str());
    let passed_over =
        passed_over.filter(|file| file.ends_with(".sql") && !file.ends_with("down.sql"));
    own.chain(passed_over.map(|file| (file.trim_start_matches(['V', 'U']), file)))
        .filter_map(|(spelling, file)| read(spelling, file))
        .collect()
}

/// Reads what begins with a number, or with a time as `20240131T095959Z`.
fn read(spelling: &str, file: &str) -> Option<Numbered> {
    if let Some(value) = time(spelling) {
        return Some(Numbered { value, letters: String::new(), file: file.to_owned() });
    }
    let digits = spelling.find(|c: char| !c.is_ascii_digit()).unwrap_or(spelling.len());
    let rest = &spelling[digits..];
    let letters = &rest[..rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len())];
    let value = spelling[..digits].parse().ok()?;
    Some(Numbered { value, letters: letters.to_owned(), file: file.to_owned() })
}

/// The digits of a date and a time of day.
fn time(spelling: &str) -> Option<u64> {
    const DATE: usize = "YYYYMMDD".len();
    const TIME: usize = "hhmmss".len();
    let (date, rest) = spelling.split_at_checked(DATE)?;
    let time = rest.strip_prefix('T')?.get(..TIME)?;
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (all_digits(date) && all_digits(time)).then(|| format!("{date}{time}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spelling: &str, value: u64, letters: &str) {
        let found = read(spelling, "a file").unwrap();
        assert_eq!((found.value, found.letters.as_str()), (value, letters), "{spelling}");
    }

    #[test]
    fn numbers_letters_and_times_begin_names() {
        check("023a", 23, "a");
        check("20240131_x", 20_240_131, "");
        check("20240131T095959Z", 20_240_131_095_959, "");
        check("20240131T095959_x", 20_240_131_095_959, "");
        check("20240131Tail", 20_240_131, "Tail");
        assert_eq!(read("R__x", "a file"), None);
    }
}
