//! `lineage.toml`: what the files of a lineage cannot say.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::{Convention, Lineage, LineageError, Variables};
use crate::migrations::sql::{MetaCommand, split};

/// The file's name.
const NAME: &str = "lineage.toml";

/// What `lineage.toml` says; all of it can be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// Whose migrations they are.
    pub convention: Option<Convention>,
    /// SQL that the deployment runs before all migrations: roles, extensions, schemas.
    pub prelude: String,
    /// What the migrations' template variables stand for.
    pub variables: Variables,
    /// Whether migrations may start programs and read files on the machine that replays them.
    pub reaches_machine: bool,
    /// Where the tool keeps what it has run, if not at its usual place.
    pub tracking: TrackingSettings,
    /// The versions that were released, the oldest first.
    pub released: Vec<Release>,
    /// Findings that the project lives with.
    pub accepted: Vec<Acceptance>,
    /// The project's own record of its schema, as SQL, seen from the file's folder.
    pub recorded_schema: Option<PathBuf>,
    /// Where the file is.
    #[serde(skip)]
    pub path: PathBuf,
}

/// Where a tool keeps what it has run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TrackingSettings {
    /// The table, as SQL names it.
    pub table: Option<String>,
    /// The column that holds a version, where the tool has no table of its own kind.
    pub column: Option<String>,
}

/// A version that was released.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Release {
    /// The last migration in it.
    pub version: Spanned<String>,
    /// What it was called.
    pub tag: String,
}

/// A finding that the project lives with for some time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Acceptance {
    /// The finding's id.
    pub finding: Spanned<String>,
    /// The migration that it concerns; without one, any.
    pub version: Option<Spanned<String>>,
    /// The file that it concerns; without one, any.
    pub file: Option<String>,
    /// Why it may stay.
    pub reason: String,
    /// The last day on which it may.
    #[serde(deserialize_with = "date")]
    pub until: NaiveDate,
}

impl Settings {
    /// Reads the file in a lineage's folder, or else the one beside the folder; without any,
    /// nothing is said.
    ///
    /// # Errors
    /// It cannot be read, or says what it cannot.
    pub(super) fn find(folder: &Path) -> Result<Self, LineageError> {
        let absolute = std::path::absolute(folder)
            .map_err(|source| LineageError::Unreadable { path: folder.to_owned(), source })?;
        let beside = absolute.parent().map(|parent| parent.join(NAME));
        let found =
            [Some(folder.join(NAME)), beside].into_iter().flatten().find(|file| file.is_file());
        found.map_or_else(|| Ok(Self::default()), |file| Self::read(&file))
    }

    fn read(path: &Path) -> Result<Self, LineageError> {
        let text = fs::read_to_string(path)
            .map_err(|source| LineageError::Unreadable { path: path.to_owned(), source })?;
        let wrong = |message: String| LineageError::Settings { path: path.to_owned(), message };
        let mut settings: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        settings.path = path.to_owned();
        if let Err(MetaCommand { command, .. }) = split(&settings.prelude, 1) {
            return Err(wrong(format!(
                "the prelude has `{command}`, which is a command of psql and no SQL"
            )));
        }
        for accepted in &settings.accepted {
            if accepted.reason.trim().is_empty() {
                let line = line_of(&text, &accepted.finding);
                return Err(wrong(format!("line {line}: an accepted finding needs a reason")));
            }
        }
        Ok(settings)
    }

    /// Refuses what the file says of versions that the lineage does not have.
    pub(super) fn check(&self, lineage: &Lineage) -> Result<(), LineageError> {
        let accepted = self.accepted.iter().filter_map(|one| one.version.as_ref());
        let mut named = self.released.iter().map(|release| &release.version).chain(accepted);
        let Some(unknown) = named.find(|version| lineage.position(version.get_ref()).is_none())
        else {
            return Ok(());
        };
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        Err(LineageError::Settings {
            path: self.path.clone(),
            message: format!(
                "line {}: the lineage has no version {:?}",
                line_of(&text, unknown),
                unknown.get_ref()
            ),
        })
    }
}

fn line_of(text: &str, spanned: &Spanned<String>) -> usize {
    1 + text[..spanned.span().start.min(text.len())].matches('\n').count()
}

/// A local date of TOML, as `2027-01-31`.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let datetime = toml::value::Datetime::deserialize(deserializer)?;
    let day = datetime.date.filter(|_| datetime.time.is_none());
    day.and_then(|day| NaiveDate::from_ymd_opt(day.year.into(), day.month.into(), day.day.into()))
        .ok_or_else(|| serde::de::Error::custom("a date is needed, as 2027-01-31"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::lineage::{ReadOptions, read};

    const FULL: &str = r#"
        convention = "plain"
        prelude = "CREATE ROLE app;"
        recorded-schema = "../schema.sql"
        [tracking]
        table = "app.history"
        [variables]
        schema = "app"
        [[released]]
        version = "1"
        tag = "v1.0"
        [[accepted]]
        finding = "numbering.gap"
        version = "001"
        reason = "it was never released"
        until = 2027-01-31
    "#;

    fn lineage(settings: &str) -> Result<Lineage, LineageError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("001_a.sql"), "CREATE SCHEMA ${schema};").unwrap();
        fs::write(folder.path().join(NAME), settings).unwrap();
        read(folder.path(), &ReadOptions::default())
    }

    #[test]
    fn everything_can_be_said() {
        let lineage = lineage(FULL).unwrap();
        let settings = &lineage.settings;
        assert_eq!(settings.released[0].tag, "v1.0");
        assert_eq!(settings.accepted[0].until, NaiveDate::from_ymd_opt(2027, 1, 31).unwrap());
        assert_eq!(settings.recorded_schema.as_deref(), Some(Path::new("../schema.sql")));
        let crate::migrations::lineage::Step::Script(script) = &lineage.migrations[0].up else {
            panic!("SQL is read as code");
        };
        assert_eq!(script.text.trim(), "CREATE SCHEMA app;");
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_line() {
        let refusal = |from: &str, to: &str| {
            let text = FULL.replace(from, to);
            assert_ne!(text, FULL, "{from} is not there to replace");
            lineage(&text).unwrap_err().to_string()
        };
        let cases = [
            (refusal("prelude", "preludes"), "line 3"),
            (refusal("[tracking]\n        table", "[tracking]\n        tabel"), "tabel"),
            (
                refusal("version = \"1\"", "version = \"7\""),
                "line 10: the lineage has no version \"7\"",
            ),
            (refusal("version = \"001\"", "version = \"8\""), "line 14"),
            (refusal("\"it was never released\"", "\" \""), "line 13: an accepted finding needs"),
            (refusal("2027-01-31", "\"soon\""), "line 16"),
            (refusal("2027-01-31", "2027-01-31T00:00:00"), "a date is needed"),
            (refusal("CREATE ROLE app;", "\\\\connect x"), "command of psql"),
            (refusal("\"plain\"", "\"rails\""), "line 2"),
        ];
        for (message, expected) in cases {
            assert!(message.contains(expected), "{message} should say {expected}");
            assert!(message.contains(NAME), "{message}");
        }
    }
}
