//! What a system promises beside its events: the bounds that checkers hold it to.
//!
//! Its system file declares them, and each history names them in its header, so that a history is
//! judged by nothing but itself. What is not promised is not judged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The promises of one system. Times are in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Promises {
    /// Of its circuit breakers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakers: Option<BreakerPromise>,
    /// Of calls that are made again after a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<RetryPromise>,
    /// Of what gets through once faults have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goodput: Option<GoodputPromise>,
    /// Of what its parts hold in memory, files and connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcePromise>,
}

/// A breaker opens after failures in a row, rests, probes, and closes by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerPromise {
    /// So many failures in a row open it.
    pub failures: u32,
    /// How many probes may be under way at once.
    pub probes: u32,
    /// How long it rests at least before it probes.
    pub rests: u64,
    /// Within what time after the last fault it is closed.
    pub closes_within: u64,
    /// The most of the fleet's rests, in percent, that may end within a tenth of one another.
    pub lock_step: u32,
}

/// What fails is tried again seldom, ever more seldom, and not by all at the same moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPromise {
    /// Which calls: those whose name ends so. Calls that are made at fixed times whatever
    /// becomes of them are no retries.
    pub calls: Vec<String>,
    /// The longest wait before a retry, unless the called asks for more.
    pub longest: u64,
    /// How many tries may take the place of one for each longest wait that a failure lasts.
    pub amplification: u32,
    /// The most of the fleet's waits, in percent, that may lie within a tenth of one another.
    pub lock_step: u32,
}

/// What gets through is back at its level soon after the last fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GoodputPromise {
    /// Of the level before the first fault, in percent.
    pub level: u32,
    /// Within what time after the last fault.
    pub within: u64,
    /// How long a part may be silent when asked for its health while no fault stops the part.
    pub silent: u64,
    /// The calls that must get through again and again, by how their names end; none for a system
    /// that has no such calls.
    pub check_ins: Option<String>,
    /// How long a caller may go without one that got through, while no fault goes on.
    pub starves: u64,
}

/// What a part holds comes back to its level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResourcePromise {
    /// How much more memory a part may hold in the end than before the first fault, in percent.
    pub memory: u32,
    /// What a part may hold in the end whatever it held before, in bytes of memory: caches fill.
    pub memory_spared: u64,
    /// How many more files and connections a part may have open in the end.
    pub files: u64,
    /// By how many bytes of memory an hour a part may grow while nothing disturbs it.
    pub memory_an_hour: u64,
    /// By how many bytes an hour what a part keeps on its disk may grow while nothing disturbs it.
    pub disk_an_hour: u64,
    /// By how many open files and connections an hour a part may grow while nothing disturbs it.
    pub files_an_hour: u64,
    /// The most memory that a part may ever hold, in bytes, by its name without its number.
    pub most: BTreeMap<String, u64>,
}

impl Default for BreakerPromise {
    fn default() -> Self {
        Self { failures: 5, probes: 1, rests: 1000, closes_within: 60_000, lock_step: 50 }
    }
}

impl Default for RetryPromise {
    fn default() -> Self {
        Self { calls: Vec::new(), longest: 2000, amplification: 8, lock_step: 50 }
    }
}

impl Default for GoodputPromise {
    fn default() -> Self {
        Self { level: 99, within: 10_000, silent: 5000, check_ins: None, starves: 10_000 }
    }
}

impl Default for ResourcePromise {
    fn default() -> Self {
        Self {
            memory: 50,
            memory_spared: 32 << 20,
            files: 32,
            memory_an_hour: 64 << 20,
            disk_an_hour: 64 << 20,
            files_an_hour: 60,
            most: BTreeMap::new(),
        }
    }
}

impl RetryPromise {
    /// Whether calls of this name are retried.
    pub fn is_of(&self, call: &str) -> bool {
        self.calls.iter().any(|ending| call.ends_with(ending))
    }
}
