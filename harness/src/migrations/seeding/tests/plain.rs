//! Rows of tables that took every row so far, each inserted by a statement of its own.

use super::{Database, outcome, rows, seeder};
use crate::migrations::seeding::SeedingOutcome;

const TABLES: &str = "CREATE TABLE p (id serial PRIMARY KEY, name text NOT NULL); \
    CREATE TABLE c (id serial PRIMARY KEY, p int NOT NULL REFERENCES p); \
    CREATE TABLE other (a text NOT NULL)";

#[tokio::test]
async fn a_row_refers_to_the_row_of_its_parent_that_was_made_with_it() {
    let mut database = Database::new().await;
    database.execute(TABLES).await;
    let mut seeder = seeder();
    seeder.seed(&mut database.connection, "1").await.unwrap();
    for version in ["2", "3"] {
        let newest = database.ask("SELECT max(id) FROM p").await;
        let seeded = seeder.seed(&mut database.connection, version).await.unwrap();
        assert_eq!(["p", "c", "other"].map(|table| rows(&seeded, table)), [1, 1, 1]);
        let children = format!("SELECT count(*) FROM c WHERE p > {newest}");
        assert_eq!(database.ask(&children).await, "1", "version {version}");
    }
}

#[tokio::test]
async fn one_that_is_refused_or_left_out_takes_no_other_with_it() {
    for says in ["RETURN NULL", "RAISE 'not today'"] {
        let mut database = Database::new().await;
        database.execute(TABLES).await;
        let mut seeder = seeder();
        seeder.seed(&mut database.connection, "1").await.unwrap();
        let refuse = format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN {}; END'; CREATE TRIGGER refuse BEFORE INSERT ON c \
             FOR EACH ROW EXECUTE FUNCTION refuse()",
            says.replace('\'', "''")
        );
        database.execute(&refuse).await;
        let before: usize = database.ask("SELECT count(*) FROM p").await.parse().unwrap();
        let seeded = seeder.seed(&mut database.connection, "2").await.unwrap();
        assert!(matches!(outcome(&seeded, "c"), SeedingOutcome::Unseedable { .. }), "{seeded:?}");
        assert_eq!(rows(&seeded, "p"), 1, "{says}");
        let after: usize = database.ask("SELECT count(*) FROM p").await.parse().unwrap();
        assert_eq!(after, before + 1, "{says}: nothing of the first attempt is left");
    }
}

#[tokio::test]
async fn parents_that_share_a_column_with_no_key_on_it_agree_in_it() {
    let shared = "CREATE TABLE owner (id uuid PRIMARY KEY DEFAULT gen_random_uuid()); \
        CREATE TABLE place (owner uuid NOT NULL REFERENCES owner, name text, UNIQUE (owner, name)); \
        CREATE TABLE label (owner uuid NOT NULL, name text, UNIQUE (owner, name)); \
        CREATE TABLE mark (owner uuid NOT NULL, name text, UNIQUE (owner, name))";
    let joins = [
        // One of them says where the values come from; then none does.
        "CREATE TABLE joined (owner uuid, place text, label text, \
            PRIMARY KEY (owner, place, label), \
            FOREIGN KEY (owner, place) REFERENCES place (owner, name), \
            FOREIGN KEY (owner, label) REFERENCES label (owner, name))",
        "CREATE TABLE joined (owner uuid, mark text, label text, PRIMARY KEY (owner, mark, label), \
            FOREIGN KEY (owner, mark) REFERENCES mark (owner, name), \
            FOREIGN KEY (owner, label) REFERENCES label (owner, name))",
    ];
    for join in joins {
        let mut database = Database::new().await;
        database.execute(shared).await;
        let mut seeder = seeder();
        seeder.seed(&mut database.connection, "1").await.unwrap();
        database.execute(join).await;
        for version in ["2", "3", "4"] {
            let seeded = seeder.seed(&mut database.connection, version).await.unwrap();
            assert!(rows(&seeded, "joined") > 0, "version {version} of {join}");
        }
    }
}
