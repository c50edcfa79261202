//! Cuts a connection at a message of its protocol. An extension: Toxiproxy knows no messages.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::toxic::{Moment, Step, Toxic};
use crate::model::{Direction, NewToxic};
use crate::protocol::{Frame, Framer, Message, Protocol};
use crate::tally::Tally;

/// Passes messages until the `message`-th, and there cuts, once. Counted are the messages of all
/// connections it acts on, in its direction, from the moment it was added; on a connection that was
/// open by then, from the next message on, which takes for granted that none was half way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The protocol spoken.
    pub protocol: Protocol,
    /// Which messages count.
    pub count: Counted,
    /// Only those whose text begins so count, in any case; with an empty text all of them.
    pub starting_with: String,
    /// At which of them to cut, from 1.
    pub message: i64,
    /// How.
    pub action: CutAction,
}

/// Which messages a cut counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Every one. In PostgreSQL's protocol those after the parameters of the connection.
    #[default]
    Messages,
    /// Those that make the server do work which it answers, see [`Message::statement`]; towards
    /// the client those that end such an answer.
    Statements,
}

/// What a cut does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutAction {
    /// What came before the message is delivered, then the connection is closed.
    #[default]
    Close,
    /// The message and what follows waits until the toxic is changed or removed.
    Hold,
    /// The message is delivered, its answer is dropped, and the connection is closed once the
    /// answer was given. Towards the client the message is the answer: the same as `close`. Holds
    /// for clients that await each answer before they say more.
    DropAnswer,
}

impl Cut {
    /// This cut as a toxic to add.
    pub fn toxic(&self, direction: Direction) -> NewToxic {
        let Ok(Value::Object(attributes)) = serde_json::to_value(self) else {
            unreachable!("a cut is a struct");
        };
        NewToxic::new(Cutter::TYPE, direction, attributes)
    }

    fn counts(&self, message: &Message) -> bool {
        let begins = message.text.trim_start().as_bytes();
        let prefix = self.starting_with.as_bytes();
        (message.statement || self.count == Counted::Messages)
            && begins.get(..prefix.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(prefix))
    }
}

/// A cut, and what it has counted.
#[derive(Default, Serialize, Deserialize)]
pub struct Cutter {
    #[serde(flatten)]
    cut: Cut,
    #[serde(skip)]
    tally: Tally,
}

/// Where in the stream of messages it is.
#[derive(Default)]
pub struct Position {
    framer: Option<(Protocol, Framer)>,
    /// So many bytes pass before the next message.
    left: usize,
    /// The message that it holds back, by its number.
    held: Option<i64>,
}

impl Toxic for Cutter {
    const TYPE: &'static str = "cut";
    type Memory = Position;

    fn check(&self) -> Result<(), String> {
        match self.cut.message {
            1.. => Ok(()),
            message => Err(format!("message is {message}, it must be 1 or more")),
        }
    }

    fn carry(&mut self, before: &Self) {
        self.tally = before.tally.clone();
    }

    fn tally(&self) -> Option<&Tally> {
        Some(&self.tally)
    }

    fn act(&self, position: &mut Position, moment: &mut Moment<'_>) -> Step {
        if position.held == Some(self.cut.message) && self.cut.action == CutAction::Hold {
            return Step::Wait;
        }
        position.held = None;
        loop {
            if position.left > 0 {
                let Some(bytes) = moment.input.take(position.left) else {
                    return moment.rest();
                };
                position.left -= bytes.len();
                return Step::Pass(bytes);
            }
            let head = moment.input.head(Framer::HEAD);
            if head.is_empty() {
                return moment.rest();
            }
            match self.framer(position, moment).next(&head) {
                Frame::Incomplete if moment.input.ended() => return moment.pass(),
                Frame::Incomplete => return Step::Wait,
                Frame::Opaque => position.left = usize::MAX,
                Frame::Rest(length) => position.left = length,
                Frame::Message(message, length) => {
                    position.left = length;
                    if self.hits(&message) {
                        return self.cut(position, moment.direction);
                    }
                }
            }
        }
    }
}

