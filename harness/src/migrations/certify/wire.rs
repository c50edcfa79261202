//! PostgreSQL's messages, as far as a link must know them that is stopped at one statement: what a
//! client sends until it waits, and when the server has answered it.
//!
//! Statements that are only parsed or described are none. The format is that of the manual's chapter "Frontend/Backend Protocol", version 3.

use std::collections::HashMap;

/// The longest part of a statement that is kept to name it.
const LONGEST_WORDS: usize = 120;
/// More than this is passed on although the turn goes on: a COPY of a large table.
const LARGEST_TURN: usize = 256 * 1024;
/// Codes that stand where a version would: a request for encryption, or to cancel.
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// What a client sends until it waits for an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Turn {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The statement, cut short; nothing where none is executed.
    pub words: Option<String>,
    /// Whether the server answers it with one byte, not with a message.
    single_byte_answer: bool,
}

/// Takes what a client sends apart into turns.
#[derive(Debug, Default)]
pub struct Turns {
    bytes: Vec<u8>,
    /// How many of the bytes belong to whole messages of the turn that is under way.
    looked_at: usize,
    words: Option<String>,
    /// The statements that were parsed, by the names that the client gave them.
    parsed: HashMap<Vec<u8>, String>,
    /// The statement that was bound last.
    bound: Option<String>,
    in_session: bool,
}

impl Turns {
    /// More bytes of the client.
    pub fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next turn, if all of it is there.
    pub fn next(&mut self) -> Option<Turn> {
        if !self.in_session {
            return self.before_session();
        }
        while let Some((kind, body, end)) = message(&self.bytes, self.looked_at) {
            match kind {
                b'Q' => self.words = Some(text(body)),
                b'P' => {
                    let (name, rest) = until_zero(body);
                    self.parsed.insert(name.to_owned(), text(rest));
                }
                b'B' => {
                    let (name, _) = until_zero(until_zero(body).1);
                    self.bound = self.parsed.get(name).cloned();
                }
                b'E' if self.words.is_none() => {
                    self.words = Some(self.bound.clone().unwrap_or_default());
                }
                _ => {}
            }
            self.looked_at = end;
            // Query, Sync, function call, Flush, CopyDone, CopyFail; a password, Terminate.
            if b"QSFHcfpX".contains(&kind) || end > LARGEST_TURN {
                return Some(self.end_turn());
            }
        }
        None
    }

    /// Requests for encryption, each answered with one byte, then the startup message.
    fn before_session(&mut self) -> Option<Turn> {
        let length = number(&self.bytes, 0)? as usize;
        let code = number(&self.bytes, 4)?;
        if self.bytes.len() < length.max(8) {
            return None;
        }
        self.looked_at = length.max(8);
        self.in_session = !matches!(code, SSL_REQUEST | GSS_REQUEST | CANCEL_REQUEST);
        let single_byte_answer = matches!(code, SSL_REQUEST | GSS_REQUEST);
        Some(Turn { single_byte_answer, ..self.end_turn() })
    }

    fn end_turn(&mut self) -> Turn {
        let rest = self.bytes.split_off(self.looked_at);
        self.looked_at = 0;
        Turn {
            bytes: std::mem::replace(&mut self.bytes, rest),
            words: self.words.take(),
            single_byte_answer: false,
        }
    }
}

/// Finds the end of each answer in what the server sends.
#[derive(Debug, Default)]
pub struct Answers {
    bytes: Vec<u8>,
    single_bytes: usize,
}

impl Answers {
    /// A turn is about to be sent.
    pub fn expect(&mut self, turn: &Turn) {
        self.single_bytes += usize::from(turn.single_byte_answer);
    }

