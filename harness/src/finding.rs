//! What a rule, a replay or a checker reports: one thing that is wrong, with its proof.

use serde::{Deserialize, Serialize};

/// How bad a finding is. The order is from mild to grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// May become wrong.
    Warning,
    /// Wrong: a release with it is not safe.
    Error,
}

impl Severity {
    /// Its word, as in files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A stable name in dotted words, as `delivery.lost`.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where: an agent, a link, a file with its line.
    pub place: String,
    /// What was seen that shows it, in the words of the system under test where it spoke.
    pub evidence: String,
    /// What to do about it.
    pub advice: String,
}
