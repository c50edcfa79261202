//! `report.json`: the model as it is; `schemas/run.schema.json` describes it.

use serde::de::DeserializeOwned;

use super::{ReportError, RunReport, VERSION};

/// The report as JSON, for people's eyes too.
pub fn render(report: &RunReport) -> String {
    // The model has string keys only and no failing serializer, so this cannot fail.
    serde_json::to_string_pretty(report).expect("the report model is plain data") + "\n"
}

/// Reads a report back, as `report compare` and `report merge` do.
///
/// # Errors
/// The text is no such report, or one of a later harness.
pub fn read(text: &str) -> Result<RunReport, ReportError> {
    read_versioned(text, VERSION)
}

/// Reads any form of a report that has a `version`.
///
/// # Errors
/// The text is not of the form, or of a later version of it.
pub(super) fn read_versioned<T: DeserializeOwned>(
    text: &str,
    version: u32,
) -> Result<T, ReportError> {
    let unreadable =
        |error: serde_json::Error| ReportError::Unreadable { reason: error.to_string() };
    let value: serde_json::Value = serde_json::from_str(text).map_err(unreadable)?;
    match value["version"].as_u64() {
        Some(found) if found > u64::from(version) => Err(ReportError::NewerVersion { found }),
        _ => serde_json::from_value(value).map_err(unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::report::schema_test::violations;

    #[test]
    fn what_is_written_is_read_back() {
        for report in [sample::green(), sample::red()] {
            assert_eq!(read(&render(&report)).unwrap(), report);
        }
    }

    #[test]
    fn what_is_written_is_as_its_schema_says() {
        for report in [sample::green(), sample::red(), sample::hostile()] {
            let value = serde_json::from_str(&render(&report)).unwrap();
            assert_eq!(violations("run.schema.json", &value), Vec::<String>::new());
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let said = |text: &str| read(text).unwrap_err().to_string();
        assert!(said("{\"version\": 2}").contains("version 2"));
        assert!(said("[]").contains("not a run's report"));
        assert!(said("{").contains("not a run's report"));
    }
}
