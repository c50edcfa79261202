//! The findings as SARIF 2.1.0, which code hosts show beside the lines.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::replay::ReplayOutcome;
use crate::migrations::rules::rules;
use crate::report::text::neutralise;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The findings as one run of SARIF.
pub fn render(outcome: &ReplayOutcome) -> String {
    let rules: BTreeMap<&str, &MigrationFinding> =
        outcome.findings.iter().map(|finding| (finding.id.as_str(), finding)).collect();
    let folder = outcome.lineage.path.to_string_lossy();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "harness",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_values().map(rule).collect::<Vec<_>>(),
            }},
            "results": outcome.findings.iter()
                .map(|finding| result(&folder, finding))
                .collect::<Vec<_>>(),
        }],
    });
    // Plain data with string keys, so this cannot fail.
    serde_json::to_string_pretty(&log).expect("a SARIF log is plain data") + "\n"
}

/// What a kind of finding is: of a rule, in its own words; of a replay, by what to do about the
/// last such finding.
fn rule(finding: &MigrationFinding) -> Value {
    let level = json!({ "level": level(finding.severity) });
    let text = |text: &str| json!({ "text": neutralise(text) });
    match rules().find(|rule| rule.id == finding.id) {
        Some(rule) => json!({
            "id": rule.id,
            "shortDescription": text(rule.summary),
            "fullDescription": text(rule.reason),
            "help": text(rule.advice),
            "defaultConfiguration": level,
        }),
        None => json!({
            "id": finding.id,
            "help": text(&finding.advice),
            "defaultConfiguration": level,
        }),
    }
}

fn result(folder: &str, finding: &MigrationFinding) -> Value {
    let text = format!("{}\n{}", finding.evidence, finding.advice);
    let mut result = json!({
        "ruleId": finding.id,
        "level": level(finding.severity),
        "message": { "text": neutralise(&text) },
    });
    if let Some(file) = &finding.file {
        let mut physical = json!({ "artifactLocation": { "uri": uri(folder, file) } });
        if let Some(line) = finding.line {
            physical["region"] = json!({ "startLine": line });
        }
        result["locations"] = json!([{ "physicalLocation": physical }]);
    }
    result
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// The file as a URI reference, seen from where the harness was started.
fn uri(folder: &str, file: &str) -> String {
    let path = format!("{}/{file}", folder.trim_end_matches('/'));
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_says_what_to_do_and_a_rule_why() {
        let found = |id: &str| MigrationFinding {
            id: id.to_owned(),
            severity: Severity::Warning,
            version: None,
            file: None,
            line: None,
            statement: None,
            evidence: String::new(),
            advice: "mend it".to_owned(),
        };
        let replayed = rule(&found("fresh.failed"));
        assert_eq!(replayed["help"]["text"], "mend it");
        let known = rules().next().unwrap();
        let ruled = rule(&found(known.id));
        for (key, text) in [
            ("shortDescription", known.summary),
            ("fullDescription", known.reason),
            ("help", known.advice),
        ] {
            assert_eq!(ruled[key]["text"], text);
        }
    }
}
