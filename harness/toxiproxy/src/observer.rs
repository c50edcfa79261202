//! Tells a program in the same process of the HTTP calls that go through.
//!
//! What a client says is seen as it says it, before any toxic; what a server answers likewise.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::model::Direction;
use crate::protocol::{Frame, Framer, Protocol};

/// Something that a proxy saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The proxy.
    pub proxy: String,
    /// The connection, by its number within the proxy.
    pub connection: u64,
    /// What was seen.
    pub what: Seen,
}

/// What was seen of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A request, as `GET /path`.
    Request(String),
    /// A response that ends a request.
    Response {
        /// Its status.
        status: u16,
        /// For how many seconds it asks the client to wait.
        retry_after: Option<u64>,
    },
    /// The connection has ended.
    End,
}

/// Where the sights of a collection go.
#[derive(Clone, Debug)]
pub struct Observer(UnboundedSender<Sight>);

impl Observer {
    /// An observer, and what it sees. What nobody takes is kept.
    pub fn new() -> (Self, UnboundedReceiver<Sight>) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), receiver)
    }

    /// Whatever is seen of one connection.
    pub(crate) fn of(&self, proxy: &str, connection: u64) -> Watch {
        Watch { observer: self.clone(), proxy: proxy.to_owned(), connection }
    }
}

/// The observer of one connection.
#[derive(Clone, Debug)]
pub struct Watch {
    observer: Observer,
    proxy: String,
    connection: u64,
}

impl Watch {
    /// Says it; nobody may listen any more.
    pub fn tell(&self, what: Seen) {
        let (proxy, connection) = (self.proxy.clone(), self.connection);
        let _ = self.observer.0.send(Sight { proxy, connection, what });
    }
}

/// Finds the messages of one direction of a connection.
pub struct Lookout {
    watch: Watch,
    framer: Framer,
    /// The beginning of a message that is not whole yet.
    front: Vec<u8>,
    /// So many bytes belong to the message before.
    rest: usize,
    blind: bool,
}

impl Lookout {
    /// Looks at one direction, from its first byte on.
    pub fn new(watch: Watch, direction: Direction) -> Self {
        let framer = Framer::new(Protocol::Http, direction, true);
        Self { watch, framer, front: Vec::new(), rest: 0, blind: false }
    }

    /// Sees the bytes that come next.
    pub fn see(&mut self, mut bytes: &[u8]) {
        while !self.blind && !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            (self.rest, bytes) = (self.rest - skipped, &bytes[skipped..]);
            if bytes.is_empty() {
                return;
            }
            let before = self.front.len();
            self.front.extend_from_slice(bytes);
            let length = match self.framer.next(&self.front) {
                Frame::Incomplete => return,
                Frame::Opaque => {
                    self.blind = true;
                    return;
                }
                Frame::Rest(length) => length,
                Frame::Message(message, length) => {
                    if message.statement {
                        self.watch.tell(match message.text.parse() {
                            Ok(status) => {
                                Seen::Response { status, retry_after: message.retry_after }
                            }
                            Err(_) => Seen::Request(message.text),
                        });
                    }
                    length
                }
            };
            self.front.clear();
            // A message may end before the bytes that completed it do, or after them.
            let taken = length.saturating_sub(before);
            self.rest = taken.saturating_sub(bytes.len());
            bytes = &bytes[taken.min(bytes.len())..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is seen of these bytes, in pieces of every size.
    fn seen(direction: Direction, bytes: &[u8]) -> Vec<Seen> {
        let pieces = |size: usize| -> Vec<Seen> {
            let (observer, mut sights) = Observer::new();
            let mut lookout = Lookout::new(observer.of("link", 1), direction);
            bytes.chunks(size).for_each(|piece| lookout.see(piece));
            drop((lookout, observer));
            std::iter::from_fn(|| sights.try_recv().ok()).map(|sight| sight.what).collect()
        };
        let whole = pieces(bytes.len());
        (1..bytes.len()).for_each(|size| assert_eq!(pieces(size), whole));
        whole
    }

    #[test]
    fn requests_and_responses_are_seen_in_whatever_pieces_they_come() {
        let requests =
            b"POST /events HTTP/1.1\r\ncontent-length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n";
        let expected = ["POST /events", "GET /"].map(|text| Seen::Request(text.to_owned()));
        assert_eq!(seen(Direction::ToServer, requests), expected);
        let responses = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 No\r\nRetry-After: 7\r\ncontent-length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(
            seen(Direction::ToClient, responses),
            [(429, Some(7)), (200, None)]
                .map(|(status, retry_after)| Seen::Response { status, retry_after })
        );
    }

    #[test]
    fn what_is_not_http_is_not_seen() {
        assert_eq!(seen(Direction::ToServer, b"\x00\x00\x00\x08\x04\xd2\x16\x2f"), []);
    }
}
