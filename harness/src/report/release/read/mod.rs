//! What a command has written about one release, as checks.
//!
//! Each form is known by the keys that it must have; one file here reads one form. What they read
//! is hostile: a file may come from another machine, and the renderers neutralise what it says.

mod benchmark;
mod certification;
mod chaos;
mod junit;
mod replay;
mod run;
mod sensitivity;

use serde_json::Value;

use super::{Check, ReleaseReport, json};
use crate::report::ReportError;

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// One check.
    Check(Box<Check>),
    /// A report of a release, which has checks of its own.
    Release(Box<ReleaseReport>),
}

/// Reads what `run`, `migrations replay`, `certify`, `chaos`, `sensitivity`, `bench` and `report
/// merge` write as JSON, a check as it stands, and what test runners write as JUnit's XML.
///
/// # Errors
/// It is none of these, or one of a later harness.
pub fn read(text: &str) -> Result<Content, ReportError> {
    if text.trim_start().starts_with('<') {
        return junit::read(text).map(|check| Content::Check(Box::new(check)));
    }
    let unreadable =
        |error: serde_json::Error| ReportError::Unreadable { reason: error.to_string() };
    let value: Value = serde_json::from_str(text).map_err(unreadable)?;
    let has = |keys: &[&str]| keys.iter().all(|key| value.get(key).is_some());
    if has(&["checks", "source"]) {
        return json::read(text).map(|report| Content::Release(Box::new(report)));
    }
    // A check first: it may have any of the keys that the others are known by.
    let check = if has(&["name", "outcome", "why"]) {
        serde_json::from_value(value).map_err(unreadable)?
    } else if has(&["verdicts", "run"]) {
        run::read(text)?
    } else if has(&["lineage", "fresh", "findings"]) {
        replay::check(serde_json::from_value(value).map_err(unreadable)?)
    } else if has(&["server", "rows"]) {
        certification::check(&serde_json::from_value(value).map_err(unreadable)?)
    } else if has(&["system", "covered", "possible"]) {
        chaos::check(serde_json::from_value(value).map_err(unreadable)?)
    } else if has(&["figures"]) {
        benchmark::check(serde_json::from_value(value).map_err(unreadable)?)
    } else if has(&["rows"]) {
        sensitivity::check(serde_json::from_value(value).map_err(unreadable)?)
    } else {
        let reason = "it has the keys of no form that is known".to_owned();
        return Err(ReportError::Unreadable { reason });
    };
    Ok(Content::Check(Box::new(check)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::Outcome;

    #[test]
    fn a_check_is_read_as_it_stands_whatever_else_it_has() {
        let check = Check::new("event propagation", Outcome::Valid, "all of them arrive");
        let text = serde_json::to_string(&check).unwrap();
        assert_eq!(read(&text).unwrap(), Content::Check(Box::new(check.clone())));
        let shortest =
            r#"{"name": "event propagation", "outcome": "valid", "why": "all of them arrive"}"#;
        assert_eq!(read(shortest).unwrap(), Content::Check(Box::new(check)));
    }
}
