//! Scripts that their tool sends at once: in one message here too, with what belongs to them.

use super::runner::{SETTLE, wrapping, write};
use super::{Failure, ReplayError, Runner};
use crate::migrations::lineage::{Record, Script, Wrapping};
use crate::migrations::sql::{Statement, StatementKind};

/// Whether a tool sends a script just as it is: nothing in it controls transactions or brings data
/// of its own.
pub(super) fn is_sent_at_once(script: &Script) -> bool {
    let plain = |statement: &Statement| {
        statement.kind == StatementKind::Ordinary && statement.copy_data.is_none()
    };
    wrapping(script) == Wrapping::Together
        && !script.statements.is_empty()
        && script.statements.iter().all(plain)
}

impl Runner<'_> {
    /// Sends everything at once: the script, which is a transaction, and the two parts of the
    /// record, each one of its own. PostgreSQL ends one at a `COMMIT` between them.
    pub(super) async fn run_at_once(
        &mut self,
        script: &Script,
        record: &Record,
    ) -> Result<Result<(), Failure>, ReplayError> {
        let reset = self.session().reset_text();
        let mut texts: Vec<&str> = record.before.iter().map(String::as_str).collect();
        if !texts.is_empty() {
            texts.push("COMMIT");
        }
        let first = texts.len();
        texts.extend(script.statements.iter().map(|statement| &*statement.text));
        let last = texts.len();
        texts.push("COMMIT");
        texts.extend(record.after.iter().map(String::as_str));
        if !record.after.is_empty() {
            texts.push("COMMIT");
        }
        texts.push(&reset);
        let Err((place, refusal)) = self.session().run_texts(&texts).await else {
            return Ok(Ok(()));
        };
        let mut failure = match place {
            place if place < first || place > last => Failure::of_record(script, refusal),
            place if place == last => Failure::after(script, "COMMIT", refusal),
            place => Failure::at(script, place - first, &script.statements[place - first], refusal),
        };
        self.recover(&failure, false).await?;
        if place >= first {
            // What cannot be parsed is refused with all that was sent, the record before it too.
            let written = write(self.session(), script, &record.before).await;
            failure = written.err().unwrap_or(failure);
        }
        self.session().reset().await?;
        Ok(Err(failure))
    }

    /// Sends at once, within the transaction that is open: what the tool writes before a script, the
    /// script, what fires all that it deferred, and these commands.
    pub(super) async fn perform_at_once(
        &mut self,
        script: &Script,
        before: &[String],
        then: &[&str],
    ) -> Result<(), Failure> {
        let statements = script.statements.iter().map(|statement| &*statement.text);
        let before = before.iter().map(String::as_str);
        let first = before.len();
        let texts: Vec<&str> =
            before.chain(statements).chain(SETTLE).chain(then.iter().copied()).collect();
        let outcome = self.session().run_texts(&texts).await;
        outcome.map_err(|(place, refusal)| {
            let settled = first + script.statements.len();
            match place.checked_sub(first) {
                Some(place) if place < script.statements.len() => {
                    Failure::at(script, place, &script.statements[place], refusal)
                }
                Some(_) if place < settled + SETTLE.len() => {
                    Failure::after(script, "COMMIT", refusal)
                }
                _ => Failure::of_record(script, refusal),
            }
        })
    }
}
