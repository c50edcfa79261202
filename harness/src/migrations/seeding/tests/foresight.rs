//! Rows of an old version that meet what a later one demands, beside some that do not.

use super::{Database, Foresight, SEED, Seeder, rows};

/// Notes both versions on one database, then seeds the first on another: how many rows there are,
/// and how many of them meet the condition.
async fn check(first: &str, second: &str, condition: &str) -> (usize, usize) {
    let mut fresh = Database::new().await;
    let mut foresight = Foresight::new();
    for (version, sql) in [("1", first), ("2", second)] {
        fresh.execute(sql).await;
        foresight.note(&mut fresh.connection, version).await.unwrap();
    }
    let mut database = Database::new().await;
    database.execute(first).await;
    let mut seeder = Seeder::new(SEED, foresight);
    let outcomes = seeder.seed(&mut database.connection, "1").await.unwrap();
    assert!(rows(&outcomes, "t") > 0);
    let count = async |database: &mut Database, sql: &str| database.ask(sql).await.parse().unwrap();
    let all = count(&mut database, "SELECT count(*) FROM t").await;
    let meeting = format!("SELECT count(*) FROM t WHERE ({condition}) IS NOT FALSE");
    (all, count(&mut database, &meeting).await)
}

#[tokio::test]
async fn all_rows_but_a_few_meet_what_comes_later() {
    for (first, second, condition) in [
        (
            "CREATE TABLE t (id serial PRIMARY KEY, name text)",
            "ALTER TABLE t ALTER name SET NOT NULL",
            "name IS NOT NULL",
        ),
        (
            "CREATE TABLE t (id serial PRIMARY KEY, state text NOT NULL)",
            "ALTER TABLE t ADD CHECK (state IN ('on', 'off'))",
            "state IN ('on', 'off')",
        ),
        (
            "CREATE TABLE t (id serial PRIMARY KEY, old text NOT NULL)",
            "ALTER TABLE t RENAME old TO young; ALTER TABLE t RENAME TO u; \
             ALTER TABLE u ADD CHECK (young ~ '^[a-z]{5}$')",
            "old ~ '^[a-z]{5}$'",
        ),
        (
            "CREATE TABLE t (id serial PRIMARY KEY, state text)",
            "CREATE TYPE state AS ENUM ('on', 'off'); \
             ALTER TABLE t ALTER state TYPE state USING state::state",
            "state IN ('on', 'off')",
        ),
        (
            "CREATE TABLE t (id serial PRIMARY KEY, device text NOT NULL)",
            "ALTER TABLE t ALTER device TYPE uuid USING device::uuid",
            "device ~ '^[-0-9a-f]{36}$'",
        ),
        (
            "CREATE TABLE p (id serial PRIMARY KEY); CREATE TABLE t (id serial, p int NOT NULL)",
            "ALTER TABLE t ADD FOREIGN KEY (p) REFERENCES p",
            "p IN (SELECT id FROM p)",
        ),
        (
            "CREATE TABLE t (id serial PRIMARY KEY, a int, b int)",
            "ALTER TABLE t ADD CHECK (num_nonnulls(a, b) = 1)",
            "num_nonnulls(a, b) = 1",
        ),
    ] {
        let (all, meeting) = check(first, second, condition).await;
        assert!(meeting >= 3, "{second}: {meeting} of {all}, seed {SEED}");
        assert_eq!(all - meeting, 1, "{second}: {meeting} of {all}, seed {SEED}");
    }
}

/// Pairs that are equal in `mail` among the rows of a condition, when this version is followed by
/// that one.
async fn pairs(first: &str, second: &str, condition: &str) -> usize {
    let (all, distinct) = check(
        &format!("CREATE TABLE t (id serial PRIMARY KEY, mail text NOT NULL, {first}"),
        second,
        &format!(
            "({condition}) IS NOT TRUE OR id IN \
             (SELECT min(id) FROM t WHERE {condition} GROUP BY mail)"
        ),
    )
    .await;
    all - distinct
}

#[tokio::test]
async fn a_later_partial_key_meets_pairs_on_each_side_of_its_predicate() {
    for (column, predicate) in [
        ("state text NOT NULL", "state = 'active'"),
        ("state text", "state IS DISTINCT FROM 'gone'"),
        ("state text CHECK (state IN ('a', 'b'))", "state = 'b'"),
        ("gone timestamptz", "gone IS NULL"),
        ("a int, b boolean NOT NULL", "a > 7 AND b"),
    ] {
        let first = format!("{column})");
        let later = format!("CREATE UNIQUE INDEX ON t (mail) WHERE {predicate}");
        for side in [predicate, &format!("({predicate}) IS NOT TRUE")] {
            let pairs = pairs(&first, &later, side).await;
            assert!((1..=2).contains(&pairs), "{later}: {pairs} pairs where {side}, seed {SEED}");
        }
    }
}

#[tokio::test]
async fn twins_have_nothing_where_a_predicate_reads() {
    let pairs = pairs(
        "a text, b int)",
        "CREATE UNIQUE INDEX ON t (mail) WHERE a = 'x' OR b > 3",
        "num_nulls(a, b) = 2",
    )
    .await;
    assert_eq!(pairs, 1, "seed {SEED}");
}

#[tokio::test]
async fn a_predicate_that_takes_in_more_meets_a_pair_that_it_newly_takes_in() {
    let first = "state text NOT NULL); CREATE UNIQUE INDEX old ON t (mail) WHERE state = 'a'";
    for (later, taken_in) in [
        ("CREATE UNIQUE INDEX ON t (mail) WHERE state IN ('a', 'b')", "state = 'b'"),
        ("CREATE UNIQUE INDEX ON t (mail)", "state <> 'a'"),
        ("ALTER TABLE t RENAME state TO s; CREATE UNIQUE INDEX ON t (mail) WHERE s > 'a'", "true"),
    ] {
        let pairs = pairs(first, &format!("DROP INDEX old; {later}"), taken_in).await;
        assert!(pairs > 0, "{later}, seed {SEED}");
    }
}

#[tokio::test]
async fn rows_outside_of_a_partial_key_may_repeat() {
    let key = "state text); CREATE UNIQUE INDEX ON t (mail) WHERE state = 'a'";
    assert!(pairs(key, "SELECT 1", "state <> 'a'").await > 0, "seed {SEED}");
    assert!(pairs(key, "SELECT 1", "state IS NULL").await > 0, "seed {SEED}");
}

#[tokio::test]
async fn a_later_unique_key_meets_one_pair_only() {
    let (all, different) = check(
        "CREATE TABLE t (id serial PRIMARY KEY, mail text NOT NULL DEFAULT 'x')",
        "ALTER TABLE t ADD UNIQUE (mail)",
        "id IN (SELECT min(id) FROM t GROUP BY mail)",
    )
    .await;
    assert_eq!(all - different, 1, "seed {SEED}");
}
