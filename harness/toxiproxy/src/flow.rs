//! One direction of a connection: source socket, a stage for each toxic, sink socket.
//!
//! A flow never waits. [`Flow::turn`] does what can be done at once and says what to wait for, so a
//! toxic can be added, changed or removed between any two turns. The bytes lie in the queues between
//! the stages, never inside a toxic; what waits before a removed stage moves on to the next.
//!
//! Without toxics, bytes go from socket to socket through one buffer that all flows of a thread
//! share, and only what the sink has no room for is queued. Once they come in bulk they go through a
//! pipe in the kernel instead; for small messages that would be twice the work. What is in the pipe
//! has passed every stage: it goes out before anything in the output queue does.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::Instant;

use crate::model::Direction;
use crate::observer::{Lookout, Watch};
use crate::pipe::Pipe;
use crate::protocol::Protocol;
use crate::queue::Queue;
use crate::stage::Stage;
use crate::toxics::{AnswerDropper, Installed, Step};
use crate::traffic::Traffic;

/// The most that is read at once.
const CHUNK: usize = 64 << 10;
/// A read into less room than this is not worth a system call.
const SMALL: usize = 4 << 10;
/// The cost of what a flow with toxics may hold, beside the windows that toxics ask for.
const HELD: usize = 64 << 10;
/// After so many full reads in a row bytes come in bulk.
const FULL_READS: u32 = 2;
/// After so many fillings in a row below [`LITTLE`] they no longer do.
const SMALL_FILLINGS: u32 = 8;
const LITTLE: usize = 16 << 10;
/// A flow that always finds bytes and room lets the others have their turn after so many rounds.
const ROUNDS: usize = 4;

thread_local! {
    /// The buffer between sockets without toxics. Empty whenever no flow has its turn.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK].into());
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both sides see the end of the stream.
    Close,
    /// Both sides see a TCP reset.
    Reset,
}

