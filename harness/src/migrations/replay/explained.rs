//! A failure that a rule explains is told once: as what the rule found, with PostgreSQL's words.

use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;

/// Folds failures on an empty database into the findings of rules on the same statement. A failure
/// without a line is that of the tool's own record.
pub fn told_once(found: Vec<MigrationFinding>) -> Vec<MigrationFinding> {
    let (failures, mut told): (Vec<_>, Vec<_>) = found.into_iter().partition(is_failure);
    let mut unexplained = Vec::new();
    for failure in failures {
        match told.iter_mut().find(|finding| explains(finding, &failure)) {
            Some(finding) => {
                finding.evidence = format!("{}: {}", finding.evidence, failure.evidence);
            }
            None => unexplained.push(failure),
        }
    }
    unexplained.extend(told);
    unexplained
}

fn is_failure(finding: &MigrationFinding) -> bool {
    matches!(finding.id.as_str(), "fresh.failed" | "fresh.hidden")
}

fn explains(finding: &MigrationFinding, failure: &MigrationFinding) -> bool {
    let same_statement = failure.line.is_none() || failure.line == finding.line;
    finding.severity == Severity::Error
        && finding.line.is_some()
        && finding.file.is_some()
        && finding.file == failure.file
        && same_statement
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &str, severity: Severity, line: Option<usize>) -> MigrationFinding {
        MigrationFinding {
            id: id.to_owned(),
            severity,
            version: Some("2".into()),
            file: Some("2_b.up.sql".into()),
            line,
            statement: None,
            evidence: id.to_uppercase(),
            advice: String::new(),
        }
    }

    fn ids(found: Vec<MigrationFinding>) -> Vec<String> {
        told_once(found).into_iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn a_failure_of_the_statement_that_a_rule_names_is_told_with_it() {
        let failed = finding("fresh.failed", Severity::Error, Some(3));
        let rule = finding("roles.unknown", Severity::Error, Some(3));
        let told = told_once(vec![failed, rule]);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].evidence, "ROLES.UNKNOWN: FRESH.FAILED");
    }

    #[test]
    fn a_failure_of_the_tools_record_is_told_with_what_records_itself() {
        let failed = finding("fresh.failed", Severity::Error, None);
        let rule = finding("tracking.self-recorded", Severity::Error, Some(9));
        assert_eq!(ids(vec![failed, rule]), ["tracking.self-recorded"]);
    }

    #[test]
    fn other_statements_and_mild_findings_explain_nothing() {
        let failed = finding("fresh.failed", Severity::Error, Some(3));
        let elsewhere = finding("roles.unknown", Severity::Error, Some(4));
        let mild = finding("uuids.mixed", Severity::Info, Some(3));
        let told = ids(vec![failed, elsewhere, mild]);
        assert_eq!(told, ["fresh.failed", "roles.unknown", "uuids.mixed"]);
    }
}
