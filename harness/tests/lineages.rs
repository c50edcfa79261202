//! What each lineage of the corpus must read as, and what must be refused.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use harness::migrations::lineage::{Lineage, Migration, ReadOptions, Script, Step, Wrapping, read};
use harness::migrations::sql::StatementKind;

/// What a folder must read as: its convention, each migration, and the files that its tool passes
/// over. A migration is written as its version, name, and its ways: `together`, `transaction` or
/// `each` with the number of statements, of which those that refuse a transaction are counted
/// behind an exclamation mark; or `code`.
struct Expected {
    folder: &'static str,
    convention: &'static str,
    migrations: &'static [&'static str],
    ignored: &'static [&'static str],
}

const CORPUS: [Expected; 11] = [
    Expected {
        folder: "golang-migrate",
        convention: "golang-migrate",
        migrations: &[
            "1 people: up together 2, down together 2",
            "2 orders: up together 3, down together 2",
            "9 only_while_locked: up together 1, down together 1",
            "10 index: up together 1 !1, down together 1 !1",
            "11 own_transaction: up together 3, down together 3",
            "12 enum: up together 1",
            "13 use_of_enum: up together 1, down together 1",
        ],
        ignored: &["14_forgotten.sql"],
    },
    Expected {
        folder: "sqlx",
        convention: "sqlx",
        migrations: &[
            "20240101000000 people: up transaction 1",
            "20240102000000 orders: up transaction 2, down transaction 2",
            "20240103000000 index: up together 1 !1",
        ],
        ignored: &["7.sql"],
    },
    Expected {
        folder: "diesel",
        convention: "diesel",
        migrations: &[
            "00000000000000 diesel_initial_setup: up transaction 1, down transaction 1",
            "20170804200817 people: up transaction 2, down transaction 1",
            "20170923182408 orders: up transaction 1, down transaction 1",
            "20180101000000 index: up together 1 !1, down together 1 !1",
        ],
        ignored: &["2018-02-01-000000_abandoned/down.sql"],
    },
    Expected {
        folder: "goose",
        convention: "goose",
        migrations: &[
            "00001 people: up transaction 2, down transaction 1",
            "00002 function: up transaction 2, down transaction 2",
            "00003 backfill: code",
            "00004 owner: up transaction 2, down transaction 2",
            "00010 index: up each 2 !2, down each 2 !2",
        ],
        ignored: &["00003_backfill.sql.stub"],
    },
    Expected {
        folder: "sql-migrate",
        convention: "sql-migrate",
        migrations: &[
            "1 people: up transaction 1, down transaction 1",
            "2 function: up transaction 1, down transaction 1",
            "10 index: up each 1 !1, down each 1 !1",
            "comments : up transaction 1, down transaction 0",
        ],
        ignored: &[],
    },
    Expected {
        folder: "flyway",
        convention: "flyway",
        migrations: &[
            "1 people: up transaction 2",
            "1.2 orders: up transaction 3",
            "1.10 note: up transaction 1, down transaction 1",
            "1.11 same_as_a_dot: up transaction 1",
            "2 index: up each 1 !1",
            "3 Backfill: code",
            "56.1 no_placeholders: up each 1",
            "R__counts counts: up transaction 1",
            "R__people_by_name people_by_name: up transaction 1",
        ],
        ignored: &["V4_one_underscore.sql"],
    },
    Expected {
        folder: "dbmate",
        convention: "dbmate",
        migrations: &[
            "20240101000000 people: up transaction 2, down transaction 2",
            "20240102000000 index: up together 1 !1, down together 1 !1",
            "20240103000000 no_way_back: up transaction 1, down transaction 0",
        ],
        ignored: &[],
    },
    Expected {
        folder: "refinery",
        convention: "refinery",
        migrations: &[
            "1 people: up transaction 1",
            "2 came_late: up transaction 1",
            "3 generated: code",
            "10 index: up each 2 !2",
        ],
        ignored: &["V11__not-a-word.sql"],
    },
    Expected {
        folder: "drizzle",
        convention: "drizzle",
        migrations: &[
            "0000 people: up transaction 2",
            "0002 orders: up transaction 2",
            "0001 index: up transaction 1",
        ],
        ignored: &["0003_abandoned.sql"],
    },
    Expected {
        folder: "sorted-up",
        convention: "sorted-up",
        migrations: &[
            "001 people: up transaction 1, down transaction 1",
            "002 notes: up transaction 1",
            "002 orders: up transaction 1, down transaction 1",
            "002a index: up transaction 1",
        ],
        ignored: &["003_forgotten.sql", "004_gone.down.sql"],
    },
    Expected {
        folder: "plain",
        convention: "plain",
        migrations: &[
            "01 people: up each 4",
            "02 function: up each 4 !1",
            "03 backfill: code",
            "10 last: up each 1 !1",
        ],
        ignored: &[],
    },
];

