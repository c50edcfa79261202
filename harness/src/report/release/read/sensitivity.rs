//! What `sensitivity --json` writes: which planted defects were caught.

use serde::Deserialize;

use crate::checkers::Outcome;
use crate::finding::{Finding, Severity};
use crate::report::release::{Check, Row, Table};

/// The part of the file that a release's report needs.
#[derive(Debug, Deserialize)]
pub(super) struct Sensitivity {
    rows: Vec<Planted>,
}

#[derive(Debug, Deserialize)]
struct Planted {
    id: String,
    #[serde(default)]
    layer: String,
    detector: String,
    /// Absent while its detector is pending.
    caught: Option<bool>,
    silent_without: Option<bool>,
    #[serde(default)]
    evidence: String,
}

/// The check that a table of planted defects is.
pub(super) fn check(sensitivity: Sensitivity) -> Check {
    let rows = sensitivity.rows;
    let tried = rows.iter().filter(|row| row.outcome() != Outcome::Unknown).count();
    let caught = rows.iter().filter(|row| row.outcome() == Outcome::Valid).count();
    let outcome = match (tried, caught) {
        (0, _) => Outcome::Unknown,
        (tried, caught) if tried == caught => Outcome::Valid,
        _ => Outcome::Invalid,
    };
    let missed = rows.iter().filter(|row| row.outcome() == Outcome::Invalid);
    let findings: Vec<Finding> = missed.map(Planted::finding).collect();
    let first = findings.first().map(|first| format!(", first {}", first.place));
    let why = format!("{caught} of {tried} planted defects caught{}", first.unwrap_or_default());
    let table = Table {
        title: "Planted defects".to_owned(),
        headings: ["defect", "layer", "detector", "caught", "by"].map(str::to_owned).to_vec(),
        rows: rows.into_iter().map(Planted::into_row).collect(),
    };
    Check { findings, tables: vec![table], ..Check::new("sensitivity", outcome, why) }
}

impl Planted {
    fn outcome(&self) -> Outcome {
        match (self.caught, self.silent_without) {
            (Some(true), Some(true)) => Outcome::Valid,
            (Some(_), Some(_)) => Outcome::Invalid,
            _ => Outcome::Unknown,
        }
    }

    fn word(&self) -> &'static str {
        match (self.caught, self.silent_without) {
            (Some(true), Some(true)) => "caught",
            (Some(false), _) => "missed",
            (_, Some(false)) => "found without it too",
            _ => "pending",
        }
    }

    fn finding(&self) -> Finding {
        Finding {
            id: "sensitivity.missed".to_owned(),
            severity: Severity::Error,
            place: self.id.clone(),
            evidence: format!("{}: {}\n{}", self.detector, self.word(), self.evidence),
            advice: "see whether the detector or the defect's switch has changed".to_owned(),
        }
    }

    fn into_row(self) -> Row {
        let (outcome, word) = (self.outcome(), self.word().to_owned());
        Row { outcome, cells: vec![self.id, self.layer, self.detector, word, self.evidence] }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(caught: &Value, silent: &Value) -> Check {
        let row = json!({ "id": "A", "layer": "E", "detector": "scenario x", "caught": caught,
                          "silent_without": silent, "evidence": "lost", "seconds": 1.0 });
        check(serde_json::from_value(json!({ "rows": [row] })).unwrap())
    }

    #[test]
    fn a_defect_counts_when_it_is_caught_and_silence_reigns_without_it() {
        let yes = json!(true);
        assert_eq!(read(&yes, &yes).outcome, Outcome::Valid);
        assert_eq!(read(&json!(false), &yes).outcome, Outcome::Invalid);
        assert_eq!(read(&yes, &json!(false)).outcome, Outcome::Invalid);
        assert_eq!(read(&json!(null), &json!(null)).outcome, Outcome::Unknown);
        assert_eq!(read(&json!(false), &yes).why, "0 of 1 planted defects caught, first A");
    }
}
