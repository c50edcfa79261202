//! Requests and responses of HTTP/1: a head, then a body that a length, chunks or the end bounds.
//!
//! One direction is read without the other. So a response to `HEAD` that names a length is taken to
//! have a body.

use httparse::{EMPTY_HEADER, Header, Status};

use super::{Frame, Message};

const MOST_HEADERS: usize = 128;
/// So much of a start line is kept.
const TEXT: usize = 1 << 10;

/// The requests of a client.
#[derive(Default)]
pub struct Requests(Body);

impl Requests {
    pub fn next(&mut self, front: &[u8]) -> Frame {
        if let Some(frame) = self.0.next(front) {
            return frame;
        }
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(front) {
            Ok(Status::Complete(length)) => {
                let (method, path) = (request.method.unwrap_or(""), request.path.unwrap_or(""));
                self.0 = match Body::of(request.headers) {
                    // Behind this lies whatever the two agree upon.
                    _ if method == "CONNECT" => Body::Opaque,
                    Body::UntilEnd => Body::None,
                    body => body,
                };
                let text = format!("{method} {path}").chars().take(TEXT).collect();
                Frame::Message(Message { text, statement: true, retry_after: None }, length)
            }
            Ok(Status::Partial) => Frame::Incomplete,
            Err(_) => Frame::Opaque,
        }
    }
}

/// The responses of a server.
#[derive(Default)]
pub struct Responses(Body);

impl Responses {
    pub fn next(&mut self, front: &[u8]) -> Frame {
        if let Some(frame) = self.0.next(front) {
            return frame;
        }
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(front) {
            Ok(Status::Complete(length)) => {
                let status = response.code.unwrap_or(0);
                self.0 = match status {
                    101 => Body::Opaque,
                    100..=199 | 204 | 304 => Body::None,
                    _ => Body::of(response.headers),
                };
                let retry_after = value(response.headers, "retry-after");
                Frame::Message(
                    Message {
                        text: status.to_string(),
                        statement: status >= 200,
                        retry_after: retry_after.and_then(|seconds| seconds.parse().ok()),
                    },
                    length,
                )
            }
            Ok(Status::Partial) => Frame::Incomplete,
            Err(_) => Frame::Opaque,
        }
    }
}

/// What the first header of this name says.
fn value<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a str> {
    let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(header.value).ok().map(str::trim)
}

/// What still belongs to the message before.
#[derive(Default)]
enum Body {
    /// Nothing.
    #[default]
    None,
    /// So many bytes.
    Bytes(usize),
    /// Chunks, each behind its size.
    Chunks,
    /// Lines up to an empty one.
    Trailers,
    /// Everything.
    UntilEnd,
    /// Everything, and it is not HTTP.
    Opaque,
}

impl Body {
    fn of(headers: &[Header<'_>]) -> Self {
        let chunked = value(headers, "transfer-encoding")
            .is_some_and(|codings| codings.to_ascii_lowercase().ends_with("chunked"));
        match value(headers, "content-length").map(str::parse) {
            _ if chunked => Self::Chunks,
            Some(Ok(0)) => Self::None,
            Some(Ok(length)) => Self::Bytes(length),
            Some(Err(_)) => Self::Opaque,
            None => Self::UntilEnd,
        }
    }

    /// What the bytes at the front are as long as they belong to the body.
    fn next(&mut self, front: &[u8]) -> Option<Frame> {
        match *self {
            Self::None => None,
            Self::Bytes(length) => {
                *self = Self::None;
                Some(Frame::Rest(length))
            }
            Self::Chunks => Some(self.chunk(front)),
            Self::Trailers => Some(self.trailer(front)),
            Self::UntilEnd => Some(Frame::Rest(front.len())),
            Self::Opaque => Some(Frame::Opaque),
        }
    }

    fn chunk(&mut self, front: &[u8]) -> Frame {
        match httparse::parse_chunk_size(front) {
            Ok(Status::Complete((line, 0))) => {
                *self = Self::Trailers;
                Frame::Rest(line)
            }
            Ok(Status::Complete((line, size))) => {
                let length = usize::try_from(size).ok().and_then(|size| size.checked_add(line + 2));
                length.map_or(Frame::Opaque, Frame::Rest)
            }
            Ok(Status::Partial) => Frame::Incomplete,
            Err(_) => Frame::Opaque,
        }
    }

    fn trailer(&mut self, front: &[u8]) -> Frame {
        let Some(end) = front.windows(2).position(|bytes| bytes == b"\r\n") else {
            return Frame::Incomplete;
        };
        if end == 0 {
            *self = Self::None;
        }
        Frame::Rest(end + 2)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Frame, Framer, Protocol, bench};
    use crate::model::Direction::{self, ToClient, ToServer};

    fn texts(direction: Direction, bytes: &str) -> Vec<String> {
        let (texts, _) = bench::messages(Protocol::Http, direction, true, bytes.as_bytes());
        texts
    }

    #[test]
    fn requests_with_and_without_bodies() {
        let bytes = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n\
                     POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /\
                     POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
                     3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\n\
                     DELETE /d HTTP/1.1\r\n\r\n";
        assert_eq!(texts(ToServer, bytes), ["GET /a", "POST /b", "POST /c", "DELETE /d"]);
    }

    #[test]
    fn responses_with_and_without_bodies() {
        let bytes = "HTTP/1.1 100 Continue\r\n\r\n\
                     HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\
                     HTTP/1.1 204 No Content\r\n\r\n\
                     HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n\
                     HTTP/1.1 500 Oh\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(texts(ToClient, bytes), ["200", "204", "200", "500"], "the last has no end");
    }

    #[test]
    fn what_is_not_http_is_opaque() {
        assert!(texts(ToServer, "\u{16}\u{3}\u{1} hello\r\n\r\n").is_empty());
        let upgraded = "HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        assert!(texts(ToClient, upgraded).is_empty());
    }

    #[test]
    fn a_head_without_end_is_opaque_in_the_end() {
        let endless = format!("GET /{}", "a".repeat(Framer::HEAD));
        let mut framer = Framer::new(Protocol::Http, ToServer, true);
        assert_eq!(framer.next(&endless.as_bytes()[..100]), Frame::Incomplete);
        assert_eq!(framer.next(&endless.as_bytes()[..Framer::HEAD]), Frame::Opaque);
    }
}
