//! A hundred trivial database tests through `#[sqlx::test]`. Run by `cargo bench --bench suites`.

#[path = "../common/mod.rs"]
mod common;
#[macro_use]
mod hundred;

use std::sync::LazyLock;

use sqlx::migrate::Migrator;

static MIGRATOR: LazyLock<Migrator> = LazyLock::new(common::migrator);

macro_rules! test {
    ($name:ident) => {
        #[sqlx::test(migrator = "crate::MIGRATOR")]
        async fn $name(pool: sqlx::PgPool) {
            crate::hundred::an_agent_is_stored(pool).await;
        }
    };
}
hundred!(test);
