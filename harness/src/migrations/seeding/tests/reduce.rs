//! Refused migrations, reduced to the rows that they refuse.

use sqlx::{AssertSqlSafe, PgConnection};

use super::super::{
    Population, Reduction, ReductionClass, Refusal, RowSet, SeedingError, TableName, Trial, reduce,
};
use super::{Database, SEED, seeder};

/// Runs one statement in a transaction, and rolls it back.
struct Statement<'a> {
    connection: &'a mut PgConnection,
    sql: &'a str,
}

impl Trial for Statement<'_> {
    async fn attempt(&mut self, without: &RowSet) -> Result<Result<(), Refusal>, SeedingError> {
        without.begin_without(self.connection).await?;
        let outcome = execute(self.connection, self.sql).await;
        execute(self.connection, "ROLLBACK").await.unwrap();
        Ok(outcome)
    }
}

async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), Refusal> {
    let outcome = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    outcome.map(drop).map_err(|error| {
        let error = error.into_database_error().unwrap();
        let error = error.downcast_ref::<sqlx::postgres::PgDatabaseError>();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Refusal {
            sqlstate: error.code().to_owned(),
            message: error.message().to_owned(),
            detail: owned(error.detail()),
            table: error.table().map(|table| TableName::new(error.schema().unwrap(), table)),
            column: owned(error.column()),
            constraint: owned(error.constraint()),
            statement: sql.to_owned(),
            line: Some(1),
        }
    })
}

async fn check(tables: &str, migration: &str) -> (Reduction, Database) {
    let mut database = Database::new().await;
    database.execute(tables).await;
    let mut seeder = seeder();
    let mut population = Population::new();
    for version in ["1", "2", "3"] {
        seeder.seed(&mut database.connection, version).await.unwrap();
        if version == "2" {
            database.execute("INSERT INTO p (name, n) VALUES ('', -1), ('x', 0)").await;
        }
        population.capture(&mut database.connection, version).await.unwrap();
    }
    let mut trial = Statement { connection: &mut database.connection, sql: migration };
    let refusal = trial.attempt(&RowSet::default()).await.unwrap();
    let refusal = refusal.expect_err("the migration must be refused with all rows");
    let reduction = reduce(&mut trial, &population, refusal).await.unwrap();
    assert!(!reduction.exhausted, "{migration}, seed {SEED}");
    if reduction.class != ReductionClass::AlwaysRefused {
        reduction.without.begin_without(&mut database.connection).await.unwrap();
        database.execute("SET CONSTRAINTS ALL IMMEDIATE; COMMIT").await;
        database.execute(migration).await;
    }
    (reduction, database)
}

const TWO: &str = "CREATE TABLE p (id serial PRIMARY KEY, name text, n int); \
    CREATE TABLE c (p int REFERENCES p, note text); CREATE TABLE other (id serial, name text)";

#[tokio::test]
async fn a_shape_that_was_permitted_is_an_assumption() {
    for (migration, code) in [
        ("ALTER TABLE p ALTER name SET NOT NULL", "23502"),
        ("ALTER TABLE p ADD CHECK (name <> '')", "23514"),
        ("ALTER TABLE p ADD CHECK (n > 0)", "23514"),
        ("ALTER TABLE p ALTER name TYPE uuid USING name::uuid", "22P02"),
        ("ALTER TABLE c ADD FOREIGN KEY (note) REFERENCES p_names", "42P01"),
        ("ALTER TABLE p ADD q int REFERENCES p; UPDATE p SET q = n", "23503"),
        (
            "DO $$ BEGIN IF EXISTS (SELECT FROM p WHERE n < 0) THEN RAISE 'negative'; END IF; END $$",
            "P0001",
        ),
    ] {
        let (reduction, _database) = check(TWO, migration).await;
        if code == "42P01" {
            assert_eq!(reduction.class, ReductionClass::AlwaysRefused, "{migration}");
            assert!(reduction.without.is_empty());
            continue;
        }
        assert_eq!(reduction.class, ReductionClass::Assumption, "{migration}: {reduction:#?}");
        let offence = &reduction.offences[0];
        assert_eq!(offence.refusal.sqlstate, code, "{migration}");
        assert!(!offence.rows.is_empty());
        assert!(offence.rows.iter().all(|row| row.table.table == "p"), "{migration}");
        assert!(offence.rows[0].values.contains("name = "), "{}", offence.rows[0].values);
    }
}

#[tokio::test]
async fn what_no_row_can_pass_is_broken() {
    for migration in [
        "ALTER TABLE p ADD x int NOT NULL",
        "ALTER TABLE p ADD x int NOT NULL DEFAULT 0 UNIQUE",
        "ALTER TABLE c ADD x int NOT NULL DEFAULT -7 REFERENCES p",
    ] {
        let (reduction, _database) = check(TWO, migration).await;
        assert_eq!(reduction.class, ReductionClass::NoRowPasses, "{migration}: {reduction:#?}");
    }
}

#[tokio::test]
async fn no_more_rows_go_than_must() {
    let (reduction, mut database) =
        check(TWO, "ALTER TABLE p ADD CHECK (n IS DISTINCT FROM 0)").await;
    let births: Vec<&str> =
        reduction.offences.iter().flat_map(|one| &one.rows).map(|row| row.birth.as_str()).collect();
    let left = database.ask("SELECT count(*) FROM p").await;
    assert_ne!(left, "0", "{births:?}");
    let orphans = "SELECT count(*) FROM c WHERE p IS NOT NULL AND p NOT IN (SELECT id FROM p)";
    assert_eq!(database.ask(orphans).await, "0", "dependants go with their parents");
}

#[tokio::test]
async fn every_offence_of_a_migration_is_found() {
    let migration = "ALTER TABLE p ALTER name SET NOT NULL; \
        ALTER TABLE other ALTER name TYPE int USING name::int; ALTER TABLE p ADD CHECK (n >= 0)";
    let (reduction, _database) = check(TWO, migration).await;
    let codes: Vec<&str> =
        reduction.offences.iter().map(|offence| offence.refusal.sqlstate.as_str()).collect();
    for code in ["23502", "22P02", "23514"] {
        assert!(codes.contains(&code), "{codes:?}");
    }
}
