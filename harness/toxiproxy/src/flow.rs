//! One direction of a connection: source socket, a stage for each toxic, sink socket.
//!
//! A flow never waits. [`Flow::turn`] does what can be done at once and says what to wait for, so a
//! toxic can be added, changed or removed between any two turns. The bytes lie in the queues between
//! the stages, never inside a toxic; what waits before a removed stage moves on to the next.

use std::sync::Arc;

use bytes::BytesMut;
use rand_chacha::ChaCha8Rng;
use tokio::io::ErrorKind;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::model::Direction;
use crate::protocol::Protocol;
use crate::queue::Queue;
use crate::toxics::{AnswerDropper, AnyToxic, Installed, Memory, Moment, Step};
use crate::traffic::Traffic;

/// The most that is read at once.
const CHUNK: usize = 64 << 10;
/// A read into less room than this is not worth a system call.
const SMALL: usize = 4 << 10;
/// The cost of what a flow with toxics may hold, beside the windows that toxics ask for.
const HELD: usize = 64 << 10;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both sides see the end of the stream.
    Close,
    /// Both sides see a TCP reset.
    Reset,
}

/// What a flow waits for.
#[derive(Default)]
pub struct Wants {
    /// Bytes from the source.
    pub input: bool,
    /// Room at the sink.
    pub room: bool,
    /// A time.
    pub wake: Option<Instant>,
}

/// One direction of a connection.
pub struct Flow {
    seed: u64,
    direction: Direction,
    traffic: Arc<Traffic>,
    stages: Vec<Stage>,
    output: Queue,
    buffer: BytesMut,
    /// A byte has come from the source.
    began: bool,
    /// Nothing more comes from the source.
    source_ended: bool,
    /// Once what is held has been delivered, the connection is closed.
    closing: bool,
    /// The sink has got the end, or is gone.
    finished: bool,
    /// The other direction must lose the answer that it carries next.
    answer_to_drop: Option<Protocol>,
    /// Nobody is left to write to; what still comes from the source is dropped.
    sink_gone: bool,
}

impl Flow {
    /// A flow without toxics; `seed` is its own.
    pub fn new(seed: u64, direction: Direction, traffic: Arc<Traffic>) -> Self {
        Self {
            seed,
            direction,
            traffic,
            stages: Vec::new(),
            output: Queue::default(),
            buffer: BytesMut::new(),
            began: false,
            source_ended: false,
            closing: false,
            finished: false,
            answer_to_drop: None,
            sink_gone: false,
        }
    }

    /// Adds a stage at the end. It acts on what is read from now on, and on what still waits before
    /// other stages.
    pub fn add(&mut self, toxic: &Installed, now: Instant) {
        if self.closing || self.finished {
            return;
        }
        let mut stage = Stage::new(self.seed, toxic, now);
        stage.from_start = !self.began;
        if self.stages.is_empty() && self.source_ended {
            stage.input.end();
        }
        self.stages.push(stage);
    }

    /// The answer that the other direction must lose, if a stage said so in the last turn.
    pub fn take_answer_to_drop(&mut self) -> Option<Protocol> {
        self.answer_to_drop.take()
    }

    /// Drops the answer that comes next from the source, then closes the connection.
    pub fn drop_answer(&mut self, protocol: Protocol, now: Instant) {
        let toxic = Installed {
            name: String::new(), // no other has that name
            direction: self.direction,
            toxicity: 1.0,
            toxic: Arc::new(AnswerDropper { protocol }),
        };
        let mut stage = Stage::new(self.seed, &toxic, now);
        if self.source_ended {
            stage.input.end();
        }
        self.stages.insert(0, stage);
    }

    /// Gives a stage new attributes and a new toxicity; what it remembers stays.
    pub fn update(&mut self, toxic: &Installed, now: Instant) {
        if let Some(stage) = self.stages.iter_mut().find(|stage| stage.name == toxic.name) {
            stage.toxic = Arc::clone(&toxic.toxic);
            stage.toxicity = toxic.toxicity;
            stage.since = now;
        }
    }

    /// Takes a stage out. Says whether the connection must be closed for it.
    pub fn remove(&mut self, name: &str, now: Instant) -> bool {
        let Some(index) = self.stages.iter().position(|stage| stage.name == name) else {
            return false;
        };
        let mut stage = self.stages.remove(index);
        stage.input.pour_into(self.queue(index), now);
        stage.acts() && stage.toxic.closes_when_removed()
    }

    /// Reads, moves and writes what can be at once.
    ///
    /// # Errors
    /// The ending of the whole connection, when this flow brings it about.
    pub fn turn(
        &mut self,
        source: &TcpStream,
        sink: &TcpStream,
        now: Instant,
    ) -> Result<Wants, Ending> {
        if self.wants_input() {
            self.read(source, now);
        }
        let wake = self.advance(now)?;
        self.write(sink);
        if self.finished && self.closing {
            return Err(Ending::Close);
        }
        Ok(Wants { input: self.wants_input(), room: !self.output.is_empty(), wake })
    }

