//! A digest that notices every change of data, and no other.

use super::super::DataDigest;
use super::{Database, seeder};

#[tokio::test]
async fn a_digest_names_what_differs() {
    let mut database = Database::new().await;
    database
        .execute("CREATE TABLE t (id serial PRIMARY KEY, a text, b int); CREATE TABLE u (a text)")
        .await;
    seeder().seed(&mut database.connection, "1").await.unwrap();
    for (change, expected) in [
        ("SELECT 1", vec![]),
        ("ALTER TABLE t ADD c int; ALTER TABLE t DROP b", vec![]),
        ("VACUUM FULL t", vec![]),
        ("UPDATE t SET a = a || 'x'", vec!["public.t.a: the values differ"]),
        ("DELETE FROM u WHERE ctid = '(0,1)'", vec!["public.u: 4 rows, and 3 now"]),
        (
            "UPDATE t SET a = (SELECT a FROM t AS o WHERE o.id = 5 - t.id)",
            vec!["public.t.a: the values differ"],
        ),
        ("SELECT setval('t_id_seq', 99)", vec!["sequence public.t_id_seq: 4, and 99 now"]),
    ] {
        let before = DataDigest::read(&mut database.connection).await.unwrap();
        database.execute(change).await;
        let after = DataDigest::read(&mut database.connection).await.unwrap();
        assert_eq!(before.differences(&after), expected, "{change}");
    }
}

#[tokio::test]
async fn columns_that_have_other_numbers_have_the_same_digest() {
    let key = "PRIMARY KEY (provider, sector, kind, sealed)";
    let columns = "provider int, sector int, kind text, sealed text";
    let mut database = Database::new().await;
    let gone: Vec<String> = (0..9).map(|number| format!("gone_{number} int")).collect();
    let drops = gone.iter().map(|column| format!("DROP COLUMN {}", &column[..6]));
    let drops = drops.collect::<Vec<_>>().join(", ");
    database.execute(&format!("CREATE TABLE t ({}, {columns}, {key})", gone.join(", "))).await;
    database.execute(&format!("ALTER TABLE t {drops}")).await;
    database.execute("INSERT INTO t VALUES (1, 2, 'a', 'b'), (2, 1, 'b', 'a')").await;
    let before = DataDigest::read(&mut database.connection).await.unwrap();
    database
        .execute(&format!("ALTER TABLE t RENAME TO old; CREATE TABLE t ({columns}, {key})"))
        .await;
    database.execute("INSERT INTO t SELECT * FROM old; DROP TABLE old").await;
    let after = DataDigest::read(&mut database.connection).await.unwrap();
    assert_eq!(before.differences(&after), [""; 0]);
}
