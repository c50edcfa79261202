//! Where one message of a protocol ends and the next begins.
//!
//! A framer is shown the bytes at the front of one direction of a connection and says what they
//! are. It knows nothing of toxics, sockets or time. What it cannot make sense of it calls
//! [`Frame::Opaque`], and finds no further message: a connection that is encrypted half way, or not
//! of this protocol at all.

mod http;
mod postgresql;

use serde::{Deserialize, Serialize};

use crate::model::Direction;

/// A protocol whose messages can be told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// PostgreSQL's protocol, version 3, unencrypted.
    #[default]
    Postgresql,
    /// HTTP/1.0 and 1.1, unencrypted.
    Http,
}

/// A message that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it says, as far as that is worth comparing. Towards the server the SQL of a statement,
    /// or `GET /path`; towards the client the command tag, or the status. At most 1 KiB of it, and
    /// empty for messages without such a text.
    pub text: String,
    /// Towards the server: it makes the server do work that has an answer of its own (`Query`,
    /// `Execute` and `FunctionCall`; every request). Towards the client: it ends such an answer
    /// (`ReadyForQuery`), or is one (a response that is not `1xx`).
    pub statement: bool,
    /// In a response: for how many seconds it asks the client to wait, unless it names a date
    /// (`Retry-After`, RFC 9110, section 10.2.3).
    pub retry_after: Option<u64>,
}

/// What the bytes at the front are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Too few to tell.
    Incomplete,
    /// The first so many bytes of a message.
    Message(Message, usize),
    /// So many bytes that belong to the message before, or to what comes before all messages.
    Rest(usize),
    /// Nothing that this protocol knows.
    Opaque,
}

/// Finds the messages of one direction of one connection.
pub struct Framer(Kind);

enum Kind {
    Frontend(postgresql::Frontend),
    Backend(postgresql::Backend),
    Requests(http::Requests),
    Responses(http::Responses),
}

impl Framer {
    /// The most that [`Framer::next`] needs to see of a message.
    pub const HEAD: usize = 16 << 10;

    /// A framer for a connection from its first byte, or from the beginning of some later message.
    pub fn new(protocol: Protocol, direction: Direction, from_start: bool) -> Self {
        Self(match (protocol, direction) {
            (Protocol::Postgresql, Direction::ToServer) => {
                Kind::Frontend(postgresql::Frontend::new(from_start))
            }
            (Protocol::Postgresql, Direction::ToClient) => {
                Kind::Backend(postgresql::Backend::new(from_start))
            }
            (Protocol::Http, Direction::ToServer) => Kind::Requests(http::Requests::default()),
            (Protocol::Http, Direction::ToClient) => Kind::Responses(http::Responses::default()),
        })
    }

    /// Says what the bytes at the front are: at least one, and [`Framer::HEAD`] of them if there are
    /// so many. Unless the answer is [`Frame::Incomplete`], the next call is for the bytes behind
    /// those that it counted.
    pub fn next(&mut self, front: &[u8]) -> Frame {
        let frame = match &mut self.0 {
            Kind::Frontend(framer) => framer.next(front),
            Kind::Backend(framer) => framer.next(front),
            Kind::Requests(framer) => framer.next(front),
            Kind::Responses(framer) => framer.next(front),
        };
        match frame {
            Frame::Incomplete if front.len() >= Self::HEAD => Frame::Opaque,
            frame => frame,
        }
    }
}

/// What a framer makes of a whole stream, for the tests of each protocol.
#[cfg(test)]
mod bench {
    use super::{Direction, Frame, Framer, Protocol};

    /// The texts of the statements and the number of all messages; checks that it does not matter
    /// in which pieces the bytes come.
    pub fn messages(
        protocol: Protocol,
        direction: Direction,
        from_start: bool,
        bytes: &[u8],
    ) -> (Vec<String>, usize) {
        let whole = split(protocol, direction, from_start, bytes, bytes.len());
        assert_eq!(split(protocol, direction, from_start, bytes, 1), whole);
        whole
    }

    fn split(
        protocol: Protocol,
        direction: Direction,
        from_start: bool,
        bytes: &[u8],
        step: usize,
    ) -> (Vec<String>, usize) {
        let mut framer = Framer::new(protocol, direction, from_start);
        let (mut statements, mut count, mut at, mut seen) = (Vec::new(), 0, 0, 0);
        while seen < bytes.len() {
            seen = (seen + step).min(bytes.len());
            while at < seen {
                match framer.next(&bytes[at..seen]) {
                    Frame::Incomplete => break,
                    Frame::Opaque => return (statements, count),
                    Frame::Rest(length) => at += length,
                    Frame::Message(message, length) => {
                        count += 1;
                        at += length;
                        if message.statement {
                            statements.push(message.text);
                        }
                    }
                }
            }
        }
        (statements, count)
    }
}
