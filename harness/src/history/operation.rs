//! What happened in a run, one entry at a time.

use serde::{Deserialize, Serialize};

/// One line of a history: something began, ended, or was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Nanoseconds since the run began, on a monotonic clock.
    pub at: u64,
    /// Who did or saw it: a worker, the nemesis, the harness itself.
    pub process: String,
    /// Joins the beginning of an operation with its end; unique in the run.
    pub operation: u64,
    /// Which end of the operation this is.
    pub phase: Phase,
    /// What it is about.
    pub action: Action,
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It begins.
    Invoke,
    /// It happened.
    Ok,
    /// It did not happen.
    Fail,
    /// It may have happened.
    Indeterminate,
}

/// What an operation does. An end repeats the action of its beginning, completed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// An event is given to a producer.
    Emit(Emit),
    /// Everything that the system holds is read back, in the system's own order.
    Read {
        /// What was read; empty in the beginning of the operation.
        events: Vec<StoredEvent>,
        /// Why it could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Somebody calls what is limited: ok is admitted, fail is sent away by the limit.
    Call(Call),
    /// A part calls another, as seen on the link between them: ok is an answer that says yes, fail
    /// one that says no, indeterminate none.
    Attempt(Attempt),
    /// The nemesis disturbs something: begins when injected, ends when healed.
    Fault(Fault),
    /// A part of the environment changes its state.
    Part {
        /// The part's name, as `agent-1`.
        part: String,
        /// What it is now.
        state: PartState,
        /// Why, in a few words: an exit code, a fault, a deadline.
        detail: String,
    },
    /// The run enters a stage.
    Stage {
        /// Which one.
        stage: Stage,
    },
    /// What a part says of itself, sampled: how many events it holds that the server has not
    /// acknowledged.
    Backlog {
        /// The part.
        part: String,
        /// Events.
        events: u64,
    },
    /// What a part says of a circuit breaker of its own, sampled.
    Breaker {
        /// The part.
        part: String,
        /// The breaker's name within the part.
        breaker: String,
        /// What it is doing.
        state: BreakerState,
    },
    /// What a part takes from the machine, sampled from outside: the sums over all processes of
    /// its process group.
    Resources {
        /// The part.
        part: String,
        /// Memory that is resident now, in bytes.
        resident_bytes: u64,
        /// The most that was resident since the processes began, in bytes: what lies between two
        /// samples is in it too.
        peak_resident_bytes: u64,
        /// Open file descriptors.
        open_files: u64,
        /// What the files in its own folder hold, in bytes.
        #[serde(default)]
        disk_bytes: u64,
    },
}

/// An event given to a producer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emit {
    /// The part that it is given to, as `agent-1`.
    pub producer: String,
    /// The workload's own mark, unique in the run, by which the event is known again.
    pub marker: String,
    /// Its kind in the workload's words, as `agent_scan/failed`.
    pub kind: String,
    /// True for a kind that must not wait behind others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    /// True for the fresh operation after the drain, which must succeed.
    pub probe: bool,
    /// What the producer answered when it took the event.
    pub receipt: Option<Receipt>,
    /// Why it was not taken, or why nobody knows.
    pub error: Option<String>,
}

/// A call to what is limited by a bucket of calls that fills again evenly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Whose bucket it is taken from.
    pub caller: String,
    /// How many calls the bucket holds.
    pub holds: u32,
    /// In how many milliseconds an empty bucket is full.
    pub fills_in: u64,
    /// How many seconds a caller who was sent away was told to wait.
    pub wait: Option<u64>,
}

/// A call of one part to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The part that calls, as `agent-1`.
    pub caller: String,
    /// What it calls, without what differs from call to call, as `POST /events`; for what a
    /// circuit breaker stands before, the breaker's name.
    pub call: String,
    /// True in the end of a call that a rate limit sent away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limited: bool,
    /// In the end of a call: how many seconds the caller was told to wait before the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<u64>,
}

impl Attempt {
    /// A call that begins, or of whose end no more is known.
    pub fn new(caller: impl Into<String>, call: impl Into<String>) -> Self {
        Self { caller: caller.into(), call: call.into(), limited: false, wait: None }
    }
}

/// What a circuit breaker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// It lets everything through.
    Closed,
    /// It lets nothing through.
    Open,
    /// It lets probes through.
    HalfOpen,
}

/// A producer's word that it has taken an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The event's identity, if the producer told one.
    pub id: Option<String>,
    /// The lane that it was put in, if any.
    pub lane: Option<String>,
    /// Its number within producer and lane, if any.
    pub sequence: Option<u64>,
}

/// An event as it was read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Its identity.
    pub id: String,
    /// The producer as the system names it; none for what the server made itself.
    pub producer: Option<String>,
    /// Its lane, if any.
    pub lane: Option<String>,
    /// Its number within producer and lane, if any.
    pub sequence: Option<u64>,
    /// The workload's mark, if it came from the workload.
    pub marker: Option<String>,
    /// The range of numbers, first and last, that this event announces as dropped, if it is
    /// such an announcement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<(u64, u64)>,
}

/// A disturbance, as planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its name in a few words, as `cut` or `kill`.
    pub kind: String,
    /// What it hits: a link or a part.
    pub target: String,
    /// Its parameters as a person reads them.
    pub detail: String,
    /// Parts that must come back by themselves after it.
    pub parts: Vec<String>,
}

/// What the history says of a part that was asked whether it is ready and did not answer at all.
pub const NO_ANSWER: &str = "no answer";

/// What a part of the environment is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// Its process was started.
    Started,
    /// It says itself that it is ready.
    Ready,
    /// The harness ended it on purpose.
    Killed,
    /// It ended although nobody asked it to.
    Exited,
    /// It does not say that it is ready, although its process runs.
    Unready,
}

/// A stage of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The environment is being started.
    Start,
    /// Workload and nemesis are at work.
    Disturb,
    /// Every fault is ended.
    Heal,
    /// Waiting until nothing moves any more.
    Drain,
    /// A fresh operation that must succeed.
    Probe,
    /// The history is judged.
    Judge,
}
