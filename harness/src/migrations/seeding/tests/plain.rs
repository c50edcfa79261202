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

/// One of them is given anew, with several rows, or with little in its one row: the other's newest
/// row still belongs to the same owner.
#[tokio::test]
async fn parents_of_one_version_belong_together_whatever_else_is_new() {
    let mut database = Database::new().await;
    database
        .execute(
            "CREATE TABLE owner (id serial PRIMARY KEY, name text); \
             CREATE TABLE member (id serial PRIMARY KEY, owner int REFERENCES owner, \
                UNIQUE (owner, id)); \
             CREATE TABLE upload (id serial PRIMARY KEY, owner int NOT NULL REFERENCES owner); \
             CREATE TABLE post (id serial PRIMARY KEY, owner int NOT NULL REFERENCES owner, \
                title text, UNIQUE (owner, id)); \
             CREATE TABLE vote (member int NOT NULL, post int NOT NULL, owner int NOT NULL, \
                PRIMARY KEY (member, post), \
                FOREIGN KEY (owner, post) REFERENCES post (owner, id), \
                FOREIGN KEY (owner, member) REFERENCES member (owner, id))",
        )
        .await;
    let changes = [
        "",
        "ALTER TABLE owner ADD a int",
        "",
        "ALTER TABLE upload ADD a int",
        "ALTER TABLE post ADD a int",
        "",
        "ALTER TABLE member ADD a int",
        "",
        "ALTER TABLE owner ADD b int NOT NULL DEFAULT 1",
        "",
    ];
    let mut seeder = seeder();
    for (version, change) in changes.into_iter().enumerate() {
        database.execute(change).await;
        let seeded = seeder.seed(&mut database.connection, &version.to_string()).await.unwrap();
        assert!(rows(&seeded, "vote") > 0, "version {version}: {change}");
    }
}
