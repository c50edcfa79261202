//! A migration fails, at one place of the lineage, in one way. The server must not serve, must not
//! say that all is well, and must leave what an undisturbed run leaves that ends before that
//! migration. Once the migration is mended, it must go on as if nothing had been.

use crate::migrations::certify::CertifyError;
use crate::migrations::certify::goal::Goal;
use crate::migrations::certify::instance::Launch;
use crate::migrations::certify::scene::Scene;
use crate::migrations::certify::sighting::{Expected, Sighting};
use crate::migrations::lineage::{Script, Step};

/// Which migration fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first.
    First,
    /// One in the middle.
    Middle,
    /// The last.
    Last,
}

/// How a migration fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It cannot be parsed (42601).
    Syntax,
    /// It uses a table that is not there (42P01).
    MissingObject,
    /// It makes a table that is there (42P07).
    ExistingTable,
    /// It adds a column that is there (42701).
    ExistingColumn,
    /// It inserts a key twice (23505).
    DuplicateKey,
    /// A statement takes longer than it may (57014).
    StatementTimeout,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::First, Self::Middle, Self::Last];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Middle => "middle",
            Self::Last => "last",
        }
    }

    /// How many of `all` migrations come before the one that fails.
    fn position(self, all: usize) -> usize {
        match self {
            Self::First => 0,
            Self::Middle => all / 2,
            Self::Last => all.saturating_sub(1),
        }
    }
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Syntax,
        Self::MissingObject,
        Self::ExistingTable,
        Self::ExistingColumn,
        Self::DuplicateKey,
        Self::StatementTimeout,
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::MissingObject => "missing-object",
            Self::ExistingTable => "existing-table",
            Self::ExistingColumn => "existing-column",
            Self::DuplicateKey => "duplicate-key",
            Self::StatementTimeout => "statement-timeout",
        }
    }

    /// What it does, with PostgreSQL's code.
    pub fn what(self) -> &'static str {
        match self {
            Self::Syntax => "cannot be parsed (42601)",
            Self::MissingObject => "uses a table that is not there (42P01)",
            Self::ExistingTable => "makes a table that exists (42P07)",
            Self::ExistingColumn => "adds a column that exists (42701)",
            Self::DuplicateKey => "inserts a key twice (23505)",
            Self::StatementTimeout => "runs into its statement timeout (57014)",
        }
    }

    /// SQL that fails in this way, after it has made something.
    fn sql(self) -> String {
        let fails = match self {
            Self::Syntax => "CREATE TABEL harness_typing_error (id integer);",
            Self::MissingObject => "INSERT INTO harness_nowhere (id) VALUES (1);",
            Self::ExistingTable => "CREATE TABLE harness_made_before_the_error (id integer);",
            Self::ExistingColumn => {
                "ALTER TABLE harness_made_before_the_error ADD COLUMN id integer;"
            }
            Self::DuplicateKey => "INSERT INTO harness_made_before_the_error (id) VALUES (1);",
            Self::StatementTimeout => "SET statement_timeout = '50ms';\nSELECT pg_sleep(20);",
        };
        format!(
            "CREATE TABLE harness_made_before_the_error (id integer PRIMARY KEY);\n\
             INSERT INTO harness_made_before_the_error (id) VALUES (1);\n{fails}"
        )
    }
}

/// Starts the server on an empty database with a migration that fails, then with it mended.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn fail(
    scene: Scene<'_, '_>,
    place: Place,
    failure: Failure,
) -> Result<Vec<Sighting>, CertifyError> {
    let (ground, blueprint) = (scene.ground, scene.blueprint());
    let (before, script) = script_at(scene, place)?;
    let release = blueprint.release(blueprint.migrations())?;
    release.begin_with(script, &failure.sql())?;
    let database = ground.empty().await?;
    let (left, complete) = (ground.undisturbed(before).await?, ground.complete().await?);
    let refuses = Expected::Refuses(blueprint.file.server.on_failure);
    let refuses = Goal::leaves(refuses, &left.state, &complete.state);
    let launch = Launch::new(scene.case, release.folder(), &database);
    let failed = scene.sight("it starts", &launch, refuses).await?;

    let mended = blueprint.release(blueprint.migrations())?;
    let launch = Launch { migrations: mended.folder(), ..launch };
    let expected = Goal::serves(&complete.state);
    let mended = scene.sight("it starts again, the migration mended", &launch, expected).await?;
    Ok(vec![failed, mended])
}

/// The SQL migration nearest to a place, and how many come before it.
fn script_at<'a>(scene: Scene<'_, 'a>, place: Place) -> Result<(usize, &'a Script), CertifyError> {
    let migrations = &scene.blueprint().lineage.migrations;
    let position = place.position(migrations.len());
    let scripts = migrations.iter().enumerate().filter_map(|(at, migration)| match &migration.up {
        Step::Script(script) => Some((at, script)),
        Step::Code { .. } => None,
    });
    scripts
        .min_by_key(|(at, _)| at.abs_diff(position))
        .ok_or_else(|| CertifyError::CannotTell("no migration is SQL".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::postgres::{IsolatedDatabase, Template};
    use sqlx::{AssertSqlSafe, ConnectOptions, raw_sql};

    #[test]
    fn places_lie_within_the_lineage() {
        let positions = |all| Place::ALL.map(|place| place.position(all));
        assert_eq!(positions(41), [0, 20, 40]);
        assert_eq!(positions(1), [0, 0, 0]);
    }

    #[tokio::test]
    async fn each_failure_has_the_code_that_it_says() {
        let database = IsolatedDatabase::create(&Template::empty()).await.unwrap();
        for failure in Failure::ALL {
            let mut connection = database.options().connect().await.unwrap();
            let sql = failure.sql();
            let refused = raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap_err();
            let code = refused.as_database_error().unwrap().code().unwrap().into_owned();
            assert!(failure.what().contains(&format!("({code})")), "{failure:?}: {code}");
        }
        database.close().await.unwrap();
    }
}
