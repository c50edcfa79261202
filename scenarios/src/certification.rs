//! The reference server's own migration runner, certified: every case holds, and each planted defect
//! makes exactly its cases fail.

use std::collections::BTreeSet;

use harness::checkers::Outcome;
use harness::environment::{BackendKind, Secrets};
use harness::migrations::certify::{Blueprint, Certification, CertifyFile, Row, certify};
use libtest_mimic::Failed;
use tokio::runtime::Runtime;

use crate::{Scenario, expect};

/// Every group that a defect of the runner could touch. Interruptions are left out where defects
/// are planted: none of them changes what a lost connection leads to.
const UNINTERRUPTED: [&str; 10] = [
    "empty-database",
    "upgrade",
    "failing",
    "folder-absent",
    "database-stopped",
    "recorded-not-applied",
    "schema-ahead",
    "role-may-not-create",
    "previous",
    "backup",
];

/// From nothing and from every version, alone and many at once.
pub const EVERY_START_COMPLETES_THE_SCHEMA: Scenario =
    Scenario { name: "every_start_completes_the_schema", show: show_starts };

/// A failing migration, at every place and in every way, is never served.
pub const NO_FAILURE_IS_SERVED: Scenario =
    Scenario { name: "no_failing_migration_is_served", show: show_failures };

/// No folder, no database, no right, wrong records.
pub const ODD_SURROUNDINGS_ARE_TOLD: Scenario =
    Scenario { name: "odd_surroundings_of_migrations_are_told", show: show_surroundings };

/// Cut off or killed in mid-migration.
pub const INTERRUPTED_MIGRATIONS_CONVERGE: Scenario =
    Scenario { name: "interrupted_migrations_converge", show: show_interruptions };

/// The previous release, and the way back.
pub const A_RELEASE_CAN_BE_TAKEN_BACK: Scenario =
    Scenario { name: "a_release_can_be_taken_back", show: show_ways_back };

/// R1.
pub const FALSE_RECORDS_ARE_FOUND: Scenario =
    Scenario { name: "migrations_recorded_without_being_applied_are_found", show: show_r1 };

/// F-B1-11.
pub const SERVING_AN_INCOMPLETE_SCHEMA_IS_FOUND: Scenario =
    Scenario { name: "serving_an_incomplete_schema_is_found", show: show_f_b1_11 };

/// R1-BACKUP.
pub const MIGRATING_WITHOUT_BACKUP_IS_FOUND: Scenario =
    Scenario { name: "migrating_without_a_backup_is_found", show: show_r1_backup };

/// PS-HEALTH.
pub const HEALTH_THAT_LIES_IS_FOUND: Scenario =
    Scenario { name: "health_without_a_database_is_found", show: show_ps_health };

fn show_starts(_: BackendKind) -> Result<(), Failed> {
    every_case_holds(&["empty-database", "upgrade", "instances"])
}

fn show_failures(_: BackendKind) -> Result<(), Failed> {
    every_case_holds(&["failing"])
}

fn show_surroundings(_: BackendKind) -> Result<(), Failed> {
    every_case_holds(&[
        "folder-absent",
        "database-stopped",
        "recorded-not-applied",
        "schema-ahead",
        "role-may-not-create",
    ])
}

fn show_interruptions(_: BackendKind) -> Result<(), Failed> {
    every_case_holds(&["cut", "kill"])
}

fn show_ways_back(_: BackendKind) -> Result<(), Failed> {
    every_case_holds(&["previous", "backup"])
}

fn show_r1(_: BackendKind) -> Result<(), Failed> {
    let existing = ["existing-table", "existing-column", "duplicate-key"];
    let fails = |case: &str| {
        case.starts_with("failing-") && existing.iter().any(|failure| case.ends_with(failure))
    };
    exactly_these_cases_fail("R1", fails, "recorded, though an undisturbed run does not")
}

fn show_f_b1_11(_: BackendKind) -> Result<(), Failed> {
    let alone = ["recorded-not-applied", "role-may-not-create", "backup-impossible"];
    let fails = |case: &str| case.starts_with("failing-") || alone.contains(&case);
    exactly_these_cases_fail("F-B1-11", fails, "it serves with an incomplete schema")
}

fn show_r1_backup(_: BackendKind) -> Result<(), Failed> {
    let fails = |case: &str| case.starts_with("backup-");
    exactly_these_cases_fail("R1-BACKUP", fails, "no backup was taken before it migrated")
}

fn show_ps_health(_: BackendKind) -> Result<(), Failed> {
    let fails = |case: &str| ["database-stopped", "folder-absent"].contains(&case);
    exactly_these_cases_fail("PS-HEALTH", fails, "its health says 200")
}

fn every_case_holds(only: &[&str]) -> Result<(), Failed> {
    let certification = certify_reference_server(&[], only)?;
    match certification.rows.iter().find(|row| row.outcome != Outcome::Valid) {
        None => Ok(()),
        Some(row) => {
            let (case, outcome) = (&row.case, row.outcome.word());
            Err(format!("{case} is {outcome}: {:#?} {:#?}", row.problems, row.seen).into())
        }
    }
}

/// With a defect in the server, the cases for which `fails` holds are invalid and all others are
/// valid; one of the invalid ones says these words.
fn exactly_these_cases_fail(
    defect: &str,
    fails: impl Fn(&str) -> bool,
    words: &str,
) -> Result<(), Failed> {
    let certification = certify_reference_server(&[defect], &UNINTERRUPTED)?;
    let names = |chosen: &dyn Fn(&Row) -> bool| -> BTreeSet<String> {
        certification.rows.iter().filter(|row| chosen(row)).map(|row| row.case.clone()).collect()
    };
    let expected = names(&|row| fails(&row.case));
    expect::equal("failing cases", &names(&|row| row.outcome == Outcome::Invalid), &expected)?;
    expect::equal("cases not valid", &names(&|row| row.outcome != Outcome::Valid), &expected)?;
    let problems: Vec<&str> =
        certification.rows.iter().flat_map(|row| &row.problems).map(String::as_str).collect();
    expect::contains("what is wrong", &problems.join("\n"), words)
}

fn certify_reference_server(defects: &[&str], only: &[&str]) -> Result<Certification, Failed> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/certify.toml");
    let file = CertifyFile::read(path.as_ref())?;
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let logs = tempfile::tempdir()?;
    Runtime::new()?.block_on(async {
        let logs = logs.path().to_owned();
        let blueprint = Blueprint::new(file, owned(defects), Secrets::default(), logs).await?;
        let tell = |row: &Row| eprintln!("{} {}", row.case, row.outcome.word());
        Ok(certify(&blueprint, &owned(only), tell).await?)
    })
}
