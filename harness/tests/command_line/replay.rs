//! `harness migrations replay`: what it says of good and of bad folders, and what it leaves behind.

use std::os::unix::fs::PermissionsExt;

use harness::environment::postgres::binaries::{Binaries, VARIABLE};
use harness::environment::postgres::{IsolatedDatabase, Template};
use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions};

use super::*;

/// A folder with migrations of these names and texts.
fn migrations(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn replay(folder: &Path, more: &[&str]) -> Command {
    let mut arguments = vec!["migrations", "replay", folder.to_str().unwrap()];
    arguments.extend(more);
    harness(&arguments)
}

#[test]
fn a_replay_says_what_breaks_and_where() {
    let folder = migrations(&[
        ("1_a.up.sql", "CREATE TABLE a (id int);\n"),
        ("2_b.up.sql", "\nALTER TABLE nowhere ADD COLUMN b int;\n"),
    ]);
    let out = tempfile::tempdir().unwrap();
    let path = |name: &str| out.path().join(name).to_str().unwrap().to_owned();
    let (json, sarif, markdown) = (path("o.json"), path("o.sarif"), path("o.md"));
    let forms = ["--json", &json, "--sarif", &sarif, "--markdown", &markdown, "--seed", "1"];
    let (code, told, errors) = output(&mut replay(folder.path(), &forms));
    assert_eq!(code, 1, "{told}{errors}");
    assert!(told.contains("fresh.failed at 2_b.up.sql:2"), "{told}");
    assert!(told.ends_with("lineage.toml accepts the rest\n"), "{told}");
    assert!(errors.contains("golang-migrate") && errors.contains("seed 1"), "{errors}");
    let read = |path: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    assert_eq!(read(&json)["fresh"]["failed"][0]["sqlstate"], "42P01");
    let result = &read(&sarif)["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "fresh.failed");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
    assert!(std::fs::read_to_string(&markdown).unwrap().contains("fresh.failed"));
}

#[test]
fn of_many_findings_of_a_kind_a_few_are_shown() {
    let files: Vec<(String, String)> = (1..=7)
        .flat_map(|number| {
            let up = format!("CREATE TABLE t{number} (id bigint);");
            let down = "SELECT 1;".to_owned();
            [(format!("{number}_t.up.sql"), up), (format!("{number}_t.down.sql"), down)]
        })
        .collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (code, told, _) = output(&mut replay(migrations(&files).path(), &[]));
    assert_eq!(code, 0, "{told}");
    assert_eq!(told.matches("\nround-trip.not-restored at ").count(), 5, "{told}");
    assert!(told.contains("\n… 2 more of round-trip.not-restored; --json"), "{told}");
    assert!(
        told.contains("\n  twice.refused: 7, which is usual where runs are recorded"),
        "{told}"
    );
}

#[test]
fn the_threshold_decides_how_a_replay_ends() {
    let folder = migrations(&[("1_a.up.sql", "CREATE TABLE a (id int);")]);
    let (code, told, _) = output(&mut replay(folder.path(), &["--fail-on", "error"]));
    assert_eq!(code, 0, "{told}");
    let (code, told, _) = output(&mut replay(folder.path(), &["--fail-on", "info"]));
    assert_eq!(code, 1, "{told}");
}

#[test]
fn what_cannot_be_replayed_is_a_usage_error() {
    let empty = migrations(&[]);
    let (code, _, errors) = output(&mut replay(empty.path(), &[]));
    assert_eq!(code, 2, "{errors}");
    let text = migrations(&[("1_a.up.sql", "\\i other.sql")]);
    let (code, _, errors) = output(&mut replay(text.path(), &[]));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("1_a.up.sql") && errors.contains("psql"), "{errors}");
    let (code, _, errors) = output(&mut replay(text.path(), &["--convention", "none"]));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("golang-migrate") && errors.contains("auto"), "{errors}");
}

/// All programs of the server, and a `pg_dump` that is older than it.
fn with_an_old_pg_dump() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(Binaries::find().unwrap().folder()).unwrap() {
        let program = entry.unwrap();
        std::os::unix::fs::symlink(program.path(), folder.path().join(program.file_name()))
            .unwrap();
    }
    let path = folder.path().join("pg_dump");
    std::fs::remove_file(&path).unwrap();
    let old = "#!/bin/sh\n[ $1 = --version ] && echo 'pg_dump (PostgreSQL) 9.6.24' && exit\n\
               echo 'server version mismatch' >&2; exit 1\n";
    std::fs::write(&path, old).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn a_backup_that_nobody_could_take_is_unknown() {
    let folder = migrations(&[
        ("1_a.up.sql", "CREATE TABLE a (id int);"),
        ("2_b.up.sql", "CREATE TABLE b (id int);"),
    ]);
    let programs = with_an_old_pg_dump();
    let mut command = replay(folder.path(), &[]);
    command.env(VARIABLE, programs.path());
    let (code, told, errors) = output(&mut command);
    assert_eq!(code, 4, "{told}{errors}");
    assert!(told.contains("pg_dump is of version 9.6.24, the server of"), "{told}");
    assert!(!told.contains("drill.failed"), "{told}");
}

