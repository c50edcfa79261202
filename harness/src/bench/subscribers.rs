//! Many subscribers of a stream, read by one thread, each held to the same messages.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde_json::Value;
use uuid::Uuid;

use super::BenchError;
use super::event_stream::EventStream;
use crate::workload::engine::empty_histogram;

/// How long the last messages are waited for once nothing more is given in.
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// How long the server may take to agree to all streams.
const OPENING: Duration = Duration::from_secs(30);
/// How often is looked whether everything has come.
const LOOK: Duration = Duration::from_millis(20);
const READ_BYTES: usize = 256 << 10;

/// The events that are given in meanwhile.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// When each that no subscriber has got yet was given in.
    waiting: Mutex<HashMap<Uuid, Instant>>,
    ended: AtomicBool,
}

impl Given {
    /// These are given in now.
    pub fn add(&self, ids: &[Uuid]) {
        let now = Instant::now();
        self.lock().extend(ids.iter().map(|id| (*id, now)));
    }

    /// Nothing more will be given in.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    fn have_all_come(&self) -> bool {
        self.ended.load(Ordering::Acquire) && self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Instant>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the subscribers got.
#[derive(Debug)]
pub(super) struct Received {
    /// The ids of the messages, in the order in which each subscriber got them.
    pub ids: Vec<Box<[u8]>>,
    /// From giving an event in to each subscriber's having it, in nanoseconds.
    pub latency: Histogram<u64>,
}

/// Subscribers that all have begun at the same event.
pub(super) struct Subscribers {
    poll: Poll,
    subscribers: Vec<Subscriber>,
    log: Log,
    ready: Events,
    /// What is read lands here first.
    buffer: Vec<u8>,
}

struct Subscriber {
    stream: TcpStream,
    messages: EventStream,
    /// How many messages it has got.
    got: usize,
}

/// What whoever is first gets, and all others must get.
struct Log {
    given: Arc<Given>,
    /// Where a message's data tells the event's id, a JSON pointer.
    id_at: String,
    /// Each message's id, and when its event was given in, if it was.
    entries: Vec<(Box<[u8]>, Option<Instant>)>,
    known: HashSet<Uuid>,
    latency: Histogram<u64>,
}

impl Subscribers {
    /// Opens so many streams with the same request, and waits until the server has agreed to all.
    ///
    /// # Errors
    /// The system refuses a socket, or the server a stream.
    pub fn open(
        to: SocketAddr,
        request: &[u8],
        count: usize,
        given: Arc<Given>,
        id_at: &str,
    ) -> Result<Self, BenchError> {
        let poll = Poll::new()?;
        let mut subscribers = Vec::with_capacity(count);
        for number in 0..count {
            let mut stream = std::net::TcpStream::connect(to)?;
            stream.write_all(request)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            subscribers.push(Subscriber { stream, messages: EventStream::new(), got: 0 });
        }
        let latency = empty_histogram();
        let (entries, known, id_at) = (Vec::new(), HashSet::new(), id_at.to_owned());
        let log = Log { given, id_at, entries, known, latency };
        let (ready, buffer) = (Events::with_capacity(1024), vec![0; READ_BYTES]);
        let mut opened = Self { poll, subscribers, log, ready, buffer };
        let deadline = Instant::now() + OPENING;
        let is_open = |one: &Subscriber| one.messages.is_open();
        while !opened.subscribers.iter().all(is_open) {
            if Instant::now() >= deadline {
                let open = opened.subscribers.iter().filter(|one| is_open(one)).count();
                return Err(BenchError::Missed(format!("{open} of {count} streams were opened")));
            }
            opened.read()?;
        }
        Ok(opened)
    }

    /// Reads until each subscriber has got everything that was given in.
    ///
    /// # Errors
    /// One of them gets something else than the others, something twice, or not everything within
    /// [`GRACE`] after the end; or its stream ends.
    pub fn receive(mut self) -> Result<Received, BenchError> {
        let mut deadline = None;
        loop {
            self.read()?;
            let all = self.log.entries.len();
            let behind = self.subscribers.iter().filter(|one| one.got < all).count();
            if behind == 0 && self.log.given.have_all_come() {
                let ids = self.log.entries.into_iter().map(|(id, _)| id).collect();
                return Ok(Received { ids, latency: self.log.latency });
            }
            if self.log.given.ended.load(Ordering::Acquire) {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + GRACE);
                if Instant::now() >= deadline {
                    let nobody = self.log.given.lock().len();
                    return Err(BenchError::Missed(format!(
                        "{nobody} events reached no subscriber, and {behind} subscribers have not \
                         got all {all} messages that others have"
                    )));
                }
            }
        }
    }

