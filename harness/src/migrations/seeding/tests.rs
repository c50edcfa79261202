//! Seeding against PostgreSQL itself: what was inserted has met every constraint there is.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{Foresight, Seeder, SeedingOutcome, TableSeeding};
use crate::environment::postgres::{IsolatedDatabase, Template};
use crate::seed::Seed;

mod coverage;
mod data_digest;
mod every_kind;
mod foresight;
mod outcomes;
mod plain;
mod population;
mod reduce;

const SEED: Seed = Seed(20);

/// A database of one's own, and a session on it.
struct Database {
    connection: PgConnection,
    _database: IsolatedDatabase,
}

impl Database {
    async fn new() -> Self {
        let database = IsolatedDatabase::create(&Template::empty()).await.unwrap();
        let connection = PgConnection::connect_with(&database.options()).await.unwrap();
        Self { connection, _database: database }
    }

    async fn execute(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.connection)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Of a query with one text, or none.
    async fn ask(&mut self, sql: &str) -> String {
        let answer: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT ({sql})::text")))
                .fetch_one(&mut self.connection)
                .await
                .unwrap_or_else(|error| panic!("{sql}: {error}"));
        answer.unwrap_or_default()
    }
}

fn outcome<'a>(outcomes: &'a [TableSeeding], table: &str) -> &'a SeedingOutcome {
    let found = outcomes.iter().find(|outcome| outcome.table == table);
    &found.unwrap_or_else(|| panic!("{table} was passed over: {outcomes:?}")).outcome
}

fn rows(outcomes: &[TableSeeding], table: &str) -> usize {
    match outcome(outcomes, table) {
        SeedingOutcome::Seeded { rows } => *rows,
        other => panic!("{table} with seed {SEED}: {other:?}"),
    }
}

fn seeder() -> Seeder {
    Seeder::new(SEED, Foresight::new())
}