impl Cutter {
    /// Whether to cut at this message.
    fn hits(&self, message: &Message) -> bool {
        let number = u64::try_from(self.cut.message).unwrap_or(0);
        self.cut.counts(message) && self.tally.count(&message.text, number)
    }

    fn framer<'a>(&self, position: &'a mut Position, moment: &Moment<'_>) -> &'a mut Framer {
        // Another protocol was named meanwhile: what was counted before is no start to go on from.
        position.framer.take_if(|(protocol, _)| *protocol != self.cut.protocol);
        let framer = position.framer.get_or_insert_with(|| {
            (self.cut.protocol, Framer::new(self.cut.protocol, moment.direction, moment.from_start))
        });
        &mut framer.1
    }

    fn cut(&self, position: &mut Position, direction: Direction) -> Step {
        match self.cut.action {
            CutAction::Hold => {
                position.held = Some(self.cut.message);
                Step::Wait
            }
            CutAction::DropAnswer if direction == Direction::ToServer => {
                Step::DropAnswer(self.cut.protocol)
            }
            CutAction::Close | CutAction::DropAnswer => Step::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Counted, Cut, CutAction, Cutter, Protocol, Tally, Toxic};
    use crate::toxics::toxic::bench::{Bench, Did, pass};

    const BEGIN: &[u8] = b"Q\0\0\0\x0aBEGIN\0";
    const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

    fn bench(starting_with: &str, message: i64, action: CutAction) -> Bench<Cutter> {
        let starting_with = starting_with.to_owned();
        let count = Counted::Statements;
        let cut = Cut { count, starting_with, message, action, ..Cut::default() };
        Bench::new(Cutter { cut, tally: Tally::default() })
    }

    #[test]
    fn what_came_before_passes_and_then_it_closes() {
        let mut bench = bench("", 2, CutAction::Close);
        bench.arrive(0, BEGIN);
        bench.arrive(0, &COMMIT[..3]);
        assert_eq!(bench.act(0), pass(BEGIN));
        assert_eq!(bench.act(0), Did::Wait, "too few bytes to know");
        bench.arrive(0, &COMMIT[3..]);
        assert_eq!(bench.act(0), Did::Close);
        let report = bench.toxic.tally().unwrap().watch().borrow().clone();
        assert_eq!((report.messages, report.cut_at.as_deref()), (2, Some("COMMIT")));
    }

    #[test]
    fn only_what_begins_as_asked_counts() {
        let mut bench = bench("commit", 1, CutAction::DropAnswer);
        bench.arrive(0, BEGIN);
        bench.arrive(0, COMMIT);
        assert_eq!(bench.act(0), pass(BEGIN));
        assert_eq!(bench.act(0), Did::DropAnswer);
        assert_eq!(bench.act(0), pass(COMMIT));
    }

    #[test]
    fn it_holds_until_it_is_changed() {
        let mut bench = bench("", 1, CutAction::Hold);
        bench.arrive(0, BEGIN);
        assert_eq!(bench.act(0), Did::Wait);
        assert_eq!(bench.act(0), Did::Wait);
        bench.toxic.cut.message = 9;
        assert_eq!(bench.act(0), pass(BEGIN));
    }

    #[test]
    fn what_is_not_the_protocol_passes() {
        let mut bench = bench("", 1, CutAction::Close);
        bench.arrive(0, b"\x16\x03\x01");
        bench.arrive(0, COMMIT);
        assert_eq!(bench.act(0), pass(b"\x16\x03\x01"));
        assert_eq!(bench.act(0), pass(COMMIT));
    }

    #[test]
    fn the_end_of_a_message_that_never_ended_passes() {
        let mut bench = bench("", 1, CutAction::Close);
        bench.toxic.cut.protocol = Protocol::Http;
        bench.arrive(0, b"GET /");
        assert_eq!(bench.act(0), Did::Wait);
        bench.input.end();
        assert_eq!(bench.act(0), pass(b"GET /"));
        assert_eq!(bench.act(0), Did::End);
    }
}
