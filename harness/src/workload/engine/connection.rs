//! One connection of the engine: requests go out in one write, answers come back in their order.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// How much is read at once.
const READ_BYTES: usize = 64 << 10;
/// The most headers of an answer.
const HEADERS: usize = 64;

/// A connection that keeps requests in flight.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    outgoing: Vec<u8>,
    written: usize,
    incoming: Vec<u8>,
    /// When the requests in flight were due, in the order in which they were sent.
    due: VecDeque<Duration>,
}

impl Connection {
    /// Begins to connect; what is sent meanwhile waits.
    ///
    /// # Errors
    /// The system refuses a socket.
    pub fn open(to: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let (outgoing, incoming) = (Vec::new(), Vec::new());
        Ok(Self { stream, outgoing, written: 0, incoming, due: VecDeque::new() })
    }

    /// How many requests wait for their answers.
    pub fn in_flight(&self) -> usize {
        self.due.len()
    }

    /// Takes a request that was due then; `write` appends its bytes. [`Connection::flush`] sends it.
    pub fn push(&mut self, due: Duration, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.outgoing);
        self.due.push_back(due);
    }

    /// Sends what the socket takes; the rest goes when it is writable again.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn flush(&mut self) -> io::Result<()> {
        while self.written < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => self.written += bytes,
                Err(error) if waits(&error) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.outgoing.clear();
        self.written = 0;
        Ok(())
    }

    /// Reads what is there and gives each answer's status, with when its request was due.
    ///
    /// # Errors
    /// The connection is broken or was closed, or an answer is not HTTP of a known length.
    pub fn receive(&mut self, mut on_answer: impl FnMut(u16, Duration)) -> io::Result<()> {
        loop {
            let before = self.incoming.len();
            self.incoming.resize(before + READ_BYTES, 0);
            let outcome = self.stream.read(&mut self.incoming[before..]);
            self.incoming.truncate(before + *outcome.as_ref().unwrap_or(&0));
            match outcome {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => {
                    self.take_answers(&mut on_answer)?;
                    // Fewer than asked for: the socket is empty, and will tell when it is not.
                    if bytes < READ_BYTES {
                        return Ok(());
                    }
                }
                Err(error) if waits(&error) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn take_answers(&mut self, on_answer: &mut impl FnMut(u16, Duration)) -> io::Result<()> {
        let mut taken = 0;
        while let Some((status, bytes)) = answer(&self.incoming[taken..])? {
            taken += bytes;
            let due = self.due.pop_front().ok_or_else(|| malformed("an answer to no request"))?;
            on_answer(status, due);
        }
        self.incoming.drain(..taken);
        Ok(())
    }
}

/// The status and the length of the first answer, if all of it is there.
fn answer(bytes: &[u8]) -> io::Result<Option<(u16, usize)>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let parsed = head.parse(bytes).map_err(|error| malformed(&error.to_string()))?;
    let httparse::Status::Complete(head_length) = parsed else { return Ok(None) };
    let status = head.code.unwrap_or_default();
    let body = if matches!(status, 204 | 304) { 0 } else { content_length(head.headers)? };
    let whole = head_length.saturating_add(body);
    Ok((bytes.len() >= whole).then_some((status, whole)))
}

fn content_length(headers: &[httparse::Header]) -> io::Result<usize> {
    headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse().ok())
        .ok_or_else(|| malformed("an answer that does not tell its length"))
}

fn waits(error: &io::Error) -> bool {
    // A connection that is still being made is not connected yet.
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_when_all_of_it_is_there() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1";
        assert_eq!(answer(whole).unwrap(), Some((200, 40)));
        for part in [0, 10, 38, 39] {
            assert_eq!(answer(&whole[..part]).unwrap(), None, "{part}");
        }
        assert_eq!(answer(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(), Some((204, 27)));
    }

    #[test]
    fn an_answer_without_an_end_is_refused() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        assert!(answer(chunked).unwrap_err().to_string().contains("length"));
        assert!(answer(b"SMTP ready\r\n\r\n").is_err());
    }
}
