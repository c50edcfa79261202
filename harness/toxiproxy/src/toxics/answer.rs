//! Drops an answer; what a cut leaves behind in the other direction.

use serde::{Deserialize, Serialize};

use super::toxic::{Moment, Step, Toxic};
use crate::protocol::{Frame, Framer, Protocol};

/// Drops everything up to the end of the answer under way, then closes the connection. So the sender
/// has done its work before it learns that nobody hears of it. Stands in no registry: only a cut
/// puts it into a flow.
#[derive(Default, Serialize, Deserialize)]
pub struct AnswerDropper {
    pub protocol: Protocol,
}

/// Where in the answer it is.
#[derive(Default)]
pub struct Progress {
    framer: Option<Framer>,
    left: usize,
    answered: bool,
}

impl Toxic for AnswerDropper {
    const TYPE: &'static str = "answer_dropper";
    type Memory = Progress;

    fn act(&self, progress: &mut Progress, moment: &mut Moment<'_>) -> Step {
        loop {
            while progress.left > 0 {
                let Some(bytes) = moment.input.take(progress.left) else {
                    return if moment.input.finished() { Step::Close } else { Step::Wait };
                };
                progress.left -= bytes.len();
            }
            if progress.answered {
                return Step::Close;
            }
            let head = moment.input.head(Framer::HEAD);
            if head.is_empty() {
                return if moment.input.finished() { Step::Close } else { Step::Wait };
            }
            let framer = progress
                .framer
                .get_or_insert_with(|| Framer::new(self.protocol, moment.direction, false));
            match framer.next(&head) {
                Frame::Message(message, length) => {
                    progress.left = length;
                    progress.answered = message.statement;
                }
                Frame::Rest(length) => progress.left = length,
                Frame::Incomplete if !moment.input.ended() => return Step::Wait,
                Frame::Incomplete | Frame::Opaque => return Step::Close,
            }
        }
    }
}