    /// Reads what is there, or waits a little for it.
    fn read(&mut self) -> Result<(), BenchError> {
        self.poll.poll(&mut self.ready, Some(LOOK))?;
        for event in &self.ready {
            let number = event.token().0;
            let Subscriber { stream, messages, got } = &mut self.subscribers[number];
            loop {
                let bytes = match stream.read(&mut self.buffer) {
                    Ok(0) => return Err(ended(number, &io::ErrorKind::UnexpectedEof.into())),
                    Ok(bytes) => bytes,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(ended(number, &error)),
                };
                let (log, now) = (&mut self.log, Instant::now());
                let taken = messages.take(&self.buffer[..bytes], &mut |id, data| {
                    let taken = log.take(*got, id, data, now);
                    *got += 1;
                    taken
                });
                taken.map_err(|error| ended(number, &error))?;
            }
        }
        Ok(())
    }
}

impl Log {
    /// Takes a subscriber's message with this place: the first that has it tells what it is.
    fn take(&mut self, place: usize, id: &[u8], data: &[u8], now: Instant) -> io::Result<()> {
        if place == self.entries.len() {
            let given = self.given_in(data)?;
            self.entries.push((id.into(), given));
        }
        let (expected, given) = &self.entries[place];
        if **expected != *id {
            return Err(wrong(format!(
                "it got the message {} where others got {}",
                String::from_utf8_lossy(id),
                String::from_utf8_lossy(expected),
            )));
        }
        if let Some(given) = given {
            let latency = now.saturating_duration_since(*given).as_nanos();
            self.latency.saturating_record(u64::try_from(latency).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// When the event of a message was given in; nothing if the bench has not given it in.
    fn given_in(&mut self, data: &[u8]) -> io::Result<Option<Instant>> {
        let value: Value = serde_json::from_slice(data)?;
        let id = value.pointer(&self.id_at).and_then(Value::as_str);
        let id: Uuid = id
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| wrong(format!("a message has no UUID at {}", self.id_at)))?;
        match self.known.insert(id) {
            true => Ok(self.given.lock().remove(&id)),
            false => Err(wrong(format!("it got the event {id} twice"))),
        }
    }
}

fn wrong(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn ended(number: usize, why: &io::Error) -> BenchError {
    BenchError::Missed(format!("the stream of subscriber {number} ended: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    const FIRST: &str = "00000000-0000-7000-8000-000000000001";
    const SECOND: &str = "00000000-0000-7000-8000-000000000002";

    /// A stream with these messages: ids, and the ids of their events.
    fn stream(messages: &[(u32, &str)]) -> String {
        let message =
            |(id, event): &(u32, &str)| format!("id: {id}\ndata: {{\"id\":\"{event}\"}}\n\n");
        let messages: String = messages.iter().map(message).collect();
        format!("HTTP/1.1 200 OK\r\n\r\n{messages}")
    }

    /// What subscribers make of streams of which each gets one, and that stay open until all have
    /// been read, when both events were given in.
    fn receive(streams: Vec<String>) -> Result<Received, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (to, count) = (listener.local_addr().unwrap(), streams.len());
        let server = thread::spawn(move || {
            let serve = |stream: String| {
                let (mut socket, _) = listener.accept().unwrap();
                socket.write_all(stream.as_bytes()).unwrap();
                socket
            };
            streams.into_iter().map(serve).collect::<Vec<_>>()
        });
        let given = Arc::new(Given::default());
        given.add(&[FIRST, SECOND].map(|id| id.parse().unwrap()));
        given.end();
        let opened = Subscribers::open(to, b"GET / HTTP/1.1\r\n\r\n", count, given, "/id");
        let _open = server.join().unwrap();
        opened?.receive()
    }

    #[test]
    fn everybody_gets_everything_and_in_one_order() {
        let sound = [(1, FIRST), (5, SECOND)];
        let received = receive(vec![stream(&sound), stream(&sound)]).unwrap();
        assert_eq!(received.ids, [b"1", b"5"].map(|id| Box::from(&id[..])));
        assert_eq!(received.latency.len(), 4);
    }

    #[test]
    fn a_stream_that_differs_is_found() {
        let sound = [(1, FIRST), (5, SECOND)];
        let cases = [
            (vec![(5, SECOND)], "where others got"),
            (vec![(5, SECOND), (1, FIRST)], "where others got"),
            (vec![(1, FIRST), (1, FIRST), (5, SECOND)], "where others got"),
            (vec![(1, FIRST), (5, SECOND), (6, FIRST)], "twice"),
        ];
        for (other, expected) in cases {
            let error = receive(vec![stream(&sound), stream(&other)]).unwrap_err().to_string();
            let either = error.contains(expected) || error.contains("where others got");
            assert!(either, "{other:?}: {error}");
        }
        let refused = receive(vec!["HTTP/1.1 503 Later\r\n\r\n".to_owned()]).unwrap_err();
        assert!(refused.to_string().contains("503"), "{refused}");
    }
}
