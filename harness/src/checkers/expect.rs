//! What the tests of checkers expect of verdicts.

use super::{Outcome, Verdict};

/// The checker accepts the history.
#[track_caller]
pub fn valid(verdict: &Verdict) {
    assert_eq!(verdict.outcome, Outcome::Valid, "{verdict:#?}");
}

/// The checker rejects it with this finding alone, and such evidence.
#[track_caller]
pub fn invalid(verdict: &Verdict, id: &str, evidence: &str) {
    assert_eq!(verdict.outcome, Outcome::Invalid, "{verdict:#?}");
    let found: Vec<&str> = verdict.findings.iter().map(|finding| &*finding.id).collect();
    assert_eq!(found, [id]);
    let said = &verdict.findings[0].evidence;
    assert!(said.contains(evidence), "{said}");
}
