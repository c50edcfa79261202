//! What a toxic is.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::Error;
use crate::model::{Attributes, Direction};
use crate::protocol::Protocol;
use crate::queue::Queue;
use crate::tally::Tally;

/// A toxic type; the value holds the attributes, all of them 0 by default.
pub trait Toxic: Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name in the API.
    const TYPE: &'static str;
    /// Whether a connection that it acted on ends when the toxic is removed.
    const CLOSES_WHEN_REMOVED: bool = false;
    /// What it remembers of one direction of one connection; survives a change of attributes.
    type Memory: Default + Send + 'static;

    /// Says what is wrong with the attributes.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// How many bytes may wait for it beyond what any flow holds, so that it does not slow the flow
    /// more than it means to.
    fn window(&self) -> usize {
        0
    }

    /// What happens to a connection that comes in, before its upstream is dialled.
    fn admit(&self, _random: &mut ChaCha8Rng) -> Admission {
        Admission::Now
    }

    /// Takes over from the toxic as it was before a change what is kept beside the attributes.
    fn carry(&mut self, _before: &Self) {}

    /// What a cut has counted; other toxics count nothing.
    fn tally(&self) -> Option<&Tally> {
        None
    }

    /// The next thing to do with what waits. Called again until it says to wait. Everything passes
    /// unless told otherwise.
    fn act(&self, _memory: &mut Self::Memory, moment: &mut Moment<'_>) -> Step {
        moment.pass()
    }
}

/// What happens to a connection that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admission {
    /// It goes on.
    Now,
    /// It goes on so much later than it came.
    After(Duration),
    /// It is reset.
    Refused,
}

/// What a toxic sees when it acts.
pub struct Moment<'a> {
    /// The bytes that wait before it.
    pub input: &'a mut Queue,
    /// The time.
    pub now: Instant,
    /// When it began to act on this connection with its present attributes.
    pub since: Instant,
    /// Its own random numbers.
    pub random: &'a mut ChaCha8Rng,
    /// The direction it acts in.
    pub direction: Direction,
    /// Whether it has met this direction of the connection from the first byte on.
    pub from_start: bool,
}

impl Moment<'_> {
    /// What to do when no byte waits: pass the end on if it was reached.
    pub fn rest(&self) -> Step {
        if self.input.finished() { Step::End } else { Step::Wait }
    }

    /// Passes the first chunk on, or the end.
    pub fn pass(&mut self) -> Step {
        match self.input.pop() {
            Some(bytes) => Step::Pass(bytes),
            None => self.rest(),
        }
    }
}

/// What happens next at a stage.
pub enum Step {
    /// These bytes, taken from the input, go on.
    Pass(Bytes),
    /// Nothing, until something comes or changes.
    Wait,
    /// Nothing before this time.
    WaitUntil(Instant),
    /// The end of the stream goes on.
    End,
    /// The connection is closed once everything that went on before has been delivered.
    Close,
    /// The connection is reset at once.
    Reset,
    /// What waits goes on; what comes back from now on is dropped, up to the end of the answer of
    /// this protocol, and then the connection is closed.
    DropAnswer(Protocol),
}

/// What a toxic remembers, without its type.
pub type Memory = Box<dyn Any + Send>;

/// A [`Toxic`] without its type, so that stages can stand in one list.
pub trait AnyToxic: Send + Sync {
    /// Its name in the API.
    fn kind(&self) -> &'static str;
    /// Every attribute.
    fn attributes(&self) -> Attributes;
    /// A copy with `changes` laid over its attributes; unknown names are ignored.
    fn with(&self, changes: &Attributes) -> Result<Arc<dyn AnyToxic>, Error>;
    /// An empty memory.
    fn memory(&self) -> Memory;
    /// See [`Toxic::window`].
    fn window(&self) -> usize;
    /// See [`Toxic::CLOSES_WHEN_REMOVED`].
    fn closes_when_removed(&self) -> bool;
    /// See [`Toxic::admit`].
    fn admit(&self, random: &mut ChaCha8Rng) -> Admission;
    /// See [`Toxic::tally`].
    fn tally(&self) -> Option<&Tally>;
    /// See [`Toxic::act`].
    fn act(&self, memory: &mut Memory, moment: &mut Moment<'_>) -> Step;
}

impl<T: Toxic> AnyToxic for T {
    fn kind(&self) -> &'static str {
        T::TYPE
    }

