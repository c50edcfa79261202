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
