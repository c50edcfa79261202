//! What became of rows, with every way in which a migration can touch them.

use super::super::{Population, RowFate};
use super::{Database, seeder};

const TABLES: &str = "CREATE TABLE p (id serial PRIMARY KEY, name text NOT NULL, n int); \
    CREATE TABLE c (p int REFERENCES p ON DELETE CASCADE, note text); \
    CREATE TABLE plain (a text NOT NULL, b int NOT NULL)";

/// Two births, then the migration, in words: `table fate births`.
async fn check(migration: &str, expected: &[&str]) {
    let mut database = Database::new().await;
    database.execute(TABLES).await;
    let mut seeder = seeder();
    let mut population = Population::new();
    for version in ["1", "2"] {
        seeder.seed(&mut database.connection, version).await.unwrap();
        population.capture(&mut database.connection, version).await.unwrap();
    }
    assert_eq!(population.differ(&mut database.connection, None).await.unwrap(), []);

    database.execute("BEGIN").await;
    database.execute(migration).await;
    let mut within = population.differ(&mut database.connection, None).await.unwrap();
    within.retain(|change| change.fate != RowFate::LeftBehind);
    database.execute("ROLLBACK").await;
    assert_eq!(population.differ(&mut database.connection, None).await.unwrap(), [], "{migration}");

    database.execute(migration).await;
    let changes = population.compare(&mut database.connection, None).await.unwrap();
    assert_eq!(within, changes, "{migration}");
    let mut seen: Vec<String> = Vec::new();
    for change in changes {
        let fate = match change.fate {
            RowFate::Gone => "gone".to_owned(),
            RowFate::TableGone => "table gone".to_owned(),
            RowFate::LeftBehind => "left behind".to_owned(),
            RowFate::Changed { columns } => format!("changed {}", columns.join(", ")),
        };
        assert!(!change.examples.is_empty());
        let births: Vec<_> =
            change.births.iter().map(|(birth, count)| format!("{birth}×{count}")).collect();
        seen.push(format!("{}: {fate}: {}", change.table.table, births.join(" ")));
    }
    assert_eq!(seen, expected, "{migration}");
    let after = population.compare(&mut database.connection, None).await.unwrap();
    assert_eq!(after, [], "{migration}: seen once, it is known");
}

macro_rules! cases {
    ($($name:ident: $migration:expr => $($expected:literal),*;)+) => {
        $(#[tokio::test]
        async fn $name() {
            check($migration, &[$($expected),*]).await;
        })+
    };
}

cases! {
    nothing: "SELECT 1" => ;
    new_rows: "INSERT INTO p (name) VALUES ('new')" => ;
    an_update_of_all: "UPDATE p SET name = name || '!'" => "p: changed name: 1×4 2×1";
    an_update_without_a_key: "UPDATE plain SET b = b / 2 + 7" => "plain: changed b: 1×4 2×1";
    an_update_of_some: "UPDATE plain SET a = 'x' WHERE ctid = '(0,2)'" => "plain: changed a: 1×1";
    a_deletion: "DELETE FROM plain WHERE ctid IN ('(0,1)', '(0,5)')" => "plain: gone: 1×1 2×1";
    a_truncation: "TRUNCATE plain" => "plain: gone: 1×4 2×1";
    a_cascade: "TRUNCATE p CASCADE" => "c: gone: 1×4 2×1", "p: gone: 1×4 2×1";
    a_dropped_table: "DROP TABLE plain" => "plain: table gone: 1×4 2×1";
    a_renamed_table: "ALTER TABLE plain RENAME TO other; ALTER TABLE other RENAME a TO z" => ;
    an_added_column: "ALTER TABLE p ADD x int NOT NULL DEFAULT 7" => ;
    an_added_column_then_an_update: "ALTER TABLE p ADD x int DEFAULT 7; UPDATE p SET n = 5"
        => "p: changed n: 1×4 2×1";
    a_dropped_column: "ALTER TABLE p DROP n" => ;
    a_rewrite: "ALTER TABLE p ALTER n TYPE bigint, ALTER name TYPE varchar" => ;
    a_change_of_type: "ALTER TABLE plain ALTER b TYPE text USING 'n' || b" => "plain: changed b: 1×4 2×1";
    a_vacuum_by_hand: "CREATE TABLE q (LIKE p INCLUDING ALL); INSERT INTO q SELECT * FROM p ORDER BY id DESC; \
        DROP TABLE p CASCADE; ALTER TABLE q RENAME TO p" => ;
    a_table_made_partitioned: "ALTER TABLE plain RENAME TO plain_0; \
        CREATE TABLE plain (a text NOT NULL, b int NOT NULL) PARTITION BY LIST (b); \
        ALTER TABLE plain ATTACH PARTITION plain_0 DEFAULT" => ;
    another_primary_key: "ALTER TABLE c DROP CONSTRAINT c_p_fkey; ALTER TABLE p DROP id; \
        ALTER TABLE p ADD id uuid PRIMARY KEY DEFAULT gen_random_uuid()" => ;
}

#[tokio::test]
async fn rows_that_a_migration_made_are_watched_as_its_own() {
    let mut database = Database::new().await;
    database.execute(TABLES).await;
    let mut population = Population::new();
    population.capture(&mut database.connection, "1").await.unwrap();
    database.execute("INSERT INTO p (name) VALUES ('made')").await;
    assert_eq!(population.compare(&mut database.connection, None).await.unwrap(), []);
    population.capture(&mut database.connection, "2").await.unwrap();
    database.execute("DELETE FROM p").await;
    let differing = population.differ(&mut database.connection, None).await.unwrap();
    assert_eq!(differing[0].births.get("2"), Some(&1), "the data are not as they were");
    database.execute("INSERT INTO c (note) VALUES ('a'), ('b'); CREATE TABLE d AS SELECT 1").await;
    let differing = population.differ(&mut database.connection, None).await.unwrap();
    let left: Vec<_> =
        differing.iter().filter(|change| change.fate == RowFate::LeftBehind).collect();
    assert_eq!((left.len(), left[0].births.values().sum::<usize>()), (1, 2), "{differing:?}");
    assert_eq!(population.compare(&mut database.connection, None).await.unwrap(), []);
}
