//! Whole lineages, written down and replayed: what each must come to.

use std::fs;
use std::path::Path;
use std::time::Duration;

use chrono::NaiveDate;

use super::concurrently::Waited;
use super::{ReplayOptions, ReplayOutcome, TrafficOptions, replay};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, ReadOptions, read};
use crate::seed::Seed;

const OPTIONS: ReplayOptions = ReplayOptions {
    seed: Seed(7),
    statement_deadline: Duration::from_secs(30),
    today: NaiveDate::from_ymd_opt(2026, 11, 22).unwrap(),
    with_trials: true,
    with_data: false,
    from_dump: None,
    with_drill: false,
    against: None,
    rows: None,
    measured: None,
    traffic: None,
    stall_budget: None,
    paths: 0,
};

async fn replayed(
    folder: &Path,
    convention: Option<Convention>,
    options: &ReplayOptions,
) -> ReplayOutcome {
    let lineage = read(folder, &ReadOptions { convention, ..ReadOptions::default() }).unwrap();
    replay(&lineage, options, &|_, _| ()).await.unwrap()
}

/// Replays files of these names and texts.
async fn outcome(convention: Convention, files: &[(&str, &str)]) -> ReplayOutcome {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    replayed(folder.path(), Some(convention), &OPTIONS).await
}

fn under_test(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations-under-test").join(name)
}

/// The ids of findings, each with its version and line, of a severity or above.
fn findings(outcome: &ReplayOutcome, least: Severity) -> Vec<String> {
    let graves = outcome.findings.iter().filter(|finding| finding.severity >= least);
    graves
        .map(|finding| {
            let version = finding.version.as_deref().unwrap_or("-");
            let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("{} {version}{line}", finding.id)
        })
        .collect()
}

