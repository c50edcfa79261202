//! The findings as SARIF 2.1.0, which code hosts show beside the lines.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::replay::ReplayOutcome;
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

fn rule(finding: &MigrationFinding) -> Value {
    json!({ "id": finding.id, "defaultConfiguration": { "level": level(finding.severity) } })
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
