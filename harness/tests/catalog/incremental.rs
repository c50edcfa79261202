//! What a reader reads the second time, the third, the hundredth, is what one would read that
//! knows nothing: over random statements, savepoints, rollbacks, and another session's changes.

use harness::migrations::catalog::{CatalogReader, Difference};
use harness::seed::Seed;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use sqlx::PgConnection;

use super::support::{Server, execute, lines, read_full, run};

const SEEDS: std::ops::Range<u64> = 0..6;
const STEPS: usize = 60;

/// Statements over few names, so that they meet: many fail, and what they did is rolled back.
/// `T` is a table, `C` a column, `N` another name, `O` another table.
const STATEMENTS: [&str; 58] = [
    "CREATE TABLE T (id serial PRIMARY KEY, C int, N text DEFAULT 'a')",
    "CREATE TABLE T (C int NOT NULL, N varchar(9) CHECK (N <> ''))",
    "CREATE TABLE T (LIKE O INCLUDING ALL)",
    "CREATE TABLE T () INHERITS (O)",
    "CREATE TABLE T (C int, N text) PARTITION BY LIST (C)",
    "CREATE TABLE T PARTITION OF O DEFAULT",
    "DROP TABLE T CASCADE",
    "DROP TABLE T CASCADE; CREATE TABLE T (id serial PRIMARY KEY, C int, N text DEFAULT 'a')",
    "ALTER TABLE T ADD C int",
    "ALTER TABLE T ADD C text DEFAULT now()::text",
    "ALTER TABLE T DROP C CASCADE",
    "ALTER TABLE T DROP C CASCADE, ADD C bigint",
    "ALTER TABLE T RENAME C TO N",
    "ALTER TABLE T RENAME TO O",
    "ALTER TABLE T SET SCHEMA other",
    "ALTER TABLE other.T SET SCHEMA public",
    "ALTER TABLE T ALTER C SET NOT NULL",
    "ALTER TABLE T ALTER C DROP NOT NULL",
    "ALTER TABLE T ALTER C SET DEFAULT 1",
    "ALTER TABLE T ALTER C DROP DEFAULT",
    "ALTER TABLE T ALTER C TYPE bigint USING 0",
    "ALTER TABLE T ALTER C TYPE mood USING 'sad'",
    "ALTER TABLE T ALTER C ADD GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE T ADD CHECK (C > 0)",
    "ALTER TABLE T ADD CONSTRAINT N CHECK (C IS NOT NULL) NOT VALID",
    "ALTER TABLE T VALIDATE CONSTRAINT N",
    "ALTER TABLE T DROP CONSTRAINT N",
    "ALTER TABLE T ADD FOREIGN KEY (C) REFERENCES O",
    "ALTER TABLE T ADD UNIQUE (C, N)",
    "ALTER TABLE T ADD PRIMARY KEY (C)",
    "ALTER TABLE T SET (fillfactor = 50)",
    "ALTER TABLE T OWNER TO app",
    "ALTER TABLE T ENABLE ROW LEVEL SECURITY",
    "CREATE INDEX ON T (C)",
    "CREATE INDEX ON T (lower(N)) WHERE C > 5",
    "CREATE INDEX N ON T (C)",
    "DROP INDEX N",
    "CREATE VIEW view_T AS SELECT * FROM O",
    "CREATE OR REPLACE VIEW view_T AS SELECT C, N FROM O JOIN T USING (C)",
    "CREATE VIEW view_O AS SELECT count(*) AS C FROM view_T",
    "DROP VIEW view_T CASCADE",
    "COMMENT ON TABLE T IS 'N'",
    "COMMENT ON COLUMN T.C IS 'N'",
    "COMMENT ON TABLE T IS NULL",
    "GRANT SELECT ON T TO app",
    "REVOKE SELECT ON T FROM app",
    "CREATE FUNCTION N(t T) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION f_T() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN C; END'",
    "CREATE TRIGGER N BEFORE INSERT ON T FOR EACH ROW EXECUTE FUNCTION f_O()",
    "ALTER FUNCTION f_T RENAME TO f_O",
    "CREATE POLICY N ON T USING (C > 0)",
    "ALTER TYPE mood RENAME VALUE 'sad' TO 'low'",
    "ALTER TYPE mood RENAME TO temper",
    "ALTER TYPE temper RENAME TO mood",
    "ALTER SCHEMA other RENAME TO another",
    "ALTER SEQUENCE T_id_seq OWNED BY NONE",
    "ALTER SEQUENCE T_id_seq OWNED BY O.C",
    "DO $$ BEGIN CREATE TABLE T (C int); RAISE 'no'; EXCEPTION WHEN others THEN NULL; END $$",
];

const SETUP: &str = "
    DO $$ BEGIN CREATE ROLE app; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
    CREATE SCHEMA other;
    CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE TABLE ta (id serial PRIMARY KEY, ca int, na text);
    CREATE TABLE tb (id serial PRIMARY KEY, cb int REFERENCES ta, na text);
    CREATE VIEW view_ta AS SELECT * FROM ta;
