//! What PostgreSQL really did for a call: every statement with its plan as executed, from
//! PostgreSQL's own log. Counts, never times.

use harness::environment::{Environment, Part};
use libtest_mimic::Failed;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, raw_sql};

use crate::calls::part;
use crate::database::superuser;
use crate::expect;
use crate::system_run::ReferenceSystem;

/// Has the module `auto_explain` log every plan of this role's sessions.
const SETTINGS: [(&str, &str); 6] = [
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_timing", "off"),
    ("auto_explain.log_format", "json"),
    ("auto_explain.log_level", "log"),
];

/// Looks at what the server has PostgreSQL do.
#[derive(Debug)]
pub struct QueryProbe<'a> {
    reference: &'a ReferenceSystem,
    environment: &'a Environment,
}

/// What PostgreSQL did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Statements with a plan: no BEGIN, no COMMIT.
    pub statements: usize,
    /// Rows that scans looked at, those that did not match included.
    pub rows: u64,
    /// Those of them that lay in a table that was read from its beginning to its end.
    pub scanned: u64,
    /// How often the most repeated step of a plan ran.
    pub loops: u64,
}

impl<'a> QueryProbe<'a> {
    /// Starts the server anew, with sessions that log their plans.
    ///
    /// # Errors
    /// When PostgreSQL refuses, or the server does not come back.
    pub async fn attach(
        reference: &'a ReferenceSystem,
        environment: &'a Environment,
    ) -> Result<Self, Failed> {
        let probe = Self { reference, environment };
        let database = reference.system.database.as_ref().ok_or("the system has no database")?;
        let role = &database.role;
        let mut connection = probe.connect().await?;
        for (name, value) in SETTINGS {
            let statement = format!("ALTER ROLE {role} SET {name} = '{value}'");
            raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        }
        let server: &Part = part(environment, "server")?;
        server.terminate().await;
        server.start().await?;
        server.wait_ready(expect::BOUND).await?;
        Ok(probe)
    }

    /// A session of the superuser, to plant rows with.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn connect(&self) -> Result<PgConnection, Failed> {
        Ok(superuser(self.environment)?.connect().await?)
    }

    /// What PostgreSQL did for the server while `call` ran.
    ///
    /// # Errors
    /// When the call fails, or the log cannot be read.
    pub async fn effort(
        &self,
        call: impl AsyncFnOnce() -> Result<(), Failed>,
    ) -> Result<Effort, Failed> {
        let before = self.log()?.len();
        call().await?;
        let log = self.log()?;
        let added = log.get(before..).ok_or("PostgreSQL's log became shorter")?;
        let plans = plans(added)?;
        let plans = plans.iter().filter(|plan| !is_health_check(plan));
        Ok(plans.map(|plan| effort(&plan["Plan"])).fold(Effort::default(), |sum, one| Effort {
            statements: sum.statements + 1,
            rows: sum.rows + one.rows,
            scanned: sum.scanned + one.scanned,
            loops: sum.loops.max(one.loops),
        }))
    }

    fn log(&self) -> Result<String, Failed> {
        self.reference.log_of("postgresql").or_else(|_| self.reference.log_of("database"))
    }
}

/// The harness asks for the server's health all the time.
fn is_health_check(plan: &Value) -> bool {
    plan["Query Text"] == "SELECT 1"
}

/// The plans in a piece of log: each begins on the line after `plan:` and is indented by a tab.
fn plans(log: &str) -> Result<Vec<Value>, Failed> {
    let mut plans = Vec::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.ends_with("plan:") {
            continue;
        }
        let mut text = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with('\t')) {
            text.push_str(line.trim_start_matches('\t'));
            text.push('\n');
        }
        plans.push(serde_json::from_str(&text)?);
    }
    Ok(plans)
}

fn effort(node: &Value) -> Effort {
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    let loops = number("Actual Loops");
    let reads = node["Relation Name"].is_string() || node["Node Type"] == "Bitmap Index Scan";
    let looked_at = ["Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"]
        .map(number)
        .iter()
        .sum::<f64>();
    let changes = node["Node Type"] == "ModifyTable";
    let rows = if reads && !changes { count(looked_at * loops) } else { 0 };
    let own = Effort {
        statements: 1,
        rows,
        scanned: if node["Node Type"] == "Seq Scan" { rows } else { 0 },
        loops: count(loops),
    };
    let below = node["Plans"].as_array().into_iter().flatten().map(effort);
    below.fold(own, |sum, one| Effort {
        statements: 1,
        rows: sum.rows + one.rows,
        scanned: sum.scanned + one.scanned,
        loops: sum.loops.max(one.loops),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of rows")]
fn count(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_found_in_a_log_and_their_effort_is_added_up() {
        let log = "2026-01-01 LOG:  duration: 0.1 ms  plan:\n\t{\n\t \"Query Text\": \"SELECT\",\n\
                   \t \"Plan\": {\"Node Type\": \"Aggregate\", \"Actual Rows\": 1, \
                   \"Actual Loops\": 1, \"Plans\": [{\"Node Type\": \"Seq Scan\", \
                   \"Relation Name\": \"agents\", \"Actual Rows\": 3, \"Actual Loops\": 2, \
                   \"Rows Removed by Filter\": 7}]}\n\t}\n2026-01-01 LOG:  other\n";
        let plans = plans(log).unwrap();
        assert_eq!(plans.len(), 1);
        assert!(!is_health_check(&plans[0]));
        assert_eq!(
            effort(&plans[0]["Plan"]),
            Effort { statements: 1, rows: 20, scanned: 20, loops: 2 }
        );
    }
}
