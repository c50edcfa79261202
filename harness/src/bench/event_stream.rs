//! Takes a stream of Server-Sent Events apart, as its bytes come: HTTP's head, its chunks, messages.

use std::io;

use memchr::memchr;

/// The most headers of an answer.
const HEADERS: usize = 64;

/// One answer that is a stream of messages.
#[derive(Debug)]
pub(super) struct EventStream {
    within: Within,
    /// A piece of the head or of a line, whose end has not come yet.
    piece: Vec<u8>,
    /// A piece of a chunk's length; a line may go on behind it.
    length: Vec<u8>,
    id: Vec<u8>,
    data: Vec<u8>,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Head,
    /// The line with the length of a chunk.
    Length,
    /// A chunk with so many bytes left.
    Chunk(usize),
    /// So many bytes of the line break after a chunk.
    Break(usize),
    /// A body without chunks.
    Body,
}

impl EventStream {
    /// Nothing has come yet.
    pub fn new() -> Self {
        let (piece, length, id, data) = Default::default();
        Self { within: Within::Head, piece, length, id, data }
    }

    /// Whether the server has agreed to it.
    pub fn is_open(&self) -> bool {
        self.within != Within::Head
    }

    /// Takes the next bytes, and gives the id and the data of each message that is whole with them.
    ///
    /// # Errors
    /// It is no stream of messages, or it has ended, or `on_message` fails.
    pub fn take(
        &mut self,
        bytes: &[u8],
        on_message: &mut impl FnMut(&[u8], &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.within {
                Within::Head => {
                    let body = self.take_head(rest)?;
                    return self.take(&body, on_message);
                }
                Within::Length => rest = self.take_length(rest)?,
                Within::Chunk(left) => {
                    let (chunk, after) = rest.split_at(left.min(rest.len()));
                    self.take_lines(chunk, on_message)?;
                    rest = after;
                    self.within = match left - chunk.len() {
                        0 => Within::Break(2),
                        left => Within::Chunk(left),
                    };
                }
                Within::Break(left) => {
                    let skipped = left.min(rest.len());
                    rest = &rest[skipped..];
                    self.within = match left - skipped {
                        0 => Within::Length,
                        left => Within::Break(left),
                    };
                }
                Within::Body => return self.take_lines(rest, on_message),
            }
        }
        Ok(())
    }

    /// Gives the bytes behind the head, if all of it is there.
    fn take_head(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.piece.extend_from_slice(bytes);
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let parsed = head.parse(&self.piece).map_err(|error| malformed(&error.to_string()))?;
        let httparse::Status::Complete(length) = parsed else { return Ok(Vec::new()) };
        if head.code != Some(200) {
            let status = head.code.unwrap_or_default();
            return Err(malformed(&format!("the stream is refused with {status}")));
        }
        let chunked = head.headers.iter().any(|header| {
            header.name.eq_ignore_ascii_case("transfer-encoding")
                && header.value.eq_ignore_ascii_case(b"chunked")
        });
        self.within = if chunked { Within::Length } else { Within::Body };
        let body = self.piece.split_off(length);
        self.piece.clear();
        Ok(body)
    }

    /// Gives the bytes behind the length of a chunk, none if it is not whole.
    fn take_length<'a>(&mut self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        let Some(end) = memchr(b'\n', bytes) else {
            self.length.extend_from_slice(bytes);
            return Ok(&[]);
        };
        self.length.extend_from_slice(&bytes[..end]);
        let text = String::from_utf8_lossy(&self.length);
        let digits = text.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16)
            .map_err(|_| malformed("a chunk that does not tell its length"))?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.length.clear();
        self.within = Within::Chunk(length);
        Ok(&bytes[end + 1..])
    }

    fn take_lines(
        &mut self,
        bytes: &[u8],
        on_message: &mut impl FnMut(&[u8], &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            if self.piece.is_empty() {
                self.take_line(&rest[..end], on_message)?;
            } else {
                let mut line = std::mem::take(&mut self.piece);
                line.extend_from_slice(&rest[..end]);
                self.take_line(&line, on_message)?;
                line.clear();
                self.piece = line;
            }
            rest = &rest[end + 1..];
        }
        self.piece.extend_from_slice(rest);
        Ok(())
    }

    fn take_line(
        &mut self,
        line: &[u8],
        on_message: &mut impl FnMut(&[u8], &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let after = |name: &[u8]| {
            let value = line.strip_prefix(name)?;
            Some(value.strip_prefix(b" ").unwrap_or(value))
        };
        if let Some(id) = after(b"id:") {
            self.id.clear();
            self.id.extend_from_slice(id);
        } else if let Some(data) = after(b"data:") {
            self.data.extend_from_slice(data);
        } else if line.is_empty() && !self.data.is_empty() {
            on_message(&self.id, &self.data)?;
            self.data.clear();
        }
        Ok(())
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        6\r\nid: 7\n\r\n18;x=y\r\ndata: {}\n\n:\n\nid: 8\ndata:\r\n4\r\n[]\n\n\r\n";

    fn messages(pieces: &[&[u8]]) -> io::Result<Vec<(String, String)>> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (mut stream, mut messages) = (EventStream::new(), Vec::new());
        for piece in pieces {
            stream.take(piece, &mut |id, data| {
                messages.push((text(id), text(data)));
                Ok(())
            })?;
        }
        Ok(messages)
    }

    #[test]
    fn messages_are_whole_however_their_bytes_come() {
        let expected = [("7", "{}"), ("8", "[]")].map(|(id, data)| (id.into(), data.into()));
        let bytes = CHUNKED.as_bytes();
        assert_eq!(messages(&[bytes]).unwrap(), expected);
        for cut in 1..bytes.len() {
            assert_eq!(messages(&[&bytes[..cut], &bytes[cut..]]).unwrap(), expected, "{cut}");
        }
        let each: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(messages(&each).unwrap(), expected);
    }

    #[test]
    fn a_body_without_chunks_is_read_too() {
        let plain = b"HTTP/1.1 200 OK\r\n\r\nid: 1\r\ndata: a\r\n\r\ndata: unfinished";
        assert_eq!(messages(&[plain]).unwrap(), [("1".into(), "a".into())]);
    }

    #[test]
    fn what_is_no_stream_or_has_ended_is_an_error() {
        let kind = |bytes: &[u8]| messages(&[bytes]).unwrap_err().kind();
        assert_eq!(kind(b"SMTP ready\r\n\r\n"), io::ErrorKind::InvalidData);
        let refused = messages(&[b"HTTP/1.1 401 No\r\n\r\n"]).unwrap_err();
        assert!(refused.to_string().contains("401"), "{refused}");
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(kind(format!("{chunked}x\r\n").as_bytes()), io::ErrorKind::InvalidData);
        assert_eq!(kind(format!("{chunked}0\r\n\r\n").as_bytes()), io::ErrorKind::UnexpectedEof);
    }
}