";

fn statement(random: &mut impl Rng) -> String {
    let mut name = |names: [&'static str; 3]| *names.choose(random).expect("there are three");
    let (table, other) = (name(["ta", "tb", "tc"]), name(["ta", "tb", "tc"]));
    let (column, new) = (name(["ca", "cb", "cc"]), name(["na", "nb", "cc"]));
    let template = STATEMENTS.choose(random).expect("there are some");
    let words = |c: char| match c {
        'T' => table.to_owned(),
        'O' => other.to_owned(),
        'C' => column.to_owned(),
        'N' => new.to_owned(),
        c => c.to_string(),
    };
    // A name stands alone; keywords are longer.
    let letters: Vec<char> = template.chars().collect();
    let is_letter = |at: Option<usize>| {
        at.and_then(|at| letters.get(at)).is_some_and(|c: &char| c.is_ascii_uppercase())
    };
    let alone = |at: usize| !is_letter(at.checked_sub(1)) && !is_letter(Some(at + 1));
    letters
        .iter()
        .enumerate()
        .map(|(at, c)| if alone(at) { words(*c) } else { c.to_string() })
        .collect()
}

/// Where a session stands in its transaction.
#[derive(Default)]
struct Place {
    in_transaction: bool,
    savepoints: usize,
}

impl Place {
    /// One step of a session: control of the transaction, or a statement that may fail.
    async fn step(&mut self, connection: &mut PgConnection, random: &mut impl Rng) -> String {
        let sql = self.choose(random);
        if self.in_transaction {
            run(connection, "SAVEPOINT step").await;
            if execute(connection, &sql).await.is_err() {
                run(connection, "ROLLBACK TO step").await;
            }
            run(connection, "RELEASE step").await;
        } else {
            // Refused outside of a transaction, it leaves nothing either.
            let _ = execute(connection, &sql).await;
        }
        sql
    }

    fn choose(&self, random: &mut impl Rng) -> String {
        if random.random_bool(0.05) {
            return "VACUUM (FULL) pg_class".to_owned();
        }
        statement(random)
    }

    /// Begins, marks, rolls back, commits; says what it did.
    async fn control(&mut self, connection: &mut PgConnection, random: &mut impl Rng) -> String {
        let savepoints = self.savepoints;
        let sql = match random.random_range(0..10) {
            _ if !self.in_transaction => {
                self.in_transaction = true;
                "BEGIN".to_owned()
            }
            0..4 => {
                self.savepoints += 1;
                format!("SAVEPOINT s{savepoints}")
            }
            4..8 if savepoints > 0 => {
                let to = random.random_range(0..savepoints);
                self.savepoints = to + 1;
                format!("ROLLBACK TO s{to}")
            }
            8 if savepoints > 0 => {
                self.savepoints -= 1;
                format!("RELEASE s{}", savepoints - 1)
            }
            end => {
                *self = Self::default();
                if end % 2 == 0 { "COMMIT" } else { "ROLLBACK" }.to_owned()
            }
        };
        run(connection, &sql).await;
        sql
    }
}

async fn walk(server: &Server, seed: Seed, mut reader: CatalogReader) {
    let mut random = seed.stream("catalog");
    let mut connection = server.connect().await;
    run(&mut connection, SETUP).await;
    let mut place = Place::default();
    let mut done = vec![format!("seed {seed}")];
    let mut reads = 0;
    for _ in 0..STEPS {
        for _ in 0..random.random_range(1..4) {
            let sql = if random.random_bool(0.3) {
                place.control(&mut connection, &mut random).await
            } else {
                place.step(&mut connection, &mut random).await
            };
            done.push(sql);
        }
        let again = reader.read(&mut connection).await.expect("read again");
        let full = read_full(&mut connection).await;
        let missed = Difference::between(&again, &full);
        assert!(*again == full, "{:#?}\nafter {}", lines(&missed), done.join(";\n"));
        reads += 1;
        if place.in_transaction {
            let mark = reader.mark();
            run(&mut connection, "SAVEPOINT marked").await;
            done.push(format!("taken back: {}", place.step(&mut connection, &mut random).await));
            reader.read(&mut connection).await.expect("read what is taken back");
            run(&mut connection, "ROLLBACK TO marked; RELEASE marked").await;
            reader.return_to(&mark);
            let back = reader.read(&mut connection).await.expect("read what is back");
            assert!(*back == full, "back at the mark after {}", done.join(";\n"));
        }
    }
    assert_eq!(reads, STEPS);
    if place.in_transaction {
        run(&mut connection, "ROLLBACK").await;
    }
    run(
        &mut connection,
        "DROP SCHEMA IF EXISTS public, other, another CASCADE; CREATE SCHEMA public",
    )
    .await;
}

#[tokio::test]
async fn reading_again_equals_reading_anew() {
    let server = Server::start().await;
    for seed in SEEDS {
        walk(&server, Seed(seed), CatalogReader::new()).await;
        walk(&server, Seed(seed), CatalogReader::of_only_writer()).await;
    }
}

#[tokio::test]
async fn what_a_count_or_a_highest_number_would_hide_is_seen() {
    let server = Server::start().await;
    for reader in [CatalogReader::new(), CatalogReader::of_only_writer()] {
        change_and_undo(server.connect().await, reader).await;
    }
}

async fn change_and_undo(mut connection: PgConnection, mut reader: CatalogReader) {
    run(&mut connection, "CREATE TABLE t (a int, b int); BEGIN").await;
    for (change, undo) in [
        ("ALTER TABLE t DROP a; ALTER TABLE t ADD a text", ""),
        ("SAVEPOINT s; ALTER TABLE t ALTER a SET NOT NULL", "ROLLBACK TO s"),
        ("SAVEPOINT s; ALTER TABLE t ALTER a SET NOT NULL", "ROLLBACK TO s"),
        (
            "SAVEPOINT s; CREATE TABLE u (a int); DROP TABLE u; CREATE TABLE u (b int)",
            "ROLLBACK TO s",
        ),
        ("DROP TABLE t; CREATE TABLE t (a int, b int, c int)", ""),
        ("COMMENT ON TABLE t IS 'one'", ""),
        ("COMMENT ON TABLE t IS 'two'", ""),
    ] {
        let before = reader.read(&mut connection).await.unwrap();
        run(&mut connection, change).await;
        let changed = reader.read(&mut connection).await.unwrap();
        assert!(*changed != *before, "{change}");
        assert!(*changed == read_full(&mut connection).await, "{change}");
        if !undo.is_empty() {
            run(&mut connection, undo).await;
            let undone = reader.read(&mut connection).await.unwrap();
            assert!(*undone == *before, "{change}; {undo}");
        }
    }
    run(&mut connection, "ROLLBACK").await;
    let rolled_back = reader.read(&mut connection).await.unwrap();
    assert!(*rolled_back == read_full(&mut connection).await, "all of it rolled back");
}

#[tokio::test]
async fn another_sessions_changes_are_seen_when_they_are_visible() {
    let server = Server::start().await;
    let (mut connection, mut other) = (server.connect().await, server.connect().await);
    let mut reader = CatalogReader::new();
    let before = reader.read(&mut connection).await.unwrap();
    run(&mut other, "BEGIN; CREATE TABLE t (a int)").await;
    assert!(*reader.read(&mut connection).await.unwrap() == *before);
    run(&mut other, "COMMIT").await;
    let after = reader.read(&mut connection).await.unwrap();
    let difference = Difference::between(&before, &after);
    assert_eq!(lines(&difference), ["table public.t was added", "column a of public.t was added"]);
    assert!(*reader.read(&mut other).await.unwrap() == *after, "in another session");
}

#[tokio::test]
async fn reading_leaves_the_session_as_it_was() {
    const STATE: &str = "SELECT current_setting('search_path') || ' ' || current_user || ' ' \
        || current_setting('TimeZone') || ' ' || (SELECT count(*) FROM pg_locks \
        WHERE pid = pg_backend_pid() AND relation = 'v'::regclass)";
    let server = Server::start().await;
    let mut connection = server.connect().await;
    run(
        &mut connection,
        "CREATE ROLE app; CREATE SCHEMA s; CREATE VIEW s.v AS SELECT 1 AS a; SET search_path = s; \
         BEGIN; SET LOCAL TimeZone = 'Asia/Tokyo'; GRANT ALL ON SCHEMA s TO app; \
         SET LOCAL ROLE app; SAVEPOINT mine",
    )
    .await;
    let before: String = sqlx::query_scalar(STATE).fetch_one(&mut connection).await.unwrap();
    let catalog = CatalogReader::new().read(&mut connection).await.unwrap();
    let after: String = sqlx::query_scalar(STATE).fetch_one(&mut connection).await.unwrap();
    assert_eq!(before, after);
    assert!(before.starts_with("s app Asia/Tokyo"), "{before}");
    run(&mut connection, "ROLLBACK TO mine; COMMIT").await;
    let outside: String = sqlx::query_scalar(STATE).fetch_one(&mut connection).await.unwrap();
    assert!(outside.starts_with("s postgres"), "{outside}");
    assert!(*CatalogReader::new().read(&mut connection).await.unwrap() == *catalog);
}

#[tokio::test]
async fn a_failed_transaction_is_an_error_and_the_reader_goes_on_after_it() {
    let server = Server::start().await;
    let mut connection = server.connect().await;
    let mut reader = CatalogReader::new();
    let before = reader.read(&mut connection).await.unwrap();
    run(&mut connection, "BEGIN").await;
    execute(&mut connection, "SELECT 1 / 0").await.expect_err("a division by zero");
    let error = reader.read(&mut connection).await.unwrap_err().to_string();
    assert!(error.contains("transaction is aborted"), "{error}");
    run(&mut connection, "ROLLBACK").await;
    assert!(*reader.read(&mut connection).await.unwrap() == *before);
}