    /// More bytes of the server. Whether they end an answer: the server is ready for the next.
    pub fn take(&mut self, bytes: &[u8]) -> bool {
        self.bytes.extend_from_slice(bytes);
        let skipped = self.single_bytes.min(self.bytes.len());
        self.bytes.drain(..skipped);
        self.single_bytes -= skipped;
        let (mut at, mut ready) = (0, false);
        while let Some((kind, _, end)) = message(&self.bytes, at) {
            ready |= kind == b'Z';
            at = end;
        }
        self.bytes.drain(..at);
        ready
    }
}

/// The message that begins at a place: its kind, its body, and where it ends.
fn message(bytes: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let kind = *bytes.get(at)?;
    let end = at + 1 + (number(bytes, at + 1)? as usize).max(4);
    Some((kind, bytes.get(at + 5..end)?, end))
}

/// What stands before the first zero byte, and after it.
fn until_zero(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The text up to its zero byte, on one line, cut short.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(until_zero(bytes).0);
    let code = text.lines().map(|line| line.split("--").next().unwrap_or_default());
    let words = code.collect::<Vec<_>>().join(" ");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(LONGEST_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind][..], &length, body].concat()
    }

    fn startup(code: u32) -> Vec<u8> {
        [8_u32.to_be_bytes(), code.to_be_bytes()].concat()
    }

    fn words(turns: &mut Turns, bytes: &[u8]) -> Vec<Option<String>> {
        turns.take(bytes);
        std::iter::from_fn(|| turns.next()).map(|turn| turn.words).collect()
    }

    #[test]
    fn a_session_is_taken_apart_into_turns_wherever_its_bytes_are_cut() {
        let session = [
            startup(SSL_REQUEST),
            startup(196_608),
            frame(b'p', b"secret\0"),
            frame(b'Q', b"BEGIN\0"),
            [frame(b'P', b"s1\0SELECT 1 -- why\n FROM x\0\0\0"), frame(b'D', b"Ss1\0")].concat(),
            frame(b'S', b""),
            [frame(b'B', b"\0s1\0"), frame(b'E', b"\0\0\0\0\0"), frame(b'S', b"")].concat(),
            frame(b'X', b""),
        ]
        .concat();
        let statement = || Some("SELECT 1 FROM x".to_owned());
        let expected = [None, None, None, Some("BEGIN".to_owned()), None, statement(), None];
        for size in [1, 3, 7, session.len()] {
            let mut turns = Turns::default();
            let seen: Vec<_> =
                session.chunks(size).flat_map(|bytes| words(&mut turns, bytes)).collect();
            assert_eq!(seen, expected, "in pieces of {size} bytes");
        }
    }

    #[test]
    fn nothing_is_lost_between_turns() {
        let session = [startup(196_608), frame(b'Q', b"SELECT 1\0"), frame(b'X', b"")].concat();
        let mut turns = Turns::default();
        turns.take(&session);
        let passed: Vec<u8> =
            std::iter::from_fn(|| turns.next()).flat_map(|turn| turn.bytes).collect();
        assert_eq!(passed, session);
    }

    #[test]
    fn an_answer_ends_when_the_server_is_ready_for_the_next() {
        let mut answers = Answers::default();
        let mut turns = Turns::default();
        turns.take(&startup(SSL_REQUEST));
        answers.expect(&turns.next().unwrap());
        assert!(!answers.take(b"N"));
        let answer = [frame(b'C', b"COMMIT\0"), frame(b'Z', b"I")].concat();
        let (begin, end) = answer.split_at(answer.len() - 1);
        assert!(!answers.take(begin));
        assert!(answers.take(end));
        assert!(!answers.take(&frame(b'N', b"Z\0")), "a notice is no end, whatever it says");
    }

    #[test]
    fn absurd_lengths_do_no_harm() {
        let mut turns = Turns::default();
        turns.take(&[0; 8]);
        assert!(turns.next().is_some());
        turns.take(&[b'Q', 0, 0, 0, 0, b'Q', 0xff, 0xff, 0xff, 0xff]);
        assert!(turns.next().is_some());
        assert!(turns.next().is_none());
    }
}
