//! Which cases there are for a server.

use super::CertifyError;
use super::blueprint::Blueprint;
use super::cases::failing::{Failure, Place};
use super::cases::interrupted::Interruption;
use super::cases::{
    backup, failing, instances, interrupted, previous, records, start, surroundings,
};
use super::file::OnFailure;
use super::scene::Scene;
use super::sighting::Sighting;
use super::verdict::{CaseName, NotTried};

/// How many instances are started together.
const INSTANCES: [usize; 4] = [2, 4, 8, 16];

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is called.
    pub name: CaseName,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Start(usize),
    Failing(Place, Failure),
    FolderAbsent,
    DatabaseStopped,
    RecordedNotApplied,
    SchemaAhead,
    RoleMayNotCreate,
    Instances(usize),
    Interrupted(Interruption),
    PreviousOnNewSchema,
    PreviousBesideNew,
    PreviousAfterRollback,
    BackupBeforeMigrating,
    BackupImpossible,
}

/// Every case, in the order of the table, and what cannot be tried.
///
/// # Errors
/// When the file names a version that no migration has.
pub fn cases(blueprint: &Blueprint) -> Result<(Vec<Case>, Vec<NotTried>), CertifyError> {
    let refuses = refusal(blueprint.file.server.on_failure);
    let mut cases = starts(blueprint)?;
    cases.extend(failures(refuses));
    cases.extend(surroundings_and_records(refuses));
    cases.extend(INSTANCES.map(|count| {
        let what = format!("{count} instances are let through to an empty database together");
        let each = "each serves, and every migration is applied once";
        Case::new("instances", &format!("-{count}"), &what, each, Kind::Instances(count))
    }));
    cases.extend(interruptions());
    let mut left_out = Vec::new();
    let mut leave_out = |what: &str, why: &str| {
        left_out.push(NotTried { what: what.to_owned(), why: why.to_owned() });
    };
    match &blueprint.file.previous {
        Some(_) => cases.extend(previous_release()),
        None => leave_out("previous", "the file names no previous release: add [previous]"),
    }
    match &blueprint.file.backup {
        Some(backup) => cases.extend(backups(refuses, !backup.environment.is_empty())),
        None => leave_out("backup", "the file names no way to restore: add [backup]"),
    }
    Ok((cases, left_out))
}

fn refusal(on_failure: OnFailure) -> &'static str {
    match on_failure {
        OnFailure::Exits => "it ends with an exit status that is not 0, never ready",
        OnFailure::StaysUnready => "it runs on and is never ready",
    }
}

fn starts(blueprint: &Blueprint) -> Result<Vec<Case>, CertifyError> {
    let serves = "it serves, with the schema complete";
    let empty = "it starts on an empty database";
    let mut cases = vec![Case::new("empty-database", "", empty, serves, Kind::Start(0))];
    for count in blueprint.released()? {
        let version = blueprint.version(count);
        let what = format!("it starts on a database of version {version}");
        let name = format!("-{version}");
        cases.push(Case::new("upgrade", &name, &what, serves, Kind::Start(count)));
    }
    Ok(cases)
}

fn failures(refuses: &str) -> Vec<Case> {
    let pairs = Place::ALL.into_iter().flat_map(|place| Failure::ALL.map(|how| (place, how)));
    let case = |(place, failure): (Place, Failure)| {
        let what = format!("the {} migration {}", place.word(), failure.what());
        let expected = format!(
            "{refuses}; of the migration nothing is left; mended, it is applied as if it had never failed"
        );
        let name = format!("-{}-{}", place.word(), failure.word());
        Case::new("failing", &name, &what, &expected, Kind::Failing(place, failure))
    };
    pairs.map(case).collect()
}

fn surroundings_and_records(refuses: &str) -> [Case; 5] {
    let says = "it runs on, readiness and health say that it cannot serve, and it serves again \
                once the database is back";
    let either = "it serves or refuses, and leaves the database as it is";
    [
        Case::new(
            "folder-absent",
            "",
            "its folder of migrations is not there",
            refuses,
            Kind::FolderAbsent,
        ),
        Case::new(
            "database-stopped",
            "",
            "PostgreSQL is stopped after it was ready",
            says,
            Kind::DatabaseStopped,
        ),
        Case::new(
            "recorded-not-applied",
            "",
            "the last migration is recorded, and was never applied",
            refuses,
            Kind::RecordedNotApplied,
        ),
        Case::new(
            "schema-ahead",
            "",
            "the database has a migration more than the server",
            either,
            Kind::SchemaAhead,
        ),
        Case::new(
            "role-may-not-create",
            "",
            "its role may connect to the empty database, and create nothing",
            refuses,
            Kind::RoleMayNotCreate,
        ),
    ]
}

