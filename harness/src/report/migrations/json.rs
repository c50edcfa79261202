//! The outcome as it is; `schemas/migrations-replay.schema.json` describes it.

use crate::migrations::replay::ReplayOutcome;

/// The outcome as JSON, for people's eyes too.
pub fn render(outcome: &ReplayOutcome) -> String {
    // The model has string keys only and no failing serializer, so this cannot fail.
    serde_json::to_string_pretty(outcome).expect("the outcome is plain data") + "\n"
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::migrations::lineage::{ReadOptions, read};
    use crate::migrations::replay::{ReplayOptions, replay};
    use crate::report::release::read::{Content, read as release};
    use crate::report::schema_test::violations;
    use crate::seed::Seed;

    const SCHEMA: &str = "migrations-replay.schema.json";

    #[tokio::test]
    async fn what_is_written_is_as_its_schema_says() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("1_a.up.sql", "CREATE TABLE a (id int PRIMARY KEY, b int);"),
            ("1_a.down.sql", "SELECT 1;"),
            ("2_b.up.sql", "ALTER TABLE a ADD UNIQUE (b); UPDATE a SET b = 1 - b;"),
            ("2_b.down.sql", "DROP TABLE nowhere;"),
            ("3_c.up.sql", "SELECT wrong; SELECT wrong;"),
            ("4_d.up.sql", "ALTER TABLE a ADD COLUMN c int NOT NULL;"),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let lineage = read(folder.path(), &ReadOptions::default()).unwrap();
        let options = ReplayOptions {
            seed: Seed(1),
            statement_deadline: Duration::from_secs(30),
            with_trials: true,
            with_data: true,
            from_dump: None,
            with_drill: true,
            against: None,
            rows: None,
            measured: None,
            traffic: None,
            stall_budget: None,
            paths: 1,
            today: chrono::NaiveDate::from_ymd_opt(2026, 11, 22).unwrap(),
        };
        let outcome = replay(&lineage, &options, &|_, _| ()).await.unwrap();
        let value = serde_json::from_str(&render(&outcome)).unwrap();
        assert_eq!(violations(SCHEMA, &value), Vec::<String>::new());
        let Content::Check(check) = release(&render(&outcome)).unwrap() else { panic!("no check") };
        assert_eq!(check.tables[0].rows.len(), 4, "a release's report reads it");
        let mut wrong = value;
        wrong["fresh"]["applied"] = "two".into();
        wrong["twice"]["often"] = 1.into();
        assert_eq!(violations(SCHEMA, &wrong).len(), 2, "{:?}", violations(SCHEMA, &wrong));
    }
}