/// Compares the findings of a lineage with the accepted ones in `reports/snapshots/`.
fn matches_accepted(name: &str, outcome: &ReplayOutcome) {
    let line = |finding: &MigrationFinding| {
        let MigrationFinding { id, severity, evidence, .. } = finding;
        let file = finding.file.as_deref().unwrap_or("-");
        let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{severity:?} {id} {file}{line}\n    {}\n", evidence.replace('\n', "\n    "))
    };
    let found: String = outcome.findings.iter().map(line).collect();
    let text = format!("{} findings\n\n{found}", outcome.findings.len());
    insta::with_settings!({
        snapshot_path => under_test("../reports/snapshots"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!(name, text) });
}

fn versions(reasons: &[super::Reason]) -> Vec<&str> {
    reasons.iter().map(|reason| reason.version.as_str()).collect()
}

#[tokio::test]
async fn the_first_failure_is_placed_and_the_later_ones_are_told_apart() {
    let outcome = outcome(
        Convention::SortedUp,
        &[
            ("1_a.up.sql", "CREATE TABLE a (id int PRIMARY KEY);"),
            (
                "2_b.up.sql",
                "-- wrong\nALTER TABLE a\n  ADD COLUMN x int,\n  ALTER COLUMN nowhere DROP NOT NULL;\n\
                 INSERT INTO a VALUES (1), (1);\nCREATE INDEX ON b (id);",
            ),
            ("3_c.up.sql", "CREATE TABLE c (id int REFERENCES a);"),
            ("4_d.up.sql", "SELECT x FROM a;"),
        ],
    )
    .await;
    assert_eq!(outcome.fresh.applied, 2);
    let failed: Vec<_> = outcome
        .fresh
        .failed
        .iter()
        .map(|one| (one.version.as_str(), one.sqlstate.as_str(), one.line))
        .collect();
    assert_eq!(failed, [("2", "42703", Some(2)), ("4", "42703", Some(1))]);
    let hidden: Vec<_> =
        outcome.fresh.hidden.iter().map(|one| (one.sqlstate.as_str(), one.line)).collect();
    assert_eq!(hidden, [("23505", Some(5)), ("42P01", Some(6))]);
}

#[tokio::test]
async fn what_a_failed_migration_leaves_is_there_for_later_ones_with_data_too() {
    let files = [
        ("1_a.sql", "CREATE TABLE a (id int PRIMARY KEY);"),
        ("2_half.sql", "CREATE TABLE half (id int PRIMARY KEY); SELECT nothing;"),
        ("3_of_half.sql", "ALTER TABLE half ADD COLUMN b int;"),
        ("4_of_half.sql", "ALTER TABLE half ADD COLUMN c int REFERENCES a;"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let options = ReplayOptions { with_data: true, paths: 3, ..OPTIONS };
    let outcome = replayed(folder.path(), Some(Convention::Plain), &options).await;
    assert_eq!((outcome.fresh.applied, outcome.fresh.failed.len()), (3, 1));
    let upgrade = &outcome.upgrade;
    assert!(upgrade.broken.is_empty(), "{:?}", upgrade.broken);
    // One table after the first, two after each of the others that applied.
    assert_eq!((outcome.seeding.tables, outcome.seeding.seeded), (5, 5));
    assert!(upgrade.alone.iter().all(|path| path.differs.is_empty()), "{:?}", upgrade.alone);
}

#[tokio::test]
async fn what_is_sent_at_once_is_refused_in_its_place() {
    let outcome = outcome(
        Convention::GolangMigrate,
        &[
            (
                "1_twice.up.sql",
                "CREATE TABLE a (id int PRIMARY KEY); -- the key\nINSERT INTO a VALUES (1);\n\
                 INSERT INTO a VALUES (1);",
            ),
            ("2_unknown.up.sql", "CREATE TABLE b (id int);\nSELECT id,\n  nothing FROM b;"),
            ("3_misspelt.up.sql", "CREATE TABLE c (id int);\nCREAT TABLE d (id int);"),
            (
                "4_at_the_end.up.sql",
                "CREATE TABLE d (id int PRIMARY KEY, up int REFERENCES d INITIALLY DEFERRED);\n\
                 INSERT INTO d VALUES (1, 2);\nSELECT 1;",
            ),
        ],
    )
    .await;
    let failed = outcome.fresh.failed.iter();
    let failed: Vec<_> = failed.map(|one| (one.sqlstate.as_str(), one.line)).collect();
    let expected = [("23505", Some(3)), ("42703", Some(3)), ("42601", Some(2)), ("23503", None)];
    assert_eq!(failed, expected);
    assert_eq!(outcome.fresh.failed[3].statement, "COMMIT");
}

#[tokio::test]
async fn an_empty_down_is_one_finding() {
    let files = [
        ("1_a.up.sql", "CREATE TABLE a (id int);"),
        ("1_a.down.sql", "-- there is no way back\n"),
        ("2_bare.up.sql", "CREATE INDEX CONCURRENTLY bare ON a (id);"),
        ("2_bare.down.sql", ""),
        ("3_nothing.up.sql", "SELECT 1;"),
        ("3_nothing.down.sql", ""),
        ("4_last.up.sql", "CREATE TABLE b (id int);"),
        ("4_last.down.sql", "DROP TABLE b;"),
    ];
    let outcome = outcome(Convention::GolangMigrate, &files).await;
    let told = findings(&outcome, Severity::Warning);
    assert_eq!(told, ["round-trip.not-restored 1", "round-trip.not-restored 2"]);
    let first = &outcome.round_trip.not_restored[0].why;
    assert!(first.starts_with("the down is empty, and the schema not as before: table"), "{first}");
}

#[tokio::test]
async fn a_project_that_forbids_the_tools_record_is_replayed_without_it() {
    let forbid = "CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'use our own tool'; END $$;
        CREATE TRIGGER forbid BEFORE INSERT ON schema_migrations EXECUTE FUNCTION forbid();";
    let files = [
        ("1_a.up.sql", "CREATE TABLE a (id int);"),
        ("2_forbid.up.sql", forbid),
        ("3_b.up.sql", "CREATE TABLE b (id int);"),
    ];
    let outcome = outcome(Convention::SortedUp, &files).await;
    assert_eq!((outcome.fresh.applied, outcome.fresh.failed.len()), (3, 0));
    assert_eq!(outcome.trials.transaction, 3);
    let told = findings(&outcome, Severity::Info);
    assert!(told.contains(&"fresh.unrecorded 2".to_owned()), "{told:?}");
}

#[tokio::test]
async fn a_migration_finds_the_record_of_its_own_beginning() {
    let look = |version: &str| {
        format!(
            "DO $$ BEGIN ASSERT (SELECT version = {version} AND dirty FROM schema_migrations); \
             END $$;"
        )
    };
    let files = [
        ("1_a.up.sql", "CREATE TABLE a (id int);"),
        ("2_b.up.sql", &look("2")),
        ("2_b.down.sql", &look("1")),
    ];
    let outcome = outcome(Convention::GolangMigrate, &files).await;
    assert_eq!((outcome.fresh.applied, outcome.trials.transaction), (2, 2), "{:?}", outcome.fresh);
    assert_eq!(outcome.twice.no_op, ["2"]);
    assert_eq!(versions(&outcome.round_trip.not_restored), Vec::<&str>::new());
    assert_eq!(versions(&outcome.round_trip.walk_failed), Vec::<&str>::new());
}

#[tokio::test]
async fn a_second_run_is_refused_or_changes_nothing_or_something() {
    let outcome = outcome(
        Convention::SortedUp,
        &[
            ("1_refused.up.sql", "CREATE TABLE a (id int PRIMARY KEY, b int);"),
            ("2_quiet.up.sql", "CREATE TABLE IF NOT EXISTS a (id int); SELECT 1;"),
            ("3_doubled.up.sql", "ALTER TABLE a ADD CHECK (b > 0);"),
            ("4_rows.up.sql", "CREATE TABLE IF NOT EXISTS c (id int); INSERT INTO c VALUES (1);"),
            ("5_same_rows.up.sql", "UPDATE c SET id = 1;"),
        ],
    )
    .await;
    assert_eq!(outcome.twice.refused, ["1"]);
    assert_eq!(outcome.twice.no_op, ["2", "5"]);
    assert_eq!(outcome.twice.changed, ["3", "4"]);
}

#[tokio::test]
async fn a_round_trip_restores_or_says_what_it_does_not() {
    let outcome = outcome(
        Convention::GolangMigrate,
        &[
            ("1_good.up.sql", "CREATE TABLE a (id int PRIMARY KEY, b int, c int DEFAULT 7);"),
            ("1_good.down.sql", "DROP TABLE a;"),
            ("2_forgets.up.sql", "ALTER TABLE a DROP COLUMN c; CREATE INDEX i ON a (b);"),
            ("2_forgets.down.sql", "ALTER TABLE a ADD COLUMN c int; DROP INDEX i;"),
            ("3_wrong.up.sql", "CREATE TABLE d (id int);"),
            ("3_wrong.down.sql", "DROP TABLE nowhere.d;"),
            ("4_empty.up.sql", "CREATE TABLE e (id int);"),
            ("4_empty.down.sql", "-- nothing\nSELECT 1;"),
            ("5_order.up.sql", "ALTER TABLE a DROP COLUMN b;"),
            ("5_order.down.sql", "ALTER TABLE a ADD COLUMN b int; CREATE INDEX i ON a (b);"),
        ],
    )
    .await;
    let trips = &outcome.round_trip;
    assert_eq!(trips.tried, 5);
    assert_eq!(versions(&trips.not_restored), ["2", "3", "4"], "{trips:?}");
    assert!(trips.not_restored[0].why.contains("default"), "{trips:?}");
    assert!(trips.not_restored[1].why.contains("nowhere"), "{trips:?}");
    assert_eq!(versions(&trips.walk_failed), ["3"]);
    // The walk stops at the very statement that the single trip stopped at: that is told once.
    let stopped: Vec<&str> = outcome.findings.iter().map(|found| found.id.as_str()).collect();
    assert!(stopped.contains(&"round-trip.down-refused"), "{stopped:?}");
    assert!(!stopped.contains(&"round-trip.walk-failed"), "{stopped:?}");
}

#[tokio::test]
async fn the_walk_finds_what_single_trips_hide() {
    let outcome = outcome(
        Convention::GolangMigrate,
        &[
            ("1_a.up.sql", "CREATE TABLE a (id int PRIMARY KEY);"),
            ("1_a.down.sql", "DROP TABLE a;"),
            ("2_b.up.sql", "CREATE TABLE b (id int REFERENCES a);"),
            ("2_b.down.sql", "DROP TABLE b;"),
            ("3_c.up.sql", "CREATE VIEW v AS SELECT * FROM a; DROP TABLE b;"),
            ("3_c.down.sql", "CREATE TABLE b (id int REFERENCES a);"),
        ],
    )
    .await;
    assert_eq!(versions(&outcome.round_trip.walk_failed), ["1"]);
    assert_eq!(versions(&outcome.round_trip.not_restored), ["3"]);
    let told = |found: &MigrationFinding| found.id == "round-trip.walk-failed";
    assert!(outcome.findings.iter().any(told), "{:?}", outcome.findings);
}

#[tokio::test]
async fn what_no_transaction_holds_is_tried_in_a_copy() {
    let outcome = outcome(
        Convention::GolangMigrate,
        &[
            ("1_a.up.sql", "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE a (id int, m mood);"),
            ("1_a.down.sql", "DROP TABLE a; DROP TYPE mood;"),
            ("2_index.up.sql", "CREATE INDEX CONCURRENTLY i ON a (id);"),
            ("2_index.down.sql", "DROP INDEX CONCURRENTLY i;"),
            ("3_own.up.sql", "BEGIN; CREATE TABLE b (id int); COMMIT;"),
            ("3_own.down.sql", "BEGIN; DROP TABLE b; COMMIT;"),
            (
                "4_enum.up.sql",
                "BEGIN; ALTER TYPE mood ADD VALUE IF NOT EXISTS 'glad'; COMMIT;\n\
                 ALTER TABLE a ALTER COLUMN m SET DEFAULT 'glad';",
            ),
            ("4_enum.down.sql", "ALTER TABLE a ALTER COLUMN m DROP DEFAULT;"),
        ],
    )
    .await;
    assert_eq!(outcome.fresh.applied, 4, "{:?}", outcome.fresh);
    assert_eq!((outcome.trials.transaction, outcome.trials.clone), (2, 2));
    assert_eq!(outcome.twice.refused, ["1", "2", "3"]);
    assert_eq!(outcome.twice.no_op, ["4"]);
    assert_eq!(versions(&outcome.round_trip.not_restored), ["4"], "an enum's value stays");
    assert_eq!(versions(&outcome.round_trip.walk_failed), Vec::<&str>::new());
}

#[tokio::test]
async fn a_trial_leaves_nothing_to_the_next_migration() {
    let outcome = outcome(
        Convention::SortedUp,
        &[
            ("1_a.up.sql", "CREATE TABLE a (id serial PRIMARY KEY); INSERT INTO a DEFAULT VALUES;"),
            ("1_a.down.sql", "DROP TABLE a;"),
            // The second run of 1 and its round trip took ids; this one expects number 2.
            (
                "2_ids.up.sql",
                "CREATE TABLE b (a int REFERENCES a); INSERT INTO a DEFAULT VALUES; \
                 INSERT INTO b VALUES (2);",
            ),
            (
                "3_session.up.sql",
                "CREATE SCHEMA s; CREATE ROLE replay_test; SET search_path = s, public; \
                 CREATE TEMP TABLE t (id int); SELECT pg_advisory_lock(1); \
                 CREATE TABLE inside (id int);",
            ),
            // In a session as new: the same temporary table, the usual search path and role.
            ("4_again.up.sql", "CREATE TEMP TABLE t (id int); CREATE TABLE outside (id int);"),
            ("5_where.up.sql", "SELECT * FROM public.outside, s.inside;"),
            (
                "6_deferred.up.sql",
                "CREATE TABLE d (id int PRIMARY KEY, \
                 p int REFERENCES d DEFERRABLE INITIALLY DEFERRED); INSERT INTO d VALUES (1, 1);",
            ),
            // PostgreSQL refuses to alter a table with pending events.
            ("7_pending.up.sql", "UPDATE d SET p = 1;"),
            ("7_pending.down.sql", "ALTER TABLE d ADD COLUMN x int; ALTER TABLE d DROP COLUMN x;"),
        ],
    )
    .await;
    assert_eq!(findings(&outcome, Severity::Error), Vec::<String>::new());
    assert_eq!(outcome.fresh.applied, 7, "{:?}", outcome.fresh);
}

#[tokio::test]
async fn bad_migrations_do_not_end_the_replay() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("1_kills.up.sql", "SELECT pg_terminate_backend(pg_backend_pid());"),
        ("2_drops.up.sql", "DROP DATABASE fresh;"),
        ("3_hangs.up.sql", "SET statement_timeout = 0;\nSELECT pg_sleep(3600);"),
        ("4_good.up.sql", "CREATE TABLE a (id int);"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let options = ReplayOptions { statement_deadline: Duration::from_secs(1), ..OPTIONS };
    let outcome = replayed(folder.path(), Some(Convention::SortedUp), &options).await;
    let failed: Vec<_> =
        outcome.fresh.failed.iter().map(|one| (one.sqlstate.as_str(), one.line)).collect();
    assert_eq!(failed, [("57P01", Some(1)), ("25001", Some(1)), ("57014", Some(2))]);
    let told = &outcome.fresh.failed[2].message;
    assert!(told.contains("within 1 s") && told.contains("--statement-deadline"), "{told}");
    assert_eq!(outcome.fresh.applied, 1);
}

#[tokio::test]
async fn a_cut_run_that_starts_again_is_compared_with_an_undisturbed_one() {
    let outcome = outcome(
        Convention::Plain,
        &[
            ("1_a.sql", "CREATE TABLE a (id int);"),
            ("2_stuck.sql", "CREATE TABLE b (id int);\nCREATE TABLE c (id int);"),
            (
                "3_doubled.sql",
                "ALTER TABLE a ADD CHECK (id > 0);\nALTER TABLE a ADD CHECK (id > 1);",
            ),
            (
                "4_good.sql",
                "CREATE TABLE IF NOT EXISTS d (id int);\nCREATE INDEX IF NOT EXISTS i ON d (id);",
            ),
            ("5_whole.sql", "BEGIN; CREATE TABLE e (id int); CREATE TABLE f (id int); COMMIT;"),
        ],
    )
    .await;
    let cuts: Vec<_> = outcome.cut.iter().map(|cut| (cut.version.as_str(), cut.line)).collect();
    assert_eq!(cuts, [("2", 2), ("3", 2)], "{:?}", outcome.cut);
    assert!(outcome.cut[0].why.contains("already exists"), "{:?}", outcome.cut);
    assert!(outcome.cut[1].remains[0].contains("check"), "{:?}", outcome.cut);
}

#[tokio::test]
async fn copied_rows_arrive() {
    let outcome = outcome(
        Convention::Plain,
        &[
            (
                "1_a.sql",
                "CREATE TABLE a (id int, b text);\nCOPY a FROM stdin;\n1\tx\n2\t\\N\n\\.\n",
            ),
            ("2_b.sql", "SELECT 1 / (count(*) - 1) FROM a WHERE b IS NULL AND id = 3;"),
            ("3_c.sql", "SELECT 1 / count(*) FROM a WHERE b IS NULL;"),
        ],
    )
    .await;
    assert_eq!(outcome.fresh.failed.len(), 0, "{:?}", outcome.fresh);
}

#[tokio::test]
async fn a_copy_takes_its_roles_and_databases_with_it() {
    let outcome = outcome(
        Convention::Plain,
        &[
            (
                "1_a.sql",
                "CREATE TABLE a (id int);\nCREATE ROLE replay_role;\n\
                         CREATE INDEX CONCURRENTLY i ON a (id);",
            ),
            ("2_b.sql", "CREATE DATABASE replay_other;"),
        ],
    )
    .await;
    assert_eq!(outcome.fresh.failed.len(), 0, "{:?}", outcome.fresh);
    assert_eq!(outcome.trials.clone, 2);
}

#[tokio::test]
async fn a_statement_that_waits_is_cut_there_and_its_invalid_index_named() {
    let outcome = outcome(
        Convention::Plain,
        &[
            ("1_a.sql", "CREATE TABLE a (id int);"),
            ("2_quiet.sql", "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a (id);"),
            ("3_refused.sql", "CREATE INDEX CONCURRENTLY j ON a (id);"),
            ("4_mended.sql", "DROP INDEX CONCURRENTLY IF EXISTS j;"),
        ],
    )
    .await;
    let cuts: Vec<_> = outcome
        .cut
        .iter()
        .map(|cut| (cut.version.as_str(), cut.waited, cut.remains.join("; ")))
        .collect();
    let snapshots = Some(Waited::OlderTransactions);
    let invalid = |name: &str| format!("index public.{name} was added");
    assert_eq!(cuts, [("2", snapshots, invalid("i")), ("3", snapshots, invalid("j"))]);
    let told = findings(&outcome, Severity::Info);
    for expected in ["cut.differs 2:1", "cut.refused 3:1"] {
        assert!(told.contains(&expected.to_owned()), "{told:?}");
    }
    let differs = outcome.findings.iter().find(|finding| finding.id == "cut.differs").unwrap();
    assert!(differs.evidence.contains("index public.i: valid false was added"), "{differs:?}");
}

#[tokio::test]
async fn the_repaired_lineage_yields_nothing() {
    let outcome = replayed(&under_test("repaired"), None, &OPTIONS).await;
    let all = outcome.lineage.migrations.len();
    assert_eq!(outcome.fresh.applied, all);
    assert_eq!(outcome.round_trip.tried, all);
    assert_eq!(outcome.twice.no_op.len(), all);
    assert_eq!(findings(&outcome, Severity::Info), Vec::<String>::new());
    matches_accepted("lineage_repaired", &outcome);
}

#[tokio::test]
async fn the_audited_lineage_yields_what_its_readme_expects() {
    let outcome = replayed(&under_test("audited"), None, &OPTIONS).await;
    assert_eq!(outcome.fresh.applied, 27);
    let fresh = |list: &[super::FailedMigration]| -> Vec<String> {
        list.iter().map(|one| format!("{} {}", one.file, one.sqlstate)).collect()
    };
    let place = "024_disable_updates_subsystem.up.sql";
    assert_eq!(fresh(&outcome.fresh.failed), [format!("{place} 42703")]);
    assert_eq!(fresh(&outcome.fresh.hidden), [format!("{place} 23505")]);
    let refused: Vec<&str> = outcome
        .findings
        .iter()
        .filter(|finding| finding.id == "twice.refused")
        .filter_map(|finding| finding.file.as_deref())
        .map(|file| &file[..3])
        .collect();
    assert_eq!(refused, ["001", "009", "009", "013", "014", "016", "019", "021"]);
    assert_eq!(outcome.round_trip.not_restored, []);
    matches_accepted("lineage_audited", &outcome);
}

/// Replays files of these names and texts with rows of every version.
async fn with_data(files: &[(&str, &str)]) -> ReplayOutcome {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let options = ReplayOptions { with_data: true, ..OPTIONS };
    let outcome = replayed(folder.path(), Some(Convention::GolangMigrate), &options).await;
    assert_eq!(outcome.seeding.unseeded, []);
    assert_eq!(outcome.upgrade.drift, Vec::<String>::new());
    outcome
}

const TABLE: (&str, &str) =
    ("1_a.up.sql", "CREATE TABLE a (id int PRIMARY KEY, b text NOT NULL, n int NOT NULL);");

#[tokio::test]
async fn a_column_that_no_row_can_fill_breaks_every_path() {
    let outcome = with_data(&[
        TABLE,
        ("2_b.up.sql", "CREATE TABLE other (id int);"),
        ("3_c.up.sql", "\nALTER TABLE a ADD COLUMN c int NOT NULL;"),
        ("4_d.up.sql", "SELECT 1;"),
    ])
    .await;
    assert_eq!(outcome.upgrade.broken.len(), 1, "{:?}", outcome.upgrade);
    let broken = &outcome.upgrade.broken[0];
    assert_eq!((broken.at.as_str(), broken.table.as_str()), ("3", "public.a"));
    assert_eq!(broken.from, ["1", "2"]);
    assert!(broken.what.contains("23502"), "{broken:?}");
    assert_eq!(findings(&outcome, Severity::Error), ["upgrade.broken 3"]);
}

#[tokio::test]
async fn a_shape_that_was_permitted_and_is_refused_is_an_assumption() {
    let outcome = with_data(&[TABLE, ("2_b.up.sql", "\nALTER TABLE a ADD UNIQUE (n);")]).await;
    assert_eq!(outcome.upgrade.broken.len(), 0, "{:?}", outcome.upgrade);
    let assumption = &outcome.upgrade.assumptions[0];
    assert_eq!((assumption.at.as_str(), assumption.table.as_str()), ("2", "public.a"));
    assert_eq!((assumption.sqlstate.as_str(), assumption.line), ("23505", Some(2)));
    assert_eq!(assumption.from, ["1"]);
}

#[tokio::test]
async fn a_partial_key_that_comes_or_takes_in_more_is_an_assumption() {
    let outcome = with_data(&[
        ("1_a.up.sql", "CREATE TABLE a (id int PRIMARY KEY, mail text NOT NULL, state text);"),
        ("2_b.up.sql", "CREATE UNIQUE INDEX one ON a (mail) WHERE state = 'on';"),
        ("3_c.up.sql", "DROP INDEX one;\nCREATE UNIQUE INDEX one ON a (mail) WHERE state IS NULL;"),
    ])
    .await;
    let assumptions = outcome.upgrade.assumptions.iter();
    let refused: Vec<_> =
        assumptions.map(|it| (it.at.as_str(), it.sqlstate.as_str(), it.from.join(" "))).collect();
    assert_eq!(refused, [("2", "23505", "1".into()), ("3", "23505", "1 2".into())]);
}

#[tokio::test]
async fn rows_that_are_changed_or_lost_are_named_with_their_births() {
    let outcome = with_data(&[
        TABLE,
        ("2_count.up.sql", "UPDATE a SET n = 1 - n WHERE n BETWEEN -1000 AND 1000;"),
        ("2_count.down.sql", "SELECT 1;"),
        ("3_delete.up.sql", "DELETE FROM a;"),
        ("4_drop.up.sql", "ALTER TABLE a DROP COLUMN b;"),
        ("4_drop.down.sql", "ALTER TABLE a ADD COLUMN b text NOT NULL DEFAULT '';"),
    ])
    .await;
    let changes: Vec<_> = outcome
        .upgrade
        .changes
        .iter()
        .map(|change| (change.at.as_str(), change.from.join(" ")))
        .collect();
    assert_eq!(changes, [("2", "1".to_owned()), ("3", "1 2".to_owned())], "{:?}", outcome.upgrade);
    assert_eq!(outcome.twice.changed, ["2"]);
    let changed = outcome.findings.iter().find(|finding| finding.id == "twice.changed").unwrap();
    assert_eq!(changed.version.as_deref(), Some("2"));
    assert!(changed.evidence.ends_with("rows of public.a changed"), "{}", changed.evidence);
    let lost = versions(&outcome.round_trip.data_lost);
    assert!(lost.contains(&"2"), "{:?}", outcome.round_trip);
}

#[tokio::test]
async fn a_block_that_commits_lets_rows_of_one_version_pass_as_those_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("1_a.sql", "CREATE TABLE a (id int PRIMARY KEY, n int);"),
        ("2_b.sql", "DO $$ BEGIN UPDATE a SET n = 1; COMMIT; END $$;"),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let options = ReplayOptions { with_data: true, paths: 9, ..OPTIONS };
    let outcome = replayed(folder.path(), Some(Convention::Plain), &options).await;
    assert_eq!(outcome.upgrade.alone.len(), 1);
    assert_eq!(outcome.upgrade.alone[0].differs, [], "{:?}", findings(&outcome, Severity::Info));
}

/// golang-migrate sends a file as it is: around a single statement there is no transaction, around
/// several there is.
#[tokio::test]
async fn a_single_statement_may_end_transactions_and_one_of_several_may_not() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        (
            "1_a.up.sql",
            "CREATE TABLE a (id int PRIMARY KEY, n int);
            CREATE PROCEDURE fill() LANGUAGE plpgsql AS
                $$ BEGIN UPDATE a SET n = 1; COMMIT; END $$;",
        ),
        ("2_call.up.sql", "CALL fill();"),
        ("3_block.up.sql", "DO $$ BEGIN UPDATE a SET n = 2; COMMIT; END $$;"),
        ("4_both.up.sql", "SELECT 1; CALL fill();"),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let outcome = replayed(folder.path(), Some(Convention::GolangMigrate), &OPTIONS).await;
    let failed: Vec<_> =
        outcome.fresh.failed.iter().map(|failed| (&*failed.version, &*failed.sqlstate)).collect();
    assert_eq!(failed, [("4", "2D000")]);
}

#[tokio::test]
async fn rows_of_one_version_alone_show_what_others_hide() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("1_early.up.sql", "CREATE TABLE early (id int PRIMARY KEY);"),
        (
            "2_close.up.sql",
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE 'closed'; END $$;
            CREATE TRIGGER closed BEFORE INSERT ON early EXECUTE FUNCTION refuse();",
        ),
        ("3_late.up.sql", "CREATE TABLE late (id int PRIMARY KEY);"),
        ("4_blank.up.sql", "SELECT 1;"),
        (
            "5_ask.up.sql",
            "DO $$ BEGIN
                IF EXISTS (SELECT FROM late) AND NOT EXISTS (SELECT FROM early) THEN
                    RAISE 'late without early';
                END IF;
            END $$;",
        ),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let options = ReplayOptions { with_data: true, paths: 9, ..OPTIONS };
    let outcome = replayed(folder.path(), Some(Convention::GolangMigrate), &options).await;
    assert_eq!(outcome.upgrade.broken.len(), 0, "{:?}", outcome.upgrade);
    let seen: Vec<_> = outcome
        .upgrade
        .alone
        .iter()
        .map(|path| {
            let at: Vec<&str> = path.differs.iter().map(|one| one.at.as_str()).collect();
            (path.from.as_str(), at.join(" "))
        })
        .collect();
    let expected = [("1", ""), ("3", "5"), ("4", "5")].map(|(from, at)| (from, at.to_owned()));
    assert_eq!(seen, expected, "{:?}", outcome.upgrade.alone);
    let told = findings(&outcome, Severity::Info);
    let differing = told.iter().filter(|finding| *finding == "upgrade.path-differs 5");
    assert_eq!(differing.count(), 2, "{told:?}");
}