    fn attributes(&self) -> Attributes {
        match serde_json::to_value(self) {
            Ok(Value::Object(attributes)) => attributes,
            _ => unreachable!("a toxic is a struct"),
        }
    }

    fn with(&self, changes: &Attributes) -> Result<Arc<dyn AnyToxic>, Error> {
        let mut attributes = self.attributes();
        for (name, value) in &mut attributes {
            if let Some(change) = changes.get(name).filter(|change| !change.is_null()) {
                *value = change.clone();
            }
        }
        let changed = T::deserialize(Value::Object(attributes))
            .map_err(|error| error.to_string())
            .and_then(|toxic| toxic.check().map(|()| toxic))
            .map_err(|what| Error::BadRequestBody(format!("attributes of {}: {what}", T::TYPE)));
        let mut changed = changed?;
        changed.carry(self);
        Ok(Arc::new(changed))
    }

    fn memory(&self) -> Memory {
        Box::new(T::Memory::default())
    }

    fn window(&self) -> usize {
        Toxic::window(self)
    }

    fn closes_when_removed(&self) -> bool {
        T::CLOSES_WHEN_REMOVED
    }

    fn admit(&self, random: &mut ChaCha8Rng) -> Admission {
        Toxic::admit(self, random)
    }

    fn tally(&self) -> Option<&Tally> {
        Toxic::tally(self)
    }

    fn act(&self, memory: &mut Memory, moment: &mut Moment<'_>) -> Step {
        let memory = memory.downcast_mut().expect("a stage never changes its type of toxic");
        Toxic::act(self, memory, moment)
    }
}

/// A time in milliseconds as an attribute; what is negative counts as none.
pub fn milliseconds(attribute: i64) -> Duration {
    Duration::from_millis(u64::try_from(attribute).unwrap_or(0))
}

/// A moment after another. An attribute may say longer than time can count, which means never.
pub fn after(start: Instant, wait: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    start + wait.min(CENTURY)
}

/// A toxic at work on a clock that the test moves.
#[cfg(test)]
pub mod bench {
    use super::{ChaCha8Rng, Direction, Duration, Instant, Moment, Queue, Step, Toxic};
    use crate::random;

    /// What a toxic did, with times in milliseconds since the start.
    #[derive(Debug, PartialEq, Eq)]
    pub enum Did {
        Pass(Vec<u8>),
        Wait,
        WaitUntil(u64),
        End,
        Close,
        Reset,
        DropAnswer,
    }

    pub fn pass(bytes: &[u8]) -> Did {
        Did::Pass(bytes.to_vec())
    }

    pub struct Bench<T: Toxic> {
        pub toxic: T,
        pub input: Queue,
        memory: T::Memory,
        random: ChaCha8Rng,
        start: Instant,
    }

    impl<T: Toxic> Bench<T> {
        pub fn new(toxic: T) -> Self {
            let random = random::generator(1);
            let memory = T::Memory::default();
            Self { toxic, input: Queue::default(), memory, random, start: Instant::now() }
        }

        /// Bytes arrive.
        pub fn arrive(&mut self, at: u64, bytes: &[u8]) {
            self.input.push(bytes.to_vec().into(), self.start + Duration::from_millis(at));
        }

        /// The toxic acts once.
        pub fn act(&mut self, at: u64) -> Did {
            let now = self.start + Duration::from_millis(at);
            let mut moment = Moment {
                input: &mut self.input,
                now,
                since: self.start,
                random: &mut self.random,
                direction: Direction::ToServer,
                from_start: false,
            };
            match self.toxic.act(&mut self.memory, &mut moment) {
                Step::Pass(bytes) => Did::Pass(bytes.to_vec()),
                Step::Wait => Did::Wait,
                Step::WaitUntil(due) => {
                    Did::WaitUntil((due - self.start).as_micros().div_ceil(1000) as u64)
                }
                Step::End => Did::End,
                Step::Close => Did::Close,
                Step::Reset => Did::Reset,
                Step::DropAnswer(_) => Did::DropAnswer,
            }
        }
    }
}
