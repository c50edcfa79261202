//! A hundred trivial database tests through the shared cluster. Run by `cargo bench --bench
//! suites`.

#[path = "../common/mod.rs"]
mod common;
#[macro_use]
mod hundred;

use harness::environment::postgres::IsolatedDatabase;
use sqlx::PgPool;

async fn with_a_database(test: impl AsyncFnOnce(PgPool)) {
    let database = IsolatedDatabase::create(&common::template()).await.expect("a database");
    let pool = PgPool::connect_with(database.options()).await.expect("connected");
    test(pool.clone()).await;
    pool.close().await;
}

macro_rules! test {
    ($name:ident) => {
        #[tokio::test]
        async fn $name() {
            crate::with_a_database(crate::hundred::an_agent_is_stored).await;
        }
    };
}
hundred!(test);