/// The outcome of a replay, its exit code, and all that it said.
fn outcome(folder: &Path, more: &[&str]) -> (i32, Value, String) {
    let out = tempfile::tempdir().unwrap();
    let json = out.path().join("outcome.json");
    let forms = ["--seed", "1", "--json", json.to_str().unwrap()];
    let (code, told, errors) = output(&mut replay(folder, &[&forms, more].concat()));
    let said = format!("{told}{errors}");
    let outcome = std::fs::read_to_string(json).unwrap_or_else(|_| panic!("{code}: {said}"));
    (code, serde_json::from_str(&outcome).unwrap(), said)
}

/// A field of each entry of a list.
fn each(list: &Value, field: &str) -> Vec<String> {
    let entries = list.as_array().unwrap().iter();
    entries.map(|entry| entry[field].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_migration_that_turns_on_its_database_or_session_is_refused_and_the_replay_goes_on() {
    let folder = migrations(&[
        ("1_a.up.sql", "CREATE TABLE a (id int);"),
        ("2_drop.up.sql", "DROP DATABASE fresh;"),
        ("3_drop_all.up.sql", "DROP DATABASE postgres;"),
        ("4_rename.up.sql", "ALTER DATABASE fresh RENAME TO other;"),
        ("5_kill.up.sql", "SELECT pg_terminate_backend(pg_backend_pid());"),
        ("6_hang.up.sql", "SELECT pg_sleep(600);"),
        ("7_b.up.sql", "CREATE TABLE b (id int);"),
        ("7_b.down.sql", "SELECT pg_terminate_backend(pg_backend_pid());"),
    ]);
    let (code, outcome, said) = outcome(folder.path(), &["--statement-deadline", "1"]);
    assert_eq!(code, 1, "{said}");
    let fresh = &outcome["fresh"];
    assert_eq!(fresh["applied"], 2, "{fresh}");
    let failed = &fresh["failed"];
    assert_eq!(each(failed, "version"), ["2", "3", "4", "5", "6"]);
    assert_eq!(each(failed, "sqlstate"), ["55006", "42809", "0A000", "57P01", "57014"]);
    assert!(failed[4]["message"].as_str().unwrap().contains("did not end within 1 s"), "{said}");
    assert_eq!(each(&outcome["round_trip"]["not_restored"], "version"), ["7"]);
    assert_eq!(outcome["upgrade"]["stopped"].as_array().unwrap().len(), 0, "{said}");
}

#[test]
fn interrupted_a_replay_leaves_nothing_and_says_so() {
    let lineage = migrations(&[("1_hang.up.sql", "SELECT pg_sleep(600);")]);
    let folder = tempfile::Builder::new().prefix("harness-test-").tempdir().unwrap();
    let mut running = Running::of(replay(lineage.path(), &[]), folder);
    let is_sleeping = |one: &Descendant| one.command.contains("SELECT");
    let look = || running.descendants();
    wait_until("the migration", look, |parts| parts.iter().any(is_sleeping));
    let descendants = running.descendants();
    running.signal(Signal::INT);
    let (code, said) = running.end();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    running.assert_nothing_is_left(&descendants);
}

#[test]
fn a_folder_that_no_tool_could_run_is_a_usage_error() {
    type Files<'a> = &'a [(&'a str, &'a [u8])];
    let refused: [(Files<'_>, &[&str]); 4] = [
        (&[], &["has no migration", "name the folder"]),
        (
            &[("1_a.up.sql", b"SELECT 1;"), ("V1__a.sql", b"SELECT 1;")],
            &["mixes", "1_a.up.sql", "V1__a.sql", "--convention"],
        ),
        (&[("1_a.up.sql", b"SELECT '\xe9';")], &["1_a.up.sql", "byte 8", "save it as UTF-8"]),
        (
            &[("1_a.sql", b"\\ir b.txt\n"), ("b.txt", b"\\ir 1_a.sql\n")],
            &["1_a.sql, then b.txt", "circle"],
        ),
    ];
    for (files, expected) in refused {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let (code, told, errors) = output(&mut replay(folder.path(), &[]));
        assert_eq!((code, told.as_str()), (2, ""), "{errors}");
        for part in expected {
            assert!(errors.contains(part), "{errors} should say {part}");
        }
    }
}

#[test]
fn a_projects_folder_is_told_where_its_migrations_are() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("db/migrations");
    std::fs::create_dir_all(&below).unwrap();
    std::fs::write(below.join("1_a.up.sql"), "SELECT 1;").unwrap();
    let (code, _, errors) = output(&mut replay(folder.path(), &[]));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("db/migrations has 1 migration"), "{errors}");
}

#[test]
fn a_stub_stands_in_for_a_step_in_another_language() {
    let folder = migrations(&[
        ("1_a.up.sql", "CREATE TABLE a (id int);"),
        ("2_b.up.go", "package migrations"),
        ("3_c.up.sql", "ALTER TABLE b ADD c int;"),
    ]);
    let stub = folder.path().join("b.stub");
    std::fs::write(&stub, "CREATE TABLE b (id int);").unwrap();
    let named = |version: &str| format!("{version}={}", stub.display());
    let only = ["--fresh-only", "--stub"];

    let (code, without, said) = outcome(folder.path(), &only[..1]);
    assert_eq!((code, &without["fresh"]["gaps"][0]), (1, &Value::from("2")), "{said}");
    let (code, with, said) = outcome(folder.path(), &[&only[..], &[&named("2")]].concat());
    assert_eq!((code, &with["fresh"]["applied"]), (0, &Value::from(3)), "{said}");
    let (code, _, errors) =
        output(&mut replay(folder.path(), &[&only[..], &[&named("9")]].concat()));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("--stub 9") && errors.contains("no such version"), "{errors}");
}

