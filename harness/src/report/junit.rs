//! `junit.xml`: a test case for each checker, and a skipped one for each thing left out.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::RunReport;
use super::text::neutralise;
use crate::checkers::{Outcome, Verdict};

/// The report in the form that CI systems read. Invalid is a failure, unknown an error.
pub fn render(report: &RunReport) -> Result<String, SerializeError> {
    let run = &report.run;
    let duration = Duration::from_millis(run.duration_ms);
    let mut suite = TestSuite::new(neutralise(&format!("{} on {}", run.plan, run.backend)));
    suite.set_timestamp(run.started_at).set_time(duration);
    suite.add_property(("seed", run.seed.to_string().as_str()));
    suite.add_property(("rerun", neutralise(&run.rerun).as_str()));
    suite.add_test_cases(report.verdicts.iter().map(verdict_case));
    for left in &report.left_out {
        let mut status = TestCaseStatus::skipped();
        status.set_message(neutralise(&left.why));
        suite.add_test_case(case(&left.what, "left out", status));
    }
    let mut junit = Report::new("harness run");
    junit.set_timestamp(run.started_at).set_time(duration);
    junit.add_test_suite(suite);
    junit.to_string()
}

fn verdict_case(verdict: &Verdict) -> TestCase {
    let mut status = match verdict.outcome {
        Outcome::Valid => TestCaseStatus::success(),
        Outcome::Unknown => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Invalid => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    if verdict.outcome != Outcome::Valid {
        status.set_message(neutralise(&verdict.summary));
        status.set_type(verdict.outcome.word());
        status.set_description(description(verdict));
    }
    case(&verdict.checker, "checkers", status)
}

fn description(verdict: &Verdict) -> String {
    let findings = verdict.findings.iter().map(|finding| {
        let text = format!(
            "{} at {}\n{}\nadvice: {}",
            finding.id, finding.place, finding.evidence, finding.advice
        );
        neutralise(&text)
    });
    findings.collect::<Vec<_>>().join("\n\n")
}

fn case(name: &str, class: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(neutralise(name), status);
    case.set_classname(class);
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_verdict_is_a_case_and_what_was_left_out_is_skipped() {
        let report = sample::red();
        let read = Report::deserialize_from_str(&render(&report).unwrap()).unwrap();
        let suite = &read.test_suites[0];
        assert_eq!(suite.test_cases.len(), report.verdicts.len() + report.left_out.len());
        assert_eq!((suite.failures, suite.errors), (1, 0));
        let skipped = |case: &&TestCase| matches!(case.status, TestCaseStatus::Skipped { .. });
        assert_eq!(suite.test_cases.iter().filter(skipped).count(), report.left_out.len());
        let failed = &suite.test_cases[0];
        let TestCaseStatus::NonSuccess { message, .. } = &failed.status else {
            panic!("delivery should have failed: {failed:?}");
        };
        assert_eq!(message.as_ref().unwrap().as_str(), report.verdicts[0].summary);
    }

    #[test]
    fn hostile_text_leaves_it_well_formed() {
        let xml = render(&sample::hostile()).unwrap();
        assert!(Report::deserialize_from_str(&xml).is_ok(), "{xml}");
        assert!(!xml.contains("<script>"), "{xml}");
    }
}
