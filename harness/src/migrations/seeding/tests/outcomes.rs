//! Tables that take no row, each with its evidence.

use super::{Database, SeedingOutcome, outcome, seeder};

async fn check(ddl: &str, table: &str) -> SeedingOutcome {
    let mut database = Database::new().await;
    database.execute(ddl).await;
    let outcomes = seeder().seed(&mut database.connection, "1").await.unwrap();
    outcome(&outcomes, table).clone()
}

#[tokio::test]
async fn a_full_singleton_and_a_full_list_of_kinds_are_saturated() {
    for ddl in [
        "CREATE TABLE t (id int PRIMARY KEY CHECK (id = 1), name text); INSERT INTO t VALUES (1)",
        "CREATE TABLE t (one bool PRIMARY KEY DEFAULT true CHECK (one)); INSERT INTO t VALUES (true)",
        "CREATE TYPE kind AS ENUM ('a', 'b'); CREATE TABLE t (kind kind PRIMARY KEY); \
         INSERT INTO t VALUES ('a'), ('b')",
        "CREATE TABLE t (version text NOT NULL); CREATE UNIQUE INDEX one_row ON t ((version IS NOT NULL)); \
         INSERT INTO t VALUES ('1')",
    ] {
        let outcome = check(ddl, "t").await;
        assert!(
            matches!(&outcome, SeedingOutcome::Saturated { why } if why.contains("duplicate key")),
            "{ddl}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_singleton_that_is_empty_gets_its_row() {
    let ddl = "CREATE TABLE t (id bool PRIMARY KEY DEFAULT true, CHECK (id), n int NOT NULL)";
    let mut database = Database::new().await;
    database.execute(ddl).await;
    let mut seeder = seeder();
    let first = seeder.seed(&mut database.connection, "1").await.unwrap();
    assert_eq!(outcome(&first, "t"), &SeedingOutcome::Seeded { rows: 1 });
    let second = seeder.seed(&mut database.connection, "2").await.unwrap();
    assert!(matches!(outcome(&second, "t"), SeedingOutcome::Saturated { .. }), "{second:?}");
}

#[tokio::test]
async fn a_table_that_refuses_is_unseedable_in_its_own_words() {
    let trigger = |body: &str| {
        format!(
            "CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN {body} END $$; \
             CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()"
        )
    };
    for (ddl, words) in [
        (trigger("RAISE 'read only, please';"), "read only, please"),
        (trigger("INSERT INTO nowhere VALUES (1); RETURN NEW;"), "nowhere"),
        (trigger("NEW.gone := 1; RETURN NEW;"), "gone"),
        (trigger("RETURN NULL;"), "without a word"),
        ("CREATE TABLE t (id int) PARTITION BY LIST (id)".to_owned(), "partition"),
    ] {
        let outcome = check(&ddl, "t").await;
        assert!(
            matches!(&outcome, SeedingOutcome::Unseedable { why } if why.contains(words)),
            "{ddl}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn who_needs_a_parent_that_takes_no_row_is_unseedable_too() {
    let ddl = "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id); \
               CREATE TABLE t (p int NOT NULL REFERENCES p)";
    let outcome = check(ddl, "t").await;
    assert!(
        matches!(&outcome, SeedingOutcome::Unseedable { why } if why.contains("public.p")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_no_value_was_found_for_is_failed() {
    let ddl = "CREATE TABLE t (a text CHECK (a IS NOT NULL AND md5(a) LIKE 'ffffff%'))";
    let outcome = check(ddl, "t").await;
    assert!(
        matches!(&outcome, SeedingOutcome::Failed { why } if why.contains("23514")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn excluded_tables_extensions_and_temporary_tables_are_left_alone() {
    let mut database = Database::new().await;
    database
        .execute(
            "CREATE TABLE versions (version text); CREATE TABLE t (id int); \
             CREATE TEMPORARY TABLE passing (id int); CREATE VIEW v AS SELECT 1",
        )
        .await;
    let mut seeder = seeder().excluding([super::super::TableName::new("public", "versions")]);
    let outcomes = seeder.seed(&mut database.connection, "1").await.unwrap();
    assert_eq!(outcomes.iter().map(|one| one.table.as_str()).collect::<Vec<_>>(), ["t"]);
    assert_eq!(database.ask("SELECT count(*) FROM versions").await, "0");
}

#[tokio::test]
async fn values_that_were_picked_beforehand_do_not_run_out() {
    let mut database = Database::new().await;
    database.execute("CREATE TABLE t (code text PRIMARY KEY CHECK (length(code) = 6))").await;
    let mut seeder = seeder();
    for version in 0..120 {
        let outcomes = seeder.seed(&mut database.connection, &version.to_string()).await.unwrap();
        let outcome = outcome(&outcomes, "t");
        assert!(matches!(outcome, SeedingOutcome::Seeded { .. }), "at {version}: {outcome:?}");
    }
}
