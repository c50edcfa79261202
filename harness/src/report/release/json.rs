//! The report as it is; `schemas/release.schema.json` describes it.

use super::{ReleaseReport, VERSION};
use crate::report::ReportError;
use crate::report::json::read_versioned;

/// The report as JSON, for people's eyes too.
pub fn render(report: &ReleaseReport) -> String {
    // Plain data with string keys, so this cannot fail.
    serde_json::to_string_pretty(report).expect("a report is plain data") + "\n"
}

/// Reads what [`render`] wrote.
///
/// # Errors
/// The text is not such a report, or one of a later harness.
pub fn read(text: &str) -> Result<ReleaseReport, ReportError> {
    read_versioned(text, VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::release::sample;
    use crate::report::schema_test::violations;

    #[test]
    fn what_is_written_is_read_back() {
        let report = sample::red();
        assert_eq!(read(&render(&report)).unwrap(), report);
    }

    #[test]
    fn what_is_written_is_as_its_schema_says() {
        for report in [sample::green(), sample::red(), sample::hostile()] {
            let value = serde_json::from_str(&render(&report)).unwrap();
            assert_eq!(violations("release.schema.json", &value), Vec::<String>::new());
        }
    }

    #[test]
    fn another_form_is_refused() {
        assert!(matches!(read("[]"), Err(ReportError::Unreadable { .. })));
        let newer = render(&sample::red()).replacen("\"version\": 1", "\"version\": 2", 1);
        assert!(matches!(read(&newer), Err(ReportError::NewerVersion { found: 2 })));
    }
}
