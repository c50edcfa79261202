//! One proxied connection: a task that moves bytes both ways.
//!
//! The state of both flows lies behind a lock that is held for one turn and never across a wait. A
//! control call takes the same lock, so when it returns the change is in force; no control call
//! ever waits for a peer.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::flow::{Ending, Flow};
use crate::model::Direction;
use crate::observer::{Seen, Watch};
use crate::random;
use crate::timer::Timer;
use crate::toxics::Installed;
use crate::traffic::Traffic;

/// A connection whose toxics always have something due lets the others, and the control calls, have
/// their turn after so many of its own.
const TURNS: usize = 4;

/// A connection, as the task that runs it and the control calls share it.
pub struct Connection {
    state: Mutex<State>,
    watch: Option<Watch>,
}

struct State {
    to_server: Flow,
    to_client: Flow,
    ending: Option<Ending>,
    /// The task that runs it, to be woken after a change.
    task: Option<Waker>,
}

impl State {
    fn flow(&mut self, direction: Direction) -> &mut Flow {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

/// The seed of one direction of the connection whose seed this is.
pub fn direction_seed(seed: u64, direction: Direction) -> u64 {
    random::derive(seed, direction.as_str().as_bytes())
}

impl Connection {
    /// A connection through `toxics`, seen by `watch`. `seed` is its own: the same seed draws the
    /// same again.
    pub fn new(
        seed: u64,
        toxics: &[Installed],
        traffic: &Arc<Traffic>,
        watch: Option<Watch>,
    ) -> Self {
        let flow = |direction: Direction| {
            Flow::new(direction_seed(seed, direction), direction, Arc::clone(traffic))
                .watched(watch.as_ref())
        };
        let connection = Self {
            state: Mutex::new(State {
                to_server: flow(Direction::ToServer),
                to_client: flow(Direction::ToClient),
                ending: None,
                task: None,
            }),
            watch,
        };
        for toxic in toxics {
            connection.add(toxic);
        }
        connection
    }

    /// Puts a toxic in force.
    pub fn add(&self, toxic: &Installed) {
        self.change(|state| state.flow(toxic.direction).add(toxic, Instant::now()));
    }

    /// Puts a change of a toxic in force.
    pub fn update(&self, toxic: &Installed) {
        self.change(|state| state.flow(toxic.direction).update(toxic, Instant::now()));
    }

    /// Takes a toxic out.
    pub fn remove(&self, toxic: &Installed) {
        self.change(|state| {
            if state.flow(toxic.direction).remove(&toxic.name, Instant::now()) {
                state.ending.get_or_insert(Ending::Close);
            }
        });
    }

    /// Lets no further byte pass and ends the task.
    pub fn close(&self) {
        self.change(|state| {
            state.ending.get_or_insert(Ending::Close);
        });
    }

    /// Moves bytes between the two until the connection ends or `stop` is cancelled.
    pub async fn run(
        &self,
        mut client: TcpStream,
        mut server: TcpStream,
        stop: &CancellationToken,
    ) {
        let mut halves = Halves { client: client.split(), server: server.split() };
        let mut timer = Timer::default();
        let ending = tokio::select! {
            biased;
            () = stop.cancelled() => Ending::Close,
            ending = poll_fn(|cx| self.poll(&mut halves, &mut timer, cx)) => ending,
        };
        let (client_ended, server_ended) = {
            let state = self.lock();
            (state.to_server.source_ended(), state.to_client.source_ended())
        };
        end(&client, ending, client_ended);
        end(&server, ending, server_ended);
        if let Some(watch) = &self.watch {
            watch.tell(Seen::End);
        }
    }

    fn poll(
        &self,
        halves: &mut Halves<'_>,
        timer: &mut Timer,
        cx: &mut Context<'_>,
    ) -> Poll<Ending> {
        let mut state = self.lock();
        state.task.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
        for _ in 0..TURNS {
            match state.turn(halves, cx) {
                Err(ending) => return Poll::Ready(ending),
                Ok(None) => return Poll::Pending,
                Ok(Some(wake)) => ready!(timer.poll(wake, cx)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Makes a change, and lets the task see it.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        if let Some(task) = &state.task {
            task.wake_by_ref();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both sockets, each as a source and a sink.
struct Halves<'a> {
    client: (ReadHalf<'a>, WriteHalf<'a>),
    server: (ReadHalf<'a>, WriteHalf<'a>),
}

impl State {
    /// Does what can be done at once. Returns when there is something to do without a change of the
    /// sockets.
    fn turn(
        &mut self,
        halves: &mut Halves<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Option<Instant>, Ending> {
        if let Some(ending) = self.ending {
            return Err(ending);
        }
        let Halves { client, server } = halves;
        let last = self.to_client.finished();
        let to_server = self.to_server.turn((&mut client.0, &mut server.1), last, cx)?;
        if let Some(protocol) = self.to_server.take_answer_to_drop() {
            self.to_client.drop_answer(protocol, Instant::now());
        }
        let last = self.to_server.finished();
        let to_client = self.to_client.turn((&mut server.0, &mut client.1), last, cx)?;
        let wake = to_server.into_iter().chain(to_client).min();
        let flows = [&self.to_server, &self.to_client];
        let over = flows.iter().all(|flow| flow.finished());
        // Both sides have said all they had to say, and a toxic that never ends keeps the last word.
        let dry = flows.iter().all(|flow| flow.dry()) && wake.is_none();
        if over || dry { Err(Ending::Close) } else { Ok(wake) }
    }
}

/// Prepares a socket so that dropping it ends the connection in the way asked for. `ended` says that
/// nothing more can come from it.
fn end(socket: &TcpStream, ending: Ending, ended: bool) {
    match ending {
        // When this fails the socket is dead already.
        Ending::Reset => drop(socket.set_zero_linger()),
        Ending::Close if ended => {}
        Ending::Close => discard_unread(socket),
    }
}

/// Closing a socket with unread bytes makes the system send a reset in place of an end.
fn discard_unread(socket: &TcpStream) {
    const READS: usize = 64;
    let mut buffer = [0; 4096];
    for _ in 0..READS {
        if !matches!(socket.try_read(&mut buffer), Ok(1..)) {
            return;
        }
    }
}
