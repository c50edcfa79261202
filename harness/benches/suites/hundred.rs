//! The test that both suites consist of, and its hundred names.

use sqlx::PgPool;

/// Passes only on a database that nobody else writes to.
pub async fn an_agent_is_stored(pool: PgPool) {
    let mut connection = pool.acquire().await.expect("connected");
    sqlx::raw_sql(
        "INSERT INTO agents (hostname, os_type, agent_version) VALUES ('one', 'linux', '1.0')",
    )
    .execute(&mut *connection)
    .await
    .expect("stored");
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM agents")
        .fetch_one(&mut *connection)
        .await
        .expect("counted");
    assert_eq!(count, 1);
}

macro_rules! ten {
    ($test:ident, $($tens:ident),*) => {$(
        mod $tens {
            $test!(test_0);
            $test!(test_1);
            $test!(test_2);
            $test!(test_3);
            $test!(test_4);
            $test!(test_5);
            $test!(test_6);
            $test!(test_7);
            $test!(test_8);
            $test!(test_9);
        }
    )*};
}

macro_rules! hundred {
    ($test:ident) => {
        ten!($test, tens_0, tens_1, tens_2, tens_3, tens_4, tens_5, tens_6, tens_7, tens_8, tens_9);
    };
}
