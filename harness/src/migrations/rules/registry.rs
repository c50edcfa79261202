//! All the rules there are.

use super::{
    Rule, concurrently_wrapped, down_missing, journal_skipped, never_run, number_gap,
    number_letter, number_order, number_twice, own_transaction, self_recorded, squawk,
    tracking_touched, unknown_role, unstated_delete, uuids_mixed,
};
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::Lineage;

/// Those of our own, up to and behind the names of squawk's.
const BEFORE: [Rule; 9] = [
    down_missing::RULE,
    never_run::RULE,
    unstated_delete::RULE,
    journal_skipped::RULE,
    number_gap::RULE,
    number_letter::RULE,
    number_order::RULE,
    number_twice::RULE,
    unknown_role::RULE,
];
const BEHIND: [Rule; 5] = [
    self_recorded::RULE,
    tracking_touched::RULE,
    own_transaction::RULE,
    concurrently_wrapped::RULE,
    uuids_mixed::RULE,
];

/// All rules, in the order of their names.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    BEFORE.iter().chain(&squawk::ADOPTED).chain(&BEHIND)
}

/// What all rules find in a lineage, rule by rule, and what squawk's find at last. What
/// `lineage.toml` accepts is among it, see [`Lineage::sift`].
pub fn check(lineage: &Lineage) -> Vec<MigrationFinding> {
    let own = BEFORE.iter().chain(&BEHIND);
    let found = own.flat_map(|rule| (rule.check)(rule, lineage));
    found.chain(squawk::check_all(lineage)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use chrono::NaiveDate;
    use sqlx::{AssertSqlSafe, Connection, PgConnection};

    use super::*;
    use crate::environment::postgres::{IsolatedDatabase, Template};
    use crate::migrations::lineage::{ReadOptions, Script, Step, Tracking, Wrapping, read};
    use crate::migrations::rules::Example;

    fn lineage_of(example: &Example) -> Lineage {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in example.files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let convention = Some(example.convention);
        let mut lineage =
            read(folder.path(), &ReadOptions { convention, ..ReadOptions::default() }).unwrap();
        // What is passed over is read when a rule asks for it, so the folder must last.
        lineage.path = folder.keep();
        lineage
    }

    async fn send(connection: &mut PgConnection, sql: &str) -> Result<(), Option<String>> {
        let sent = sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await;
        sent.map(drop).map_err(|error| sqlstate(&error))
    }

    fn sqlstate(error: &sqlx::Error) -> Option<String> {
        Some(error.as_database_error()?.code()?.into_owned())
    }

    async fn run(
        connection: &mut PgConnection,
        script: &Script,
        records: &[String],
    ) -> Result<(), Option<String>> {
        let in_transaction = script.wrapping == Wrapping::Transaction;
        if in_transaction {
            send(connection, "BEGIN").await?;
        }
        if script.wrapping == Wrapping::EachStatement {
            for statement in &script.statements {
                send(connection, &statement.text).await?;
            }
        } else {
            send(connection, &script.text).await?;
        }
        for record in records {
            send(connection, record).await?;
        }
        if in_transaction { send(connection, "COMMIT").await } else { Ok(()) }
    }

    /// Runs a lineage as its tool would.
    async fn replay(lineage: &Lineage) -> Option<String> {
        let database = IsolatedDatabase::create(&Template::empty()).await.unwrap();
        let mut connection = PgConnection::connect_with(&database.options()).await.unwrap();
        let tracking = lineage.tracking();
        for statement in tracking.iter().flat_map(Tracking::create) {
            send(&mut connection, &statement).await.unwrap();
        }
        let mut refused = None;
        for (position, migration) in lineage.migrations.iter().enumerate() {
            let Step::Script(script) = &migration.up else { continue };
            let record = tracking.as_ref().map(|tracking| tracking.up(lineage, position));
            let record = record.unwrap_or_default();
            for statement in &record.before {
                send(&mut connection, statement).await.unwrap();
            }
            if let Err(code) = run(&mut connection, script, &record.after).await {
                refused = code;
                break;
            }
        }
        drop(connection);
        database.close().await.unwrap();
        refused
    }

    #[tokio::test]
    async fn each_rule_finds_what_is_bad_and_lets_pass_what_is_good() {
        for rule in rules() {
            for (example, is_bad) in [(&rule.bad, true), (&rule.good, false)] {
                let lineage = lineage_of(example);
                let found = (rule.check)(rule, &lineage);
                fs::remove_dir_all(&lineage.path).unwrap();
                assert_eq!(!found.is_empty(), is_bad, "{}: {found:?}", rule.id);
                assert!(found.iter().all(|finding| finding.id == rule.id));
                let seen = replay(&lineage).await;
                assert_eq!(seen.as_deref(), example.refused, "{}: {:?}", rule.id, example.files);
            }
        }
    }

    #[test]
    fn rules_are_named_once_and_in_order() {
        let names: Vec<_> = rules().map(|rule| rule.id).collect();
        assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");
    }

    /// What squawk's rules tell for information is said of nearly every lineage.
    fn is_squawks(finding: &MigrationFinding) -> bool {
        finding.id.starts_with("squawk.")
    }

    fn under_test(name: &str) -> Lineage {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations-under-test");
        read(&folder.join(name), &ReadOptions::default()).unwrap()
    }

    #[test]
    fn the_repaired_lineage_yields_nothing() {
        let lineage = under_test("repaired");
        let day = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
        let (open, accepted) = lineage.sift(check(&lineage), day);
        assert_eq!(open, []);
        assert_eq!(accepted.len(), 41, "{accepted:?}");
    }

    #[test]
    fn the_audited_lineage_yields_what_the_audit_found() {
        let lineage = under_test("audited");
        let found: Vec<String> = check(&lineage)
            .into_iter()
            .filter(|finding| !is_squawks(finding))
            .map(|finding| {
                let file = finding.file.unwrap_or_default();
                let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
                format!("{} {file}{line}", finding.id)
            })
            .collect();
        insta::assert_snapshot!(found.join("\n"));
    }
}
