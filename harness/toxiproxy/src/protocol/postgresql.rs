//! PostgreSQL's messages: a type byte, a length, a body; before them the start of a connection.
//!
//! Source: the chapter "Message Formats" of PostgreSQL's manual.

use std::collections::HashMap;

use super::{Frame, Message};

const TLS_HANDSHAKE: u8 = 0x16;
const CANCEL: u32 = 80_877_102;
const ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];
const LONGEST_START: usize = 10_000;

const FRONTEND: &[u8] = b"QPBEDHCSFXdcfp";
const BACKEND: &[u8] = b"RKSZTDCEINAtnsc123vVGHWd";

/// So much of a text is kept.
const TEXT: usize = 1 << 10;
/// With more prepared statements than this the older ones lose their text.
const MOST_PREPARED: usize = 1 << 12;

/// The messages of a client.
pub struct Frontend {
    starting: bool,
    /// The SQL of prepared statements, and of portals, by name.
    prepared: HashMap<Vec<u8>, String>,
    portals: HashMap<Vec<u8>, String>,
}

impl Frontend {
    pub fn new(starting: bool) -> Self {
        Self { starting, prepared: HashMap::new(), portals: HashMap::new() }
    }

    pub fn next(&mut self, front: &[u8]) -> Frame {
        if self.starting {
            return self.start(front);
        }
        let (kind, length) = match header(front, FRONTEND) {
            Ok(header) => header,
            Err(frame) => return frame,
        };
        let Some(body) = body(front, length) else {
            return Frame::Incomplete;
        };
        let statement = matches!(kind, b'Q' | b'E' | b'F');
        Frame::Message(
            Message { text: self.text(kind, body), statement, retry_after: None },
            length,
        )
    }

    /// What comes before the first message with a type: the wish for encryption, which may be
    /// refused, and the parameters of the connection.
    fn start(&mut self, front: &[u8]) -> Frame {
        if front[0] == TLS_HANDSHAKE {
            return Frame::Opaque;
        }
        let (Some(length), Some(code)) = (number(front, 0), number(front, 4)) else {
            return Frame::Incomplete;
        };
        let length = length as usize;
        if !(8..=LONGEST_START).contains(&length) || code == CANCEL {
            return Frame::Opaque;
        }
        self.starting = ENCRYPTION.contains(&code);
        Frame::Rest(length)
    }

    fn text(&mut self, kind: u8, body: &[u8]) -> String {
        let (first, rest) = string(body);
        match kind {
            b'Q' => readable(first),
            b'P' => {
                let text = readable(string(rest).0);
                keep(&mut self.prepared, first, text.clone());
                text
            }
            b'B' => {
                let text = self.prepared.get(string(rest).0).cloned().unwrap_or_default();
                keep(&mut self.portals, first, text);
                String::new()
            }
            b'E' => self.portals.get(first).cloned().unwrap_or_default(),
            _ => String::new(),
        }
    }
}

/// The messages of a server.
pub struct Backend {
    starting: bool,
    /// The first `ReadyForQuery` answers no statement.
    greeting: bool,
}

impl Backend {
    pub fn new(starting: bool) -> Self {
        Self { starting, greeting: starting }
    }

    pub fn next(&mut self, front: &[u8]) -> Frame {
        if self.starting {
            match front[0] {
                // A bare byte says no, or yes, to encryption; none of these letters begins a
                // connection otherwise.
                b'N' => return Frame::Rest(1),
                b'S' | b'G' => return Frame::Opaque,
                _ => self.starting = false,
            }
        }
        let (kind, length) = match header(front, BACKEND) {
            Ok(header) => header,
            Err(frame) => return frame,
        };
        let Some(body) = body(front, length) else {
            return Frame::Incomplete;
        };
        let text = if kind == b'C' { readable(string(body).0) } else { String::new() };
        let ready = kind == b'Z';
        let statement = ready && !self.greeting;
        self.greeting &= !ready;
        Frame::Message(Message { text, statement, retry_after: None }, length)
    }
}

/// The type of a message and its whole length.
fn header(front: &[u8], kinds: &[u8]) -> Result<(u8, usize), Frame> {
    let kind = front[0];
    if !kinds.contains(&kind) {
        return Err(Frame::Opaque);
    }
    let length = number(front, 1).ok_or(Frame::Incomplete)?;
    // The length counts itself, and no message has a gigabyte or more.
    if (4..1 << 30).contains(&length) {
        Ok((kind, 1 + length as usize))
    } else {
        Err(Frame::Opaque)
    }
}

