//! What a checker says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Severity};

/// One of three values. The order is from good to bad: the worst wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It held.
    Valid,
    /// Nobody can tell: what is needed to judge is not in the history, or the checker broke.
    Unknown,
    /// It did not hold.
    Invalid,
}

impl Outcome {
    /// The worst of many; of none it is unknown, for then nothing was checked.
    pub fn worst(outcomes: impl IntoIterator<Item = Self>) -> Self {
        outcomes.into_iter().max().unwrap_or(Self::Unknown)
    }

    /// Its word, as in files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Unknown => "unknown",
            Self::Invalid => "invalid",
        }
    }
}

/// A checker's judgement on one history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The checker's name.
    pub checker: String,
    /// Whether what it looks for held.
    pub outcome: Outcome,
    /// Why, in one sentence.
    pub summary: String,
    /// What is wrong, one finding for each kind and place.
    pub findings: Vec<Finding>,
    /// What was counted, by name.
    pub counts: BTreeMap<String, u64>,
}

impl Verdict {
    /// A verdict on these findings: invalid if one of them is an error, else valid.
    pub fn on(checker: &str, findings: Vec<Finding>, summary: String) -> Self {
        let wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
        Self {
            checker: checker.into(),
            outcome: if wrong { Outcome::Invalid } else { Outcome::Valid },
            summary,
            findings,
            counts: BTreeMap::new(),
        }
    }

    /// Nobody can tell, and why.
    pub fn unknown(checker: &str, why: impl Into<String>) -> Self {
        Self {
            checker: checker.into(),
            outcome: Outcome::Unknown,
            summary: why.into(),
            findings: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    /// The same with these counts.
    pub fn counting<const N: usize>(mut self, counts: [(&str, u64); N]) -> Self {
        self.counts.extend(counts.map(|(name, count)| (name.to_owned(), count)));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{Invalid, Unknown, Valid};
    use super::*;

    #[test]
    fn the_worst_wins_and_nothing_checked_is_unknown() {
        assert_eq!(Outcome::worst([Valid, Valid]), Valid);
        assert_eq!(Outcome::worst([Valid, Unknown]), Unknown);
        assert_eq!(Outcome::worst([Unknown, Invalid, Valid]), Invalid);
        assert_eq!(Outcome::worst([]), Unknown);
    }
}