/// One direction of a connection.
pub struct Flow {
    seed: u64,
    direction: Direction,
    traffic: Arc<Traffic>,
    stages: Vec<Stage>,
    output: Queue,
    buffer: BytesMut,
    pipe: Option<Pipe>,
    /// Reads in a row that speak for a change to the pipe, or away from it.
    streak: u32,
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
    /// Sees what comes from the source.
    lookout: Option<Lookout>,
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
            pipe: None,
            streak: 0,
            began: false,
            source_ended: false,
            closing: false,
            finished: false,
            answer_to_drop: None,
            sink_gone: false,
            lookout: None,
        }
    }

    /// The same; what comes from the source is looked at.
    pub fn watched(self, watch: Option<&Watch>) -> Self {
        let lookout = watch.map(|watch| Lookout::new(watch.clone(), self.direction));
        Self { lookout, ..self }
    }

    /// Adds a stage at the end. It acts on what is read from now on, and on what still waits before
    /// other stages.
    pub fn add(&mut self, toxic: &Installed, now: Instant) {
        if self.closing || self.finished {
            return;
        }
        let mut stage = Stage::new(self.seed, toxic, !self.began, now);
        if self.stages.is_empty() && self.source_ended {
            stage.input.end();
        }
        self.stages.push(stage);
    }

    /// Gives a stage new attributes and a new toxicity.
    pub fn update(&mut self, toxic: &Installed, now: Instant) {
        if let Some(stage) = self.stages.iter_mut().find(|stage| stage.name() == toxic.name) {
            stage.update(toxic, now);
        }
    }

    /// Takes a stage out. Says whether the connection must be closed for it.
    pub fn remove(&mut self, name: &str, now: Instant) -> bool {
        let Some(index) = self.stages.iter().position(|stage| stage.name() == name) else {
            return false;
        };
        let mut stage = self.stages.remove(index);
        stage.input.pour_into(self.queue(index), now);
        stage.closes_when_removed()
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
        let mut stage = Stage::new(self.seed, &toxic, false, now);
        if self.source_ended {
            stage.input.end();
        }
        self.stages.insert(0, stage);
    }

    /// Reads, moves and writes what can be at once; the task is woken when more can be. Returns when
    /// a stage wants to act next. `last` says that the other direction has come to its end.
    ///
    /// # Errors
    /// The ending of the whole connection, when this flow brings it about.
    pub fn turn(
        &mut self,
        (source, sink): (&mut ReadHalf<'_>, &mut WriteHalf<'_>),
        last: bool,
        cx: &mut Context<'_>,
    ) -> Result<Option<Instant>, Ending> {
        for _ in 0..ROUNDS {
            let now = Instant::now();
            let reads = self.wants_input();
            let dry = reads && self.read(source, sink, now, cx).is_pending();
            let wake = self.advance(now)?;
            self.write(sink, last, cx);
            if self.finished && self.closing {
                return Err(Ending::Close);
            }
            if dry || !self.wants_input() {
                return Ok(wake);
            }
        }
        cx.waker().wake_by_ref();
        Ok(None)
    }

    /// Whether the end has been passed on, or nobody is left to pass it to.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// Whether nothing comes any more and nothing is held.
    pub fn dry(&self) -> bool {
        self.source_ended && self.cost() == 0
    }

    /// Whether the source has said all it had to say.
    pub fn source_ended(&self) -> bool {
        self.source_ended
    }

    /// Without toxics the next read waits until the last one is written, so that the sender feels
    /// the receiver at once.
    fn wants_input(&self) -> bool {
        let allowed = if self.stages.is_empty() { 0 } else { HELD + self.windows() };
        !self.source_ended && !self.closing && self.cost() <= allowed
    }

    fn windows(&self) -> usize {
        self.stages.iter().map(Stage::window).sum()
    }

    fn cost(&self) -> usize {
        let waiting = self.stages.iter().map(|stage| stage.input.cost()).sum::<usize>();
        self.piped() + self.output.cost() + waiting
    }

    fn piped(&self) -> usize {
        self.pipe.as_ref().map_or(0, Pipe::held)
    }

    /// The queue before the stage at `index`; after the last stage, the output.
    fn queue(&mut self, index: usize) -> &mut Queue {
        self.stages.get_mut(index).map_or(&mut self.output, |stage| &mut stage.input)
    }

    /// Pending when the source has nothing; the task is woken when it has.
    fn read(
        &mut self,
        source: &mut ReadHalf<'_>,
        sink: &mut WriteHalf<'_>,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let direct = self.stages.is_empty() && !self.sink_gone;
        if !direct && self.piped() == 0 {
            self.pipe = None;
        }
        let read = match &mut self.pipe {
            Some(pipe) if direct => fill(pipe, source, cx),
            _ if direct => self.relay(source, sink, now, cx),
            _ => self.read_into_queue(source, now, cx),
        };
        match read {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(0)) => self.end_source(),
            Poll::Ready(Ok(read)) => {
                self.began = true;
                self.traffic.way(self.direction).receive(read);
                self.choose_way(read, direct);
            }
            Poll::Ready(Err(_)) => {
                self.end_source();
                self.closing = true;
            }
        }
        Poll::Ready(())
    }

    /// Moves what the source has to the sink at once, and queues what that has no room for.
    fn relay(
        &mut self,
        source: &mut ReadHalf<'_>,
        sink: &mut WriteHalf<'_>,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(source).poll_read(cx, &mut buffer))?;
            let bytes = buffer.filled();
            let mut written = 0;
            if bytes.is_empty() {
                return Poll::Ready(Ok(0));
            }
            if let Some(lookout) = &mut self.lookout {
                lookout.see(bytes);
            }
            // What breaks the sink is met again when the rest is written.
            if let Poll::Ready(Ok(some)) = Pin::new(sink).poll_write(cx, bytes) {
                self.traffic.way(self.direction).send(some);
                written = some;
            }
            if written < bytes.len() {
                self.output.push(Bytes::copy_from_slice(&bytes[written..]), now);
            }
            Poll::Ready(Ok(bytes.len()))
        })
    }

    fn read_into_queue(
        &mut self,
        source: &mut ReadHalf<'_>,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        // Small chunks share one allocation: a byte that waits must not pin a whole buffer.
        if !self.buffer.try_reclaim(CHUNK) && self.buffer.capacity() < SMALL {
            self.buffer.reserve(CHUNK);
        }
        let read = ready!(pin!(source.read_buf(&mut self.buffer)).poll(cx))?;
        let bytes = self.buffer.split().freeze();
        if let Some(lookout) = &mut self.lookout {
            lookout.see(&bytes);
        }
        self.queue(0).push(bytes, now);
        Poll::Ready(Ok(read))
    }

    /// Goes over to the pipe when bytes come in bulk, and back to the buffer when they do not.
    fn choose_way(&mut self, read: usize, direct: bool) {
        let speaks_for_change =
            if self.pipe.is_some() { read < LITTLE } else { direct && read == CHUNK }
                && self.lookout.is_none();
        self.streak = if speaks_for_change { self.streak + 1 } else { 0 };
        if self.pipe.is_none() && self.streak == FULL_READS {
            self.pipe = Pipe::new().ok(); // without one the buffer will do
            self.streak = 0;
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
            match self.stages[index].act(now) {
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

    fn write(&mut self, sink: &mut WriteHalf<'_>, last: bool, cx: &mut Context<'_>) {
        if self.sink_gone {
            return self.output.discard();
        }
        match self.deliver(sink, cx) {
            Poll::Pending => return,
            Poll::Ready(Err(_)) => return self.abandon(),
            Poll::Ready(Ok(())) => {}
        }
        if self.output.finished() && !self.finished {
            self.finished = true;
            // When the whole connection is over, closing the socket says it as well.
            let over = self.closing || last;
            if !over && shut_down(sink).is_err() {
                self.abandon();
            }
        }
    }

    /// Writes what is held for the sink. Pending when that has no room.
    fn deliver(&mut self, sink: &mut WriteHalf<'_>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(pipe) = &mut self.pipe {
            while pipe.held() > 0 {
                let written = ready!(drain(pipe, sink, cx))?;
                self.traffic.way(self.direction).send(written);
                self.traffic.way(self.direction).splice(written);
            }
            if self.streak >= SMALL_FILLINGS || self.source_ended {
                self.pipe = None;
                self.streak = 0;
            }
        }
        while let Some(bytes) = self.output.front() {
            let written = ready!(Pin::new(&mut *sink).poll_write(cx, bytes))?;
            self.traffic.way(self.direction).send(written);
            self.output.take(written);
        }
        Poll::Ready(Ok(()))
    }

    /// The sink is gone. The flow the other way ends by itself, after it has delivered what the
    /// sink sent before; the source is read on, to learn when it goes too.
    fn abandon(&mut self) {
        self.stages.clear();
        self.output.discard();
        self.pipe = None;
        self.finished = true;
        self.sink_gone = true;
    }
}

/// Fills an empty pipe. Pending when the source has nothing.
fn fill(pipe: &mut Pipe, source: &ReadHalf<'_>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    loop {
        ready!(source.as_ref().poll_read_ready(cx))?;
        match pipe.fill(source.as_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
    }
}

/// Empties a pipe, or a part of it. Pending when the sink has no room.
fn drain(pipe: &mut Pipe, sink: &WriteHalf<'_>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    loop {
        ready!(sink.as_ref().poll_write_ready(cx))?;
        match pipe.drain(sink.as_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
    }
}

fn shut_down(sink: &WriteHalf<'_>) -> io::Result<()> {
    Ok(rustix::net::shutdown(sink.as_ref(), rustix::net::Shutdown::Write)?)
}
