//! One proxied connection: a task that moves bytes both ways.
//!
//! The state of both flows lies behind a lock that is held for one turn and never across a wait. A
//! control call takes the same lock, so when it returns the change is in force; no control call
//! ever waits for a peer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::flow::{Ending, Flow, Wants};
use crate::model::Direction;
use crate::random;
use crate::toxics::Installed;
use crate::traffic::Traffic;

/// A connection, as the task that runs it and the control calls share it.
pub struct Connection {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    to_server: Flow,
    to_client: Flow,
    ending: Option<Ending>,
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
    /// A connection through `toxics`. `seed` is its own: the same seed draws the same again.
    pub fn new(seed: u64, toxics: &[Installed], traffic: &Arc<Traffic>) -> Self {
        let flow = |direction: Direction| {
            Flow::new(direction_seed(seed, direction), direction, Arc::clone(traffic))
        };
        let connection = Self {
            state: Mutex::new(State {
                to_server: flow(Direction::ToServer),
                to_client: flow(Direction::ToClient),
                ending: None,
            }),
            changed: Notify::new(),
        };
        for toxic in toxics {
            connection.add(toxic);
        }
        connection
    }

    /// Puts a toxic in force.
    pub fn add(&self, toxic: &Installed) {
        self.lock().flow(toxic.direction).add(toxic, Instant::now());
        self.changed.notify_one();
    }

    /// Puts a change of a toxic in force.
    pub fn update(&self, toxic: &Installed) {
        self.lock().flow(toxic.direction).update(toxic, Instant::now());
        self.changed.notify_one();
    }

    /// Takes a toxic out.
    pub fn remove(&self, toxic: &Installed) {
        let mut state = self.lock();
        if state.flow(toxic.direction).remove(&toxic.name, Instant::now()) {
            state.ending.get_or_insert(Ending::Close);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Lets no further byte pass and ends the task.
    pub fn close(&self) {
        self.lock().ending.get_or_insert(Ending::Close);
        self.changed.notify_one();
    }

    /// Moves bytes between the two until the connection ends or `stop` is cancelled.
    pub async fn run(&self, client: TcpStream, server: TcpStream, stop: &CancellationToken) {
        let ending = loop {
            let (to_server, to_client) = match self.turn(&client, &server) {
                Ok(wants) => wants,
                Err(ending) => break ending,
            };
            let wake = to_server.wake.into_iter().chain(to_client.wake).min();
            tokio::select! {
                biased;
                () = stop.cancelled() => break Ending::Close,
                () = self.changed.notified() => {}
                _ = client.readable(), if to_server.input => {}
                _ = server.readable(), if to_client.input => {}
                _ = server.writable(), if to_server.room => {}
                _ = client.writable(), if to_client.room => {}
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
            // A busy connection is always ready; it must let the others have their turn.
            tokio::task::coop::consume_budget().await;
        };
        for socket in [client, server] {
            end(&socket, ending);
        }
    }

    fn turn(&self, client: &TcpStream, server: &TcpStream) -> Result<(Wants, Wants), Ending> {
        let mut state = self.lock();
        if let Some(ending) = state.ending {
            return Err(ending);
        }
        let now = Instant::now();
        let to_server = state.to_server.turn(client, server, now)?;
        if let Some(protocol) = state.to_server.take_answer_to_drop() {
            state.to_client.drop_answer(protocol, now);
        }
        let to_client = state.to_client.turn(server, client, now)?;
        let flows = [&state.to_server, &state.to_client];
        let over = flows.iter().all(|flow| flow.finished());
        // Both sides have said all they had to say, and a toxic that never ends keeps the last word.
        let waits = to_server.wake.is_some() || to_client.wake.is_some();
        let dry = flows.iter().all(|flow| flow.dry()) && !waits;
        if over || dry { Err(Ending::Close) } else { Ok((to_server, to_client)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prepares a socket so that dropping it ends the connection in the way asked for.
fn end(socket: &TcpStream, ending: Ending) {
    match ending {
        // When this fails the socket is dead already.
        Ending::Reset => drop(socket.set_zero_linger()),
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