    /// Whether the end has been passed on, or nobody is left to pass it to.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// Whether nothing comes any more and nothing is held.
    pub fn dry(&self) -> bool {
        self.source_ended && self.cost() == 0
    }

    /// Without toxics the next read waits until the last one is written: one buffer, and the sender
    /// feels the receiver at once.
    fn wants_input(&self) -> bool {
        let allowed = if self.stages.is_empty() { 0 } else { HELD + self.windows() };
        !self.source_ended && !self.closing && self.cost() <= allowed
    }

    fn windows(&self) -> usize {
        self.stages.iter().filter(|stage| stage.acts()).map(|stage| stage.toxic.window()).sum()
    }

    fn cost(&self) -> usize {
        self.output.cost() + self.stages.iter().map(|stage| stage.input.cost()).sum::<usize>()
    }

    /// The queue before the stage at `index`; after the last stage, the output.
    fn queue(&mut self, index: usize) -> &mut Queue {
        self.stages.get_mut(index).map_or(&mut self.output, |stage| &mut stage.input)
    }

    fn read(&mut self, source: &TcpStream, now: Instant) {
        // Small chunks share one allocation: a byte that waits must not pin a whole buffer.
        if !self.buffer.try_reclaim(CHUNK) && self.buffer.capacity() < SMALL {
            self.buffer.reserve(CHUNK);
        }
        match source.try_read_buf(&mut self.buffer) {
            Ok(0) => self.end_source(),
            Ok(read) => {
                self.began = true;
                self.traffic.way(self.direction).receive(read);
                let bytes = self.buffer.split().freeze();
                self.queue(0).push(bytes, now);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => {
                self.end_source();
                self.closing = true;
            }
        }
    }

    fn end_source(&mut self) {
        self.source_ended = true;
        self.queue(0).end();
    }

    /// Moves bytes from stage to stage. Returns when the next stage wants to act.
    fn advance(&mut self, now: Instant) -> Result<Option<Instant>, Ending> {
        let mut wake: Option<Instant> = None;
        let mut index = 0;
        while index < self.stages.len() {
            match self.stages[index].act(now, self.direction) {
                Step::Pass(bytes) => {
                    self.queue(index + 1).push(bytes, now);
                    continue;
                }
                Step::Wait => {}
                Step::WaitUntil(due) => wake = Some(wake.map_or(due, |wake| wake.min(due))),
                Step::End => self.queue(index + 1).end(),
                Step::Close => {
                    self.cut(index);
                    index = 0;
                    wake = None;
                    continue;
                }
                Step::Reset => return Err(Ending::Reset),
                Step::DropAnswer(protocol) => {
                    self.answer_to_drop = Some(protocol);
                    continue;
                }
            }
            index += 1;
        }
        Ok(wake)
    }

    /// Ends the flow behind the stage at `index`: what passed it is delivered, the rest is dropped.
    fn cut(&mut self, index: usize) {
        self.stages.drain(..=index);
        self.source_ended = true;
        self.closing = true;
        self.queue(0).end();
    }

    fn write(&mut self, sink: &TcpStream) {
        if self.sink_gone {
            return self.output.discard();
        }
        while let Some(bytes) = self.output.front() {
            match sink.try_write(bytes) {
                Ok(written) => {
                    self.traffic.way(self.direction).send(written);
                    self.output.take(written);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.abandon(),
            }
        }
        if self.output.finished() && !self.finished {
            self.finished = true;
            if !self.closing && rustix::net::shutdown(sink, rustix::net::Shutdown::Write).is_err() {
                self.abandon();
            }
        }
    }

    /// The sink is gone. The flow the other way ends by itself, after it has delivered what the
    /// sink sent before; the source is read on, to learn when it goes too.
    fn abandon(&mut self) {
        self.stages.clear();
        self.output.discard();
        self.finished = true;
        self.sink_gone = true;
    }
}

/// One toxic at work.
struct Stage {
    name: String,
    toxic: Arc<dyn AnyToxic>,
    toxicity: f32,
    /// Drawn once; the toxic acts when it lies below the toxicity.
    draw: f32,
    memory: Memory,
    random: ChaCha8Rng,
    since: Instant,
    from_start: bool,
    input: Queue,
}

impl Stage {
    fn new(seed: u64, toxic: &Installed, now: Instant) -> Self {
        let (draw, random) = toxic.draw(seed);
        Self {
            name: toxic.name.clone(),
            toxic: Arc::clone(&toxic.toxic),
            toxicity: toxic.toxicity,
            draw,
            memory: toxic.toxic.memory(),
            random,
            since: now,
            from_start: false,
            input: Queue::default(),
        }
    }

    fn acts(&self) -> bool {
        self.draw < self.toxicity
    }

    fn act(&mut self, now: Instant, direction: Direction) -> Step {
        let acts = self.acts();
        // What passes by it while it does not act, it has not met.
        self.from_start &= acts || self.input.is_empty();
        let mut moment = Moment {
            input: &mut self.input,
            now,
            since: self.since,
            random: &mut self.random,
            direction,
            from_start: self.from_start,
        };
        if acts { self.toxic.act(&mut self.memory, &mut moment) } else { moment.pass() }
    }
}