/// So much of the body as is looked at, once it is there.
fn body(front: &[u8], length: usize) -> Option<&[u8]> {
    front.get(5..length.min(5 + TEXT))
}

fn number(front: &[u8], at: usize) -> Option<u32> {
    front.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

/// A text up to its zero byte, and what follows.
fn string(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

fn readable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn keep(texts: &mut HashMap<Vec<u8>, String>, name: &[u8], text: String) {
    if texts.len() >= MOST_PREPARED {
        texts.clear();
    }
    texts.insert(name.to_vec(), text);
}

#[cfg(test)]
mod tests {
    use super::super::{Protocol, bench};
    use crate::model::Direction;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = (4 + body.len()) as u32;
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    fn start(code: u32, body: &[u8]) -> Vec<u8> {
        let length = (8 + body.len()) as u32;
        [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
    }

    fn from_client(from_start: bool, parts: &[Vec<u8>]) -> (Vec<String>, usize) {
        bench::messages(Protocol::Postgresql, Direction::ToServer, from_start, &parts.concat())
    }

    fn from_server(from_start: bool, parts: &[Vec<u8>]) -> (Vec<String>, usize) {
        bench::messages(Protocol::Postgresql, Direction::ToClient, from_start, &parts.concat())
    }

    #[test]
    fn simple_queries_are_statements() {
        let parts = [
            start(80_877_103, b""),
            start(196_608, b"user\0me\0\0"),
            message(b'p', b"secret\0"),
            message(b'Q', b"BEGIN\0"),
            message(b'Q', b"COMMIT\0"),
            message(b'X', b""),
        ];
        assert_eq!(from_client(true, &parts), (vec!["BEGIN".into(), "COMMIT".into()], 4));
        assert_eq!(from_client(false, &parts[3..]).0.len(), 2);
    }

    #[test]
    fn an_execution_has_the_text_of_its_statement() {
        let parts = [
            message(b'P', b"s1\0SELECT 1\0\0\0"),
            message(b'B', b"\0s1\0\0\0\0\0\0\0"),
            message(b'E', b"\0\0\0\0\0"),
            message(b'S', b""),
            message(b'B', b"\0s1\0\0\0\0\0\0\0"),
            message(b'E', b"\0\0\0\0\0"),
            message(b'S', b""),
        ];
        assert_eq!(from_client(false, &parts), (vec!["SELECT 1".into(); 2], 7));
    }

    #[test]
    fn a_long_statement_is_cut_short_but_counted_whole() {
        let long = [b"SELECT '", &[b'x'; 5000][..], b"'\0"].concat();
        let (texts, count) =
            from_client(false, &[message(b'Q', &long), message(b'Q', b"COMMIT\0")]);
        assert_eq!((texts[0].len(), texts[1].as_str(), count), (1024, "COMMIT", 2));
    }

    #[test]
    fn each_ready_after_the_first_ends_an_answer() {
        let parts = [
            b"N".to_vec(),
            message(b'R', &[0; 4]),
            message(b'S', b"a\0b\0"),
            message(b'Z', b"I"),
            message(b'C', b"BEGIN\0"),
            message(b'Z', b"T"),
        ];
        assert_eq!(from_server(true, &parts), (vec![String::new()], 5));
        assert_eq!(from_server(false, &parts[4..]).0.len(), 1);
    }

    #[test]
    fn what_is_encrypted_or_foreign_is_opaque() {
        let hello = vec![0x16, 3, 1, 2, 0];
        assert_eq!(from_client(true, &[start(80_877_103, b""), hello.clone()]), (vec![], 0));
        assert_eq!(from_server(true, &[b"S".to_vec(), hello]), (vec![], 0));
        assert_eq!(from_client(true, &[b"GET / HTTP/1.1\r\n\r\n".to_vec()]), (vec![], 0));
        assert_eq!(from_client(false, &[message(b'Q', b"a\0"), b"Q\0\0\0\0".to_vec()]).1, 1);
        assert_eq!(from_client(true, &[start(super::CANCEL, &[0; 8])]), (vec![], 0));
    }
}