fn interruptions() -> [Case; 5] {
    let converges = "once it runs again, catalog and data are those of an undisturbed run";
    let case = |group: &str, name: &str, what: &str, interruption| {
        Case::new(group, name, what, converges, Kind::Interrupted(interruption))
    };
    [
        case(
            "cut",
            "-before-statement",
            "the link to the database is cut before each statement of the last migrations",
            Interruption::CutBefore,
        ),
        case(
            "cut",
            "-after-statement",
            "the link is cut between each statement and its answer",
            Interruption::CutAfter,
        ),
        case(
            "cut",
            "-after-commit",
            "the link is cut between COMMIT and its answer",
            Interruption::CutAfterCommit,
        ),
        case(
            "kill",
            "-server",
            "the server is killed after each statement of the last migrations",
            Interruption::KillServer,
        ),
        case(
            "kill",
            "-postgresql",
            "PostgreSQL is killed after each statement of the last migrations",
            Interruption::KillPostgres,
        ),
    ]
}

fn previous_release() -> [Case; 3] {
    let serves = "it serves";
    [
        Case::new(
            "previous",
            "-on-new-schema",
            "the previous release starts on the new schema",
            serves,
            Kind::PreviousOnNewSchema,
        ),
        Case::new(
            "previous",
            "-beside-new",
            "the new release starts while the previous one serves calls",
            "no call fails, and both serve",
            Kind::PreviousBesideNew,
        ),
        Case::new(
            "previous",
            "-after-rollback",
            "the new release is taken back after it has migrated and served",
            serves,
            Kind::PreviousAfterRollback,
        ),
    ]
}

fn backups(refuses: &str, by_itself: bool) -> Vec<Case> {
    let taken = Case::new(
        "backup",
        "-before-migrating",
        "it migrates, told to take backups",
        "a backup was taken before, and restoring it gives the old state",
        Kind::BackupBeforeMigrating,
    );
    let impossible = Case::new(
        "backup",
        "-impossible",
        "it is told to take backups into a folder that cannot be made",
        &format!("{refuses}; nothing is migrated"),
        Kind::BackupImpossible,
    );
    [taken].into_iter().chain(by_itself.then_some(impossible)).collect()
}

impl Case {
    fn new(group: &str, name: &str, what: &str, expected: &str, kind: Kind) -> Self {
        let name = CaseName {
            case: format!("{group}{name}"),
            group: group.to_owned(),
            what: what.to_owned(),
            expected: expected.to_owned(),
        };
        Self { name, kind }
    }

    /// Whether somebody who asks for this name asks for this case.
    pub fn is_asked_for(&self, name: &str) -> bool {
        self.name.case == name || self.name.group == name
    }

    /// Carries the case through.
    ///
    /// # Errors
    /// When it cannot be carried through.
    pub async fn play(&self, scene: Scene<'_, '_>) -> Result<Vec<Sighting>, CertifyError> {
        match self.kind {
            Kind::Start(count) => start::start_at(scene, count).await,
            Kind::Failing(place, failure) => failing::fail(scene, place, failure).await,
            Kind::FolderAbsent => surroundings::folder_absent(scene).await,
            Kind::DatabaseStopped => surroundings::database_stopped(scene).await,
            Kind::RecordedNotApplied => records::recorded_not_applied(scene).await,
            Kind::SchemaAhead => records::schema_ahead(scene).await,
            Kind::RoleMayNotCreate => surroundings::role_may_not_create(scene).await,
            Kind::Instances(count) => instances::start_together(scene, count).await,
            Kind::Interrupted(how) => interrupted::interrupt(scene, how).await,
            Kind::PreviousOnNewSchema => previous::on_new_schema(scene).await,
            Kind::PreviousBesideNew => previous::beside_new(scene).await,
            Kind::PreviousAfterRollback => previous::after_rollback(scene).await,
            Kind::BackupBeforeMigrating => backup::before_migrating(scene).await,
            Kind::BackupImpossible => backup::impossible(scene).await,
        }
    }
}