#[tokio::test]
async fn costs_are_counted_by_statement() {
    let files = [
        TABLE,
        (
            "2_b.up.sql",
            "ALTER TABLE a ADD COLUMN c int;\nALTER TABLE a ALTER COLUMN id TYPE bigint;\n\
             ALTER TABLE a ADD CHECK (n IS NOT NULL);",
        ),
    ];
    let of_empty_tables = outcome(Convention::GolangMigrate, &files).await.cost;
    let outcome = with_data(&files).await;
    let costs = &outcome.cost.iter().find(|cost| cost.version == "2").unwrap().statements;
    let rewritten: Vec<_> = costs.iter().map(|cost| cost.rewritten()).collect();
    assert_eq!(rewritten, [None, Some("public.a"), None]);
    assert_eq!(costs[0].locks[0].mode, "AccessExclusiveLock");
    let scanned: Vec<_> = costs.iter().map(|cost| !cost.scans.is_empty()).collect();
    assert_eq!(scanned, [false, true, true], "{costs:?}");
    assert!(costs[1].wal_bytes > 0);
    let of_empty_tables = of_empty_tables.iter().find(|cost| cost.version == "2").unwrap();
    for (with_rows, without) in costs.iter().zip(&of_empty_tables.statements) {
        assert_eq!(with_rows.locks, without.locks);
        assert_eq!(with_rows.rewrites, without.rewrites);
    }
    assert_eq!(costs.len(), of_empty_tables.statements.len());
    let costly: Vec<_> = findings(&outcome, Severity::Info)
        .into_iter()
        .filter(|finding| finding.starts_with("cost."))
        .collect();
    assert_eq!(costly, ["cost.rewrite 2:2"]);
}

