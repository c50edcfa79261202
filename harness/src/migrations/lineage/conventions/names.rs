//! What file names say.

/// Which way a file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::migrations::lineage) enum Direction {
    Up,
    Down,
}

/// A name as `7_users.up.sql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::migrations::lineage) struct PairName<'a> {
    pub(in crate::migrations::lineage) number: &'a str,
    pub(in crate::migrations::lineage) name: &'a str,
    pub(in crate::migrations::lineage) direction: Direction,
}

/// Reads a name by golang-migrate's pattern, `^([0-9]+)_(.*)\.(down|up)\.(.*)$`.
pub(in crate::migrations::lineage) fn pair(file: &str) -> Option<PairName<'_>> {
    let (number, rest) = numbered(file)?;
    let up = rest.rfind(".up.").map(|at| (at, Direction::Up));
    let down = rest.rfind(".down.").map(|at| (at, Direction::Down));
    let (at, direction) = up.max(down)?;
    Some(PairName { number, name: &rest[..at], direction })
}

/// The digits before the first underscore, and what follows it.
pub(in crate::migrations::lineage) fn numbered(file: &str) -> Option<(&str, &str)> {
    let (number, rest) = file.split_once('_')?;
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some((number, rest))
}

/// A number's value; one beyond all bounds is the greatest.
pub(in crate::migrations::lineage) fn value(number: &str) -> u64 {
    number.parse().unwrap_or(u64::MAX)
}

/// Reads a name as `V1.2__users.sql`, `U1__users.sql`, `B1__all.sql` or `R__views.sql`: its prefix,
/// version and description.
pub(in crate::migrations::lineage) fn versioned_name(file: &str) -> Option<(char, &str, &str)> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let stem = name.strip_suffix(".sql")?;
    let prefix = stem.chars().next().filter(|first| "VUBR".contains(*first))?;
    let (version, description) = stem[1..].split_once("__")?;
    let fits = if prefix == 'R' { version.is_empty() } else { is_version(version) };
    fits.then_some((prefix, version, description))
}

/// Reads a name as `1.2__users.sql`, which Flyway takes where it is told that there is no prefix:
/// its version and description.
pub(in crate::migrations::lineage) fn unprefixed_name(file: &str) -> Option<(&str, &str)> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let named = name.strip_suffix(".sql")?.split_once("__")?;
    is_version(named.0).then_some(named)
}

fn is_version(version: &str) -> bool {
    version.starts_with(|c: char| c.is_ascii_digit())
        && version.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '_')
}

/// The version that begins a free name: digits and the letters behind them, as `023a` of
/// `023a_users`; without digits the whole. And the rest of the name.
pub(in crate::migrations::lineage) fn leading_version(stem: &str) -> (&str, &str) {
    if !stem.starts_with(|c: char| c.is_ascii_digit()) {
        return (stem, "");
    }
    let end = stem.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(stem.len());
    (&stem[..end], stem[end..].trim_start_matches(['_', '-']))
}

/// The languages of steps that are no SQL.
const CODE: [&str; 11] =
    [".go", ".py", ".js", ".ts", ".rb", ".rs", ".java", ".kt", ".groovy", ".scala", ".sh"];

/// The name of a file in another language without its ending.
pub(in crate::migrations::lineage) fn code_stem(file: &str) -> Option<&str> {
    CODE.iter().find_map(|ending| file.strip_suffix(ending))
}

/// Whether a file that a tool passes over would make a person think that it is run.
pub(in crate::migrations::lineage) fn looks_like_migration(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let sql = name.to_ascii_lowercase().contains(".sql");
    let unprefixed = name.trim_start_matches(['V', 'v', 'U', 'u', 'B', 'b']);
    let repeatable = name.starts_with("R__") || name.starts_with("r__");
    sql && (unprefixed.starts_with(|c: char| c.is_ascii_digit()) || repeatable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_golang_migrate_reads_them() {
        let up = |number, name| Some(PairName { number, name, direction: Direction::Up });
        assert_eq!(pair("007_users.up.sql"), up("007", "users"));
        assert_eq!(pair("1_a.down.b.up.pgsql"), up("1", "a.down.b"));
        assert_eq!(pair("1_a.up.down.sql").unwrap().direction, Direction::Down);
        assert_eq!(pair("1_.up.sql"), up("1", ""));
        for other in
            ["007_users.sql", "023a_users.up.sql", "users.up.sql", "_x.up.sql", "1-x.up.sql"]
        {
            assert_eq!(pair(other), None, "{other}");
        }
    }

    #[test]
    fn versions_are_read_from_every_spelling() {
        assert_eq!(versioned_name("a/V56.1__x__y.sql"), Some(('V', "56.1", "x__y")));
        assert_eq!(versioned_name("R__views.sql"), Some(('R', "", "views")));
        assert_eq!(versioned_name("U1_2__x.sql"), Some(('U', "1_2", "x")));
        for other in ["V1_x.sql", "v1__x.sql", "Vx__y.sql", "V1__x.up", "R1__x.sql", "V__x.sql"] {
            assert_eq!(versioned_name(other), None, "{other}");
        }
        assert_eq!(leading_version("023a_users"), ("023a", "users"));
        assert_eq!(leading_version("2020-01-02_x"), ("2020", "01-02_x"));
        assert_eq!(leading_version("init"), ("init", ""));
    }

    #[test]
    fn what_looks_like_a_migration_is_noticed() {
        for yes in ["018_x.sql", "1.sql", "v1__x.sql", "r__x.sql", "1_x.sql.bak"] {
            assert!(looks_like_migration(yes), "{yes}");
        }
        for no in ["schema.sql", "README.md", "1_x.md", "vacuum.sql"] {
            assert!(!looks_like_migration(no), "{no}");
        }
    }
}
