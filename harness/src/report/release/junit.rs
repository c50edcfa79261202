//! The report in the form that CI systems read: a test case a check, a skipped one for each thing
//! left out.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{Check, ReleaseReport};
use crate::checkers::Outcome;
use crate::report::text::neutralise;

/// Invalid is a failure, unknown an error.
///
/// # Errors
/// What XML cannot hold.
pub fn render(report: &ReleaseReport) -> Result<String, SerializeError> {
    let duration = Duration::from_millis(report.source.duration_ms);
    let mut suite = TestSuite::new("release");
    suite.set_time(duration);
    suite.add_test_cases(report.checks.iter().map(case));
    for left in &report.left_out {
        let mut status = TestCaseStatus::skipped();
        status.set_message(neutralise(&left.why));
        suite.add_test_case(TestCase::new(neutralise(&left.what), status));
    }
    let mut junit = Report::new("harness release");
    junit.set_time(duration).add_test_suite(suite);
    junit.to_string()
}

fn case(check: &Check) -> TestCase {
    let mut status = match check.outcome {
        Outcome::Valid => TestCaseStatus::success(),
        Outcome::Unknown => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Invalid => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    if check.outcome != Outcome::Valid {
        status.set_message(neutralise(&check.why));
        let told = check
            .findings
            .iter()
            .map(|finding| format!("{} at {}\n{}", finding.id, finding.place, finding.evidence));
        status.set_description(neutralise(&told.collect::<Vec<_>>().join("\n\n")));
    }
    let mut case = TestCase::new(neutralise(&check.name), status);
    case.set_time(Duration::from_millis(check.duration_ms));
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::release::sample;

    #[test]
    fn every_check_is_a_case() {
        let report = sample::red();
        let read = Report::deserialize_from_str(&render(&report).unwrap()).unwrap();
        let suite = &read.test_suites[0];
        assert_eq!(suite.test_cases.len(), report.checks.len() + report.left_out.len());
        assert_eq!((suite.failures, suite.errors), (1, 0));
    }

    #[test]
    fn hostile_text_leaves_it_well_formed() {
        let xml = render(&sample::hostile()).unwrap();
        assert!(Report::deserialize_from_str(&xml).is_ok(), "{xml}");
    }
}
