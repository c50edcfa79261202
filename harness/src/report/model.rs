//! The one model of a run, and the whole content of `report.json`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::checkers::{Outcome, Verdict};
use crate::history::{BreakerState, PartState, Stage};
use crate::seed::Seed;

/// The version of the model that this harness writes and reads.
pub const VERSION: u32 = 1;

/// Everything that a reader learns of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Always [`VERSION`].
    pub version: u32,
    /// The worst of the verdicts.
    pub outcome: Outcome,
    /// One sentence that says why.
    pub why: String,
    /// Which run this was.
    pub run: RunIdentity,
    /// Where it ran.
    pub machine: Machine,
    /// What ran.
    pub environment: Topology,
    /// What the run went through, in order.
    pub stages: Vec<StageTimes>,
    /// What was disturbed, in order.
    pub faults: Vec<FaultTimes>,
    /// What each part was doing, in order, by its name.
    #[serde(default)]
    pub states: BTreeMap<String, Vec<StateTimes>>,
    /// What each circuit breaker was doing, in order, by its part's name and its own.
    #[serde(default)]
    pub breakers: BTreeMap<String, Vec<StateTimes<BreakerState>>>,
    /// What the checkers say.
    pub verdicts: Vec<Verdict>,
    /// Counts of the whole run.
    pub totals: Totals,
    /// The most that each part took from the machine, by name; without those that were not seen.
    #[serde(default)]
    pub resources: BTreeMap<String, PartResources>,
    /// How it went over time.
    pub series: Series,
    /// What was not checked, and why.
    pub left_out: Vec<LeftOut>,
    /// Files beside the report.
    pub artifacts: Vec<Artifact>,
}

/// Which run a report is of, and how to repeat it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunIdentity {
    /// The run's name, as its folder's.
    pub name: String,
    /// The plan's name.
    pub plan: String,
    /// Where every random choice came from.
    pub seed: Seed,
    /// How the parts ran: `embedded` or `containers`.
    pub backend: String,
    /// The system under test.
    pub system: String,
    /// The defects that were asked for.
    pub defects: Vec<String>,
    /// When it began, RFC 3339.
    pub started_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The command that repeats it.
    pub rerun: String,
}

/// Where a run ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The operating system with its version.
    pub os: String,
    /// Processors that the harness may use.
    pub cores: u64,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Versions of what took part, by name.
    pub versions: BTreeMap<String, String>,
}

/// The parts of an environment and the links between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// The running parts.
    pub parts: Vec<PartSetup>,
    /// The network hops between them.
    pub links: Vec<LinkSetup>,
}

/// One running part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSetup {
    /// Its name, as `agent-1`.
    pub name: String,
    /// Its command or its image.
    pub runs: String,
}

/// One network hop, through a proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSetup {
    /// The part that connects.
    pub from: String,
    /// The part that listens.
    pub to: String,
    /// The proxy's name.
    pub proxy: String,
}

/// A stage and its time, in milliseconds since the run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTimes {
    /// Which one.
    pub stage: Stage,
    /// When it began.
    pub start_ms: u64,
    /// When the next one began.
    pub end_ms: u64,
}

/// A fault and its time, in milliseconds since the run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultTimes {
    /// Its name, as `cut`.
    pub kind: String,
    /// The link or part that it hit.
    pub target: String,
    /// Its parameters as a person reads them.
    pub detail: String,
    /// When it was injected.
    pub start_ms: u64,
    /// When it ended, if that is known.
    pub end_ms: Option<u64>,
    /// What became of it.
    pub end: FaultEnd,
}

/// What a part or a circuit breaker was doing, and its time, in milliseconds since the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateTimes<S = PartState> {
    /// What.
    pub state: S,
    /// When it began.
    pub start_ms: u64,
    /// When it did something else, or the run ended.
    pub end_ms: u64,
}

/// How a fault ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultEnd {
    /// It was healed.
    Healed,
    /// It could not be injected.
    NotInjected,
    /// Nobody knows, or it never ended.
    Unknown,
}

/// Counts of a whole run, in events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Given to a producer and taken.
    pub taken: u64,
    /// Given to a producer and refused.
    pub refused: u64,
    /// Given to a producer, and nobody knows.
    pub indeterminate: u64,
    /// In the final read, if there was one.
    pub stored: Option<u64>,
    /// Taken and not in the final read, if delivery was judged.
    pub lost: Option<u64>,
    /// Stored once more than emitted, if delivery was judged.
    pub duplicated: Option<u64>,
}

/// The most that one part took from the machine at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartResources {
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub open_files: u64,
}

/// How a run went, in steps of equal length from its beginning on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The length of a step in milliseconds.
    pub step_ms: u64,
    /// Events that producers took, each step.
    pub taken: Vec<u64>,
    /// Events that left the producers' buffers acknowledged, each step; empty if no part says how
    /// many it holds.
    pub acknowledged: Vec<u64>,
    /// Events that producers refused to take, each step.
    #[serde(default)]
    pub refused: Vec<u64>,
    /// Calls of parts to each other; empty where nobody sees them.
    #[serde(default)]
    pub calls: Calls,
    /// How long producers took to take an event, each step.
    #[serde(default)]
    pub latency: Latency,
    /// Events that each part held at the end of each step; none before its first sample.
    pub backlog: BTreeMap<String, Vec<Option<u64>>>,
}

/// How calls of parts to each other ended, each step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// They got through.
    pub passed: Vec<u64>,
    /// A rate limit sent them away.
    pub limited: Vec<u64>,
    /// They were refused otherwise, or not answered.
    pub failed: Vec<u64>,
}

/// How long producers took to take an event, in microseconds; none in a step without one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the events of a step took no longer.
    pub median_us: Vec<Option<u64>>,
    /// 99 of 100 took no longer.
    pub p99_us: Vec<Option<u64>>,
}

/// Something that was not checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// What.
    pub what: String,
    /// Why not, and how to have it checked.
    pub why: String,
}

/// A file beside the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// What it is, as `history` or `log of server`.
    pub name: String,
    /// Its path, relative to the report's folder.
    pub file: String,
}
