//! `junit.xml`, which nextest and other test runners write.

use std::time::Duration;

use quick_junit::{Report, TestCase, TestCaseStatus};

use crate::checkers::Outcome;
use crate::finding::{Finding, Severity};
use crate::report::ReportError;
use crate::report::release::Check;

/// Reads a test runner's report. A test that was skipped was not checked.
///
/// # Errors
/// It is not of JUnit's form.
pub(super) fn read(text: &str) -> Result<Check, ReportError> {
    let unreadable = |error: quick_junit::DeserializeError| ReportError::Unreadable {
        reason: error.to_string(),
    };
    Report::deserialize_from_str(text).map(|report| check(&report)).map_err(unreadable)
}

fn check(report: &Report) -> Check {
    let mut findings = Vec::new();
    let (mut passed, mut skipped) = (0, 0);
    for suite in &report.test_suites {
        for case in &suite.test_cases {
            match &case.status {
                TestCaseStatus::Success { .. } => passed += 1,
                TestCaseStatus::Skipped { .. } => skipped += 1,
                TestCaseStatus::NonSuccess { .. } => findings.push(finding(&suite.name, case)),
            }
        }
    }
    let (outcome, why) = match (findings.as_slice(), passed) {
        ([first, ..], _) => {
            (Outcome::Invalid, format!("{} tests failed, first {}", findings.len(), first.place))
        }
        ([], 0) => (Outcome::Unknown, format!("no test ran, {skipped} were skipped")),
        ([], passed) => (Outcome::Valid, format!("{passed} tests passed, {skipped} were skipped")),
    };
    let runner = report.name.as_ref().map_or("a test runner", |name| name.as_str());
    let duration = report.time.unwrap_or(Duration::ZERO);
    Check {
        findings,
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        ..Check::new(format!("tests of {runner}"), outcome, why)
    }
}

fn finding(suite: &str, case: &TestCase) -> Finding {
    let (message, description) = match &case.status {
        TestCaseStatus::NonSuccess { message, description, .. } => (message, description),
        _ => (&None, &None),
    };
    let told = [message, description].into_iter().flatten().map(quick_junit::XmlString::as_str);
    Finding {
        id: "test.failed".to_owned(),
        severity: Severity::Error,
        place: format!("{suite} {}", case.name.as_str()),
        evidence: told.collect::<Vec<_>>().join("\n"),
        advice: "run this test alone".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(cases: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><testsuites name="nextest" time="2.5"><testsuite name="s" tests="1" disabled="0" errors="0" failures="0">{cases}</testsuite></testsuites>"#
        )
    }

    #[test]
    fn what_passed_failed_and_was_skipped_is_told_apart() {
        let passed = r#"<testcase name="a"/>"#;
        let failed = r#"<testcase name="b"><failure message="it broke"/></testcase>"#;
        let skipped = r#"<testcase name="c"><skipped/></testcase>"#;
        let good = read(&report(&format!("{passed}{skipped}"))).unwrap();
        assert_eq!(good.outcome, Outcome::Valid);
        assert_eq!(good.why, "1 tests passed, 1 were skipped");
        assert_eq!(good.duration_ms, 2500);
        let bad = read(&report(&format!("{passed}{failed}"))).unwrap();
        assert_eq!(bad.outcome, Outcome::Invalid);
        assert_eq!(
            (bad.findings[0].place.as_str(), bad.findings[0].evidence.as_str()),
            ("s b", "it broke")
        );
        assert_eq!(read(&report(skipped)).unwrap().outcome, Outcome::Unknown);
        assert!(read("<nothing").is_err());
    }
}