fn corpus(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations-under-test/conventions").join(folder)
}

fn way(direction: &str, script: &Script) -> String {
    let wrapping = match script.wrapping {
        Wrapping::Transaction => "transaction",
        Wrapping::Together => "together",
        Wrapping::EachStatement => "each",
    };
    let alone = |kind| kind == StatementKind::NoTransaction;
    let count = script.statements.iter().filter(|statement| alone(statement.kind)).count();
    let refusing = if count > 0 { format!(" !{count}") } else { String::new() };
    format!("{direction} {wrapping} {}{refusing}", script.statements.len())
}

fn describe(migration: &Migration) -> String {
    let mut line = format!("{} {}: ", migration.version, migration.name);
    match &migration.up {
        Step::Script(script) => line.push_str(&way("up", script)),
        Step::Code { .. } => line.push_str("code"),
    }
    if let Some(down) = &migration.down {
        write!(line, ", {}", way("down", down)).unwrap();
    }
    line
}

/// Every statement lies in the script's text where it says, and the lines count in the file.
fn assert_places(lineage: &Lineage) {
    for migration in &lineage.migrations {
        let up = if let Step::Script(script) = &migration.up { Some(script) } else { None };
        for script in up.into_iter().chain(&migration.down) {
            let file = fs::read_to_string(lineage.path.join(&script.file)).unwrap();
            for statement in &script.statements {
                assert!(script.text[statement.offset..].starts_with(&statement.text));
                let first = statement.text.lines().next().unwrap().split_whitespace().next();
                let line = file.lines().nth(statement.line - 1).unwrap_or_default();
                let included = line.starts_with("\\ir");
                assert!(
                    included || line.contains(first.unwrap()),
                    "{}:{} should hold {}",
                    script.file,
                    statement.line,
                    statement.text
                );
            }
        }
    }
}

#[test]
fn each_lineage_of_the_corpus_reads_as_its_tool_reads_it() {
    for expected in &CORPUS {
        let lineage = read(&corpus(expected.folder), &ReadOptions::default())
            .unwrap_or_else(|error| panic!("{}: {error}", expected.folder));
        let context = format!("{}: {}", expected.folder, lineage.reason);
        assert_eq!(lineage.convention.name(), expected.convention, "{context}");
        let migrations: Vec<_> = lineage.migrations.iter().map(describe).collect();
        assert_eq!(migrations, expected.migrations, "{context}");
        let ignored: Vec<_> = lineage.ignored.iter().map(|ignored| &ignored.file).collect();
        assert_eq!(ignored, expected.ignored, "{context}");
        assert_places(&lineage);
    }
}

#[test]
fn every_folder_of_the_corpus_is_expected() {
    let entries = fs::read_dir(corpus("")).unwrap().map(|entry| entry.unwrap());
    let mut folders: Vec<_> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort_unstable();
    let mut expected: Vec<_> = CORPUS.iter().map(|expected| expected.folder).collect();
    expected.sort_unstable();
    assert_eq!(folders, expected);
}

