//! What PostgreSQL really did for a call: every statement with its plan as executed, from
//! PostgreSQL's own log. Counts, never times.

use std::collections::BTreeSet;

use serde_json::Value;

/// Has the module `auto_explain` log every plan of a role's new sessions.
pub const EXPLAIN_SETTINGS: [(&str, &str); 6] = [
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_timing", "off"),
    ("auto_explain.log_format", "json"),
    ("auto_explain.log_level", "log"),
];

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

impl Effort {
    /// What a piece of log tells, without the statements that come by themselves.
    ///
    /// # Errors
    /// A plan is not JSON.
    pub fn of(log: &str, background: &BTreeSet<String>) -> serde_json::Result<Self> {
        let plans = plans(log)?;
        let asked = plans.iter().filter(|plan| !background.contains(text_of(plan)));
        Ok(asked.map(|plan| effort(&plan["Plan"])).fold(Self::default(), |sum, one| Self {
            statements: sum.statements + 1,
            rows: sum.rows + one.rows,
            scanned: sum.scanned + one.scanned,
            loops: sum.loops.max(one.loops),
        }))
    }
}

/// The statements in a piece of log.
///
/// # Errors
/// A plan is not JSON.
pub fn statements(log: &str) -> serde_json::Result<BTreeSet<String>> {
    Ok(plans(log)?.iter().map(|plan| text_of(plan).to_owned()).collect())
}

fn text_of(plan: &Value) -> &str {
    plan["Query Text"].as_str().unwrap_or_default()
}

/// The plans in a piece of log: each begins on the line after `plan:` and is indented by a tab.
fn plans(log: &str) -> serde_json::Result<Vec<Value>> {
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

fn count(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-01-01 LOG:  duration: 0.1 ms  plan:\n\t{\n\t \"Query Text\": \"SELECT\",\n\
                   \t \"Plan\": {\"Node Type\": \"Aggregate\", \"Actual Rows\": 1, \
                   \"Actual Loops\": 1, \"Plans\": [{\"Node Type\": \"Seq Scan\", \
                   \"Relation Name\": \"agents\", \"Actual Rows\": 3, \"Actual Loops\": 2, \
                   \"Rows Removed by Filter\": 7}]}\n\t}\n2026-01-01 LOG:  other\n";

    #[test]
    fn plans_are_found_in_a_log_and_their_effort_is_added_up() {
        let effort = Effort::of(LOG, &BTreeSet::new()).unwrap();
        assert_eq!(effort, Effort { statements: 1, rows: 20, scanned: 20, loops: 2 });
    }

    #[test]
    fn what_comes_by_itself_does_not_count() {
        let background = statements(LOG).unwrap();
        assert_eq!(background, BTreeSet::from(["SELECT".to_owned()]));
        assert_eq!(Effort::of(LOG, &background).unwrap(), Effort::default());
    }
}