#[test]
fn the_rows_of_a_dump_are_carried_from_where_it_stands() {
    let folder = migrations(&[
        ("1_a.up.sql", "CREATE TABLE a (id int);"),
        ("2_b.up.sql", "ALTER TABLE a ADD b int NOT NULL;"),
    ]);
    let dump = folder.path().join("production.dump");
    let text = "CREATE TABLE public.schema_migrations (version bigint PRIMARY KEY, dirty boolean);
        CREATE TABLE public.a (id int);\nCOPY public.a (id) FROM stdin;\n7\n\\.\n
        INSERT INTO public.schema_migrations VALUES (1, false);";
    std::fs::write(&dump, text).unwrap();
    let from = |dump: &Path| ["--from-dump".to_owned(), dump.display().to_string()];
    let flags = from(&dump);
    let (code, outcome, said) = outcome(folder.path(), &flags.each_ref().map(String::as_str));
    assert_eq!(code, 1, "{said}");
    let broken = &outcome["upgrade"]["broken"];
    assert_eq!((&broken[0]["at"], &broken[0]["from"][0]), (&"2".into(), &"the dump".into()));

    let flags = from(Path::new("/nowhere/dump"));
    let mut command = replay(folder.path(), &flags.each_ref().map(String::as_str));
    let (code, _, errors) = output(&mut command);
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("/nowhere/dump"), "{errors}");
}

#[tokio::test]
async fn a_live_database_is_compared_and_only_read() {
    let folder = migrations(&[("1_a.up.sql", "CREATE TABLE a (id int, name text NOT NULL);")]);
    let live = IsolatedDatabase::create(&Template::empty()).await.unwrap();
    let mut connection = live.options().connect().await.unwrap();
    let run = "CREATE TABLE a (id int, name text); CREATE TABLE more (id int)";
    sqlx::raw_sql(AssertSqlSafe(run)).execute(&mut connection).await.unwrap();
    let written = "SELECT max(xmin::text::int8), count(*) FROM pg_class";
    let before: (i64, i64) = sqlx::query_as(written).fetch_one(&mut connection).await.unwrap();

    let against = ["--fresh-only", "--against", &live.url(), "--fail-on", "warning"];
    let (code, outcome, said) = outcome(folder.path(), &against);
    assert_eq!(code, 1, "{said}");
    let drift = each(&outcome["drift"][0]["changes"], "alteration");
    assert_eq!(drift, ["removed", "altered", "removed"], "{said}");
    let after = sqlx::query_as(written).fetch_one(&mut connection).await.unwrap();
    assert_eq!(before, after);

    let wrong = ["--fresh-only", "--against", "postgres://a:hunter2@127.0.0.1:1/x"];
    let (code, _, errors) = output(&mut replay(folder.path(), &wrong));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("127.0.0.1:1/x") && !errors.contains("hunter2"), "{errors}");
    live.close().await.unwrap();
}