#[test]
fn variables_and_stubs_are_filled_in() {
    let stub = corpus("goose").join("00003_backfill.sql.stub");
    let options = ReadOptions { stubs: vec![("3".to_owned(), stub)], ..ReadOptions::default() };
    let lineage = read(&corpus("goose"), &options).unwrap();
    let text = |version: &str| {
        let Step::Script(script) = &lineage.migrations[lineage.position(version).unwrap()].up
        else {
            panic!("{version} is code");
        };
        script.text.clone()
    };
    assert!(text("3").contains("SET loud = shout(name)"));
    assert!(text("4").contains("'belongs to nobody, for tests'"));
    assert!(text("4").contains("'costs $1'"));
    for (version, expected) in [("4", "needs none"), ("77", "no such version")] {
        let stubs = vec![(version.to_owned(), corpus("goose").join("00003_backfill.sql.stub"))];
        let error = read(&corpus("goose"), &ReadOptions { stubs, ..ReadOptions::default() });
        let message = error.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

/// Files of a folder, and what it must read as: the convention, each migration, and what is passed
/// over.
type Small =
    (&'static [(&'static str, &'static str)], &'static str, &'static [&'static str], usize);

const SMALL: [Small; 19] = [
    // goose takes its marks in any case.
    (
        &[("1_x.sql", "-- +goose no transaction\n-- +goose up\nVACUUM;\n")],
        "goose",
        &["1 x: up each 1 !1"],
        0,
    ),
    // Numbers that count sort as numbers, times as text.
    (
        &[("10_x.sql", "SELECT 1;"), ("9_x.sql", "SELECT 1;"), ("9a_y.sql", "SELECT 1;")],
        "plain",
        &["9 x: up each 1", "9a y: up each 1", "10 x: up each 1"],
        0,
    ),
    (
        &[("20240101_x.sql", "SELECT 1;"), ("20230101120000_x.sql", "SELECT 1;")],
        "plain",
        &["20230101120000 x: up each 1", "20240101 x: up each 1"],
        0,
    ),
    // Prisma's folders.
    (
        &[
            ("20240101_init/migration.sql", "SELECT 1;"),
            ("20240102_next/migration.sql", "SELECT 1;"),
            ("migration_lock.toml", ""),
        ],
        "plain",
        &["20240101 init: up together 1", "20240102 next: up together 1"],
        0,
    ),
    (
        &[
            ("20240101120000_init/migration.sql", "SELECT 1;"),
            ("20240102120000_fill/migration.ts", ""),
        ],
        "plain",
        &["20240101120000 init: up together 1", "20240102120000 fill: code"],
        0,
    ),
    // A letter or a number used twice makes the name the order.
    (
        &[("1_x.up.sql", "SELECT 1;"), ("1_y.up.sql", "SELECT 1;"), ("2_z.up.go", "")],
        "sorted-up",
        &["1 x: up transaction 1", "1 y: up transaction 1", "2 z: code"],
        0,
    ),
    // Who gave up the ending on the way has a runner that does not look at it; beside a down it is
    // a stray.
    (
        &[("1_x.up.sql", "SELECT 1;"), ("2_y.sql", "SELECT 1;")],
        "plain",
        &["1 x: up each 1", "2 y: up each 1"],
        0,
    ),
    (
        &[("1_x.up.sql", "SELECT 1;"), ("1_x.down.sql", "SELECT 1;"), ("2_y.sql", "SELECT 1;")],
        "golang-migrate",
        &["1 x: up together 1, down together 1"],
        1,
    ),
    // What forbids the transaction and is sent statement by statement.
    (
        &[("1_x.up.sql", "SELECT 1;"), ("1_y.no-transaction.up.sql", "VACUUM;\nVACUUM;")],
        "sorted-up",
        &["1 x: up transaction 1", "1 y.no-transaction: up each 2 !2"],
        0,
    ),
    // Several databases in one folder.
    (
        &[
            ("1_x.up.sql", "SELECT 1;"),
            ("1_x.mysql.up.sql", "SELECT `1`;"),
            ("1_x.postgres.autocommit.up.sql", "VACUUM;"),
            ("2_y.up.sql", "SELECT 1;"),
            ("2_y.sqlite3.up.sql", "SELECT 1;"),
        ],
        "sorted-up",
        &["1 x.postgres.autocommit: up together 1 !1", "2 y: up transaction 1"],
        0,
    ),
    (
        &[("1_x.up.sql", "SELECT 1;"), ("2_y.up.go", ""), ("2_y.down.go", ""), ("README.md", "")],
        "golang-migrate",
        &["1 x: up together 1", "2 y: code"],
        0,
    ),
    // go-pg/migrations names what runs in a transaction.
    (
        &[
            ("1_x.tx.up.sql", "SELECT 1;"),
            ("1_x.tx.down.sql", "SELECT 1;"),
            ("2_y.up.sql", "VACUUM;"),
        ],
        "go-pg",
        &["1 x: up transaction 1, down transaction 1", "2 y: up together 1 !1"],
        0,
    ),
    // Times to the second are sqlx's, with or without a project around.
    (
        &[("20240101120000_x.sql", "SELECT 1;"), ("20230101120000_y.sql", "SELECT 1;")],
        "sqlx",
        &["20230101120000 y: up transaction 1", "20240101120000 x: up transaction 1"],
        0,
    ),
    // A mark of an earlier tool in a pair means nothing any more.
    (
        &[("1_x.up.sql", "-- +migrate Up\nSELECT 1;"), ("1_x.down.sql", "SELECT 1;")],
        "golang-migrate",
        &["1 x: up together 1, down together 1"],
        0,
    ),
    // Rust among versioned names shows whose they are.
    (
        &[("V1__x.sql", "SELECT 1;"), ("V2__y.rs", "")],
        "refinery",
        &["1 x: up transaction 1", "2 y: code"],
        0,
    ),
    // Flyway can be told that there is no prefix.
    (
        &[("1.10__y.sql", "SELECT 1;"), ("1.2__x.sql", "SELECT 1;"), ("R__z.sql", "SELECT 1;")],
        "flyway",
        &["1.2 x: up transaction 1", "1.10 y: up transaction 1", "R__z z: up transaction 1"],
        0,
    ),
    (
        &[("20240101120000__x.sql", "SELECT 1;"), ("20240102120000__y.sql", "SELECT 1;")],
        "flyway",
        &["20240101120000 x: up transaction 1", "20240102120000 y: up transaction 1"],
        0,
    ),
    (
        &[("V1__x.sql", "SELECT 1;"), ("2__y.sql", "SELECT 1;")],
        "flyway",
        &["1 x: up transaction 1"],
        1,
    ),
    // A baseline stands for what is here anyway.
    (
        &[("V1__x.sql", "SELECT 1;"), ("B1__all.sql", "SELECT 1;"), ("U2__y.sql", "SELECT 1;")],
        "flyway",
        &["1 x: up transaction 1"],
        2,
    ),
];

#[test]
fn small_folders_read_as_their_names_and_marks_say() {
    for (files, convention, migrations, ignored) in SMALL {
        let folder = folder_of(files);
        let lineage = read(folder.path(), &ReadOptions::default())
            .unwrap_or_else(|error| panic!("{files:?}: {error}"));
        assert_eq!(lineage.convention.name(), convention, "{files:?}: {}", lineage.reason);
        let seen: Vec<_> = lineage.migrations.iter().map(describe).collect();
        assert_eq!(seen, migrations, "{files:?}");
        assert_eq!(lineage.ignored.len(), ignored, "{files:?}: {:?}", lineage.ignored);
    }
}

/// A folder with these files.
fn folder_of(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Files of a folder, and what the refusal must say.
type Refused = (&'static [(&'static str, &'static str)], &'static [&'static str]);

const REFUSED: [Refused; 17] = [
    (&[], &["has no migration", "name the folder"]),
    (&[("README.md", "x")], &["has no migration"]),
    (&[("a/1_x.sql", "SELECT 1;"), ("b/1_x.sql", "SELECT 1;")], &["folders below", "a/, b/"]),
    (
        &[("1_x.sql", "-- +goose Up\nSELECT 1;"), ("2_x.sql", "-- migrate:up\nSELECT 1;")],
        &["mixes", "goose (1_x.sql)", "dbmate (2_x.sql)", "--convention"],
    ),
    (
        &[("1_x.up.sql", "SELECT 1;"), ("V1__x.sql", "SELECT 1;")],
        &["mixes", "1_x.up.sql", "V1__x.sql"],
    ),
    (&[("1_x.sql", "SELECT 1;\n\\connect y\n")], &["1_x.sql, line 2", "\\connect y", "psql"]),
    (&[("1_x.up.sql", "\\i y.sql\n")], &["1_x.up.sql, line 1", "psql"]),
    (
        &[("1_x.sql", "\\ir y.txt\n"), ("y.txt", "\\ir 1_x.sql\n")],
        &["1_x.sql, then y.txt", "circle"],
    ),
    (&[("1_x.sql", "\\ir y.txt\n")], &["y.txt"]),
    (&[("V1__x.sql", "SELECT 1;\nSELECT ${a};")], &["V1__x.sql, line 2", "${a}", "lineage.toml"]),
    (
        &[("V1__x.sql", "SELECT 1;"), ("V1.0__y.sql", "SELECT 1;")],
        &["V1.0__y.sql and V1__x.sql", "Flyway refuses"],
    ),
    (&[("1_x.sql", "-- +goose Up\nSELECT 1\n-- +goose Down\n")], &["1_x.sql, line 2", "semicolon"]),
    (&[("1_x.sql", "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n")], &["StatementEnd"]),
    (
        &[("1_x.sql", "SELECT 1;\n-- migrate:up\nSELECT 1;\n")],
        &["line 1", "before `-- migrate:up`"],
    ),
    (&[("1_x.sql", "-- +migrate Up\nSELECT 1\n")], &["1_x.sql, line 2", "semicolon"]),
    (
        &[
            ("meta/_journal.json", "{\"dialect\": \"pg\",\n \"entries\": 1}"),
            ("0_x.sql", "SELECT 1;"),
        ],
        &["meta/_journal.json, line 2"],
    ),
    (
        &[(
            "meta/_journal.json",
            "{\"dialect\": \"pg\", \"entries\": [\n{\"tag\": \"0_x\", \"when\": 1}]}",
        )],
        &["meta/_journal.json, line 2", "no 0_x.sql"],
    ),
];

#[test]
fn what_no_tool_could_run_is_refused_with_what_to_do() {
    for (files, expected) in REFUSED {
        let folder = folder_of(files);
        let message = match read(folder.path(), &ReadOptions::default()) {
            Ok(lineage) => panic!("{files:?} is read as {lineage:?}"),
            Err(error) => error.to_string(),
        };
        for part in expected {
            assert!(message.contains(part), "{files:?}: {message:?} should say {part:?}");
        }
    }
}

#[test]
fn a_body_without_marks_is_cut_unless_later_files_show_that_it_ran() {
    let body =
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\nRETURN 1;\nEND $$;\n";
    for (tool, mark) in [("goose", "+goose Up"), ("sql-migrate", "+migrate Up")] {
        let (torn, sound) = (format!("-- {mark}\n{body}"), format!("-- {mark}\nSELECT 1;\n"));
        let read_of = |files: &[(&str, &str)]| {
            let folder = folder_of(files);
            let lineage = read(folder.path(), &ReadOptions::default()).unwrap();
            let count = |migration: &Migration| match &migration.up {
                Step::Script(script) => script.statements.len(),
                Step::Code { .. } => 0,
            };
            (lineage.migrations.iter().map(count).collect::<Vec<_>>(), lineage.reason)
        };
        let (statements, reason) = read_of(&[("1_x.sql", &sound), ("2_x.sql", &torn)]);
        assert_eq!(statements, [1, 2], "{tool}: nothing shows that it ever ran");
        assert!(!reason.contains("quotes"), "{reason}");
        let (statements, reason) = read_of(&[("1_x.sql", &torn), ("2_x.sql", &torn)]);
        assert_eq!(statements, [1, 1], "{tool}");
        assert!(reason.contains(&format!("{tool} would cut 1_x.sql:2 within quotes")), "{reason}");
    }
}

#[test]
fn a_folder_with_one_folder_of_migrations_stands_for_it() {
    let folder = folder_of(&[("postgres/1_x.up.sql", "SELECT 1;"), ("README.md", "")]);
    let lineage = read(folder.path(), &ReadOptions::default()).unwrap();
    assert_eq!(lineage.path, folder.path().join("postgres"));
    assert!(lineage.reason.starts_with("in postgres/, "), "{}", lineage.reason);
}