#[tokio::test]
async fn the_first_table_of_a_database_costs_what_it_writes() {
    let files = [("1_a.sql", "CREATE TABLE a (id int);"), ("2_b.sql", "CREATE TABLE b (id int);")];
    let outcome = outcome(Convention::Plain, &files).await;
    let written: Vec<i64> = outcome.cost.iter().map(|cost| cost.statements[0].wal_bytes).collect();
    assert!(written.iter().all(|bytes| (1..100_000).contains(bytes)), "{written:?}");
}

#[tokio::test]
async fn costs_are_counted_at_the_rows_that_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [TABLE, ("2_b.up.sql", "ALTER TABLE a ADD CHECK (n IS NOT NULL);")] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let options = ReplayOptions { with_data: true, rows: Some(1000), ..OPTIONS };
    let outcome = replayed(folder.path(), Some(Convention::GolangMigrate), &options).await;
    let costs = &outcome.cost.iter().find(|cost| cost.version == "2").unwrap().statements;
    assert!(costs[0].scans[0].rows > 900, "{costs:?}");
}

#[tokio::test]
async fn who_waits_behind_a_migration_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [TABLE, ("2_b.up.sql", "ALTER TABLE a ADD COLUMN c int;")] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let traffic = Some(TrafficOptions { long_reader: Duration::from_millis(300) });
    let options = ReplayOptions { with_data: true, traffic, stall_budget: Some(100), ..OPTIONS };
    let outcome = replayed(folder.path(), Some(Convention::GolangMigrate), &options).await;
    // The migration waits for the long reader, and everybody else for the migration.
    assert_eq!(findings(&outcome, Severity::Error), ["cost.stall 2"], "{:?}", outcome.stalls);
    assert_eq!(outcome.stalls[0].tables[0].table, "public.a");
}

#[tokio::test]
async fn what_only_a_search_path_finds_is_told_with_the_line_that_sets_it() {
    let lineage = [
        ("1_a.up.sql", "CREATE SCHEMA store; CREATE TABLE store.part (id int);"),
        ("2_b.up.sql", "ALTER TABLE part ADD name text;"),
        ("3_c.up.sql", "ALTER TABLE nowhere ADD name text;"),
    ];
    let outcome = with_data(&lineage).await;
    let advice = |id: &str| {
        let finding = outcome.findings.iter().find(|finding| finding.id == id).unwrap();
        finding.advice.clone()
    };
    let expected = "prelude = 'SET search_path = store, public;'";
    assert!(advice("fresh.failed").contains(expected), "{}", advice("fresh.failed"));
    assert!(!advice("fresh.would-fail").contains("search_path"));
}
