//! Runs scripts as their tool would: in its transaction or without, with its record after them.

use super::at_once::is_sent_at_once;
use super::cost::{Counters, StatementCost};
use super::trial::fits_a_transaction;
use super::{Failure, Refusal, ReplayError, Session};
use crate::migrations::lineage::{Record, Script, Wrapping};
use crate::migrations::sql::{Statement, StatementKind, Token};

/// What a deferred constraint has to say is said now, and what is deferred stays so afterwards.
pub(super) const SETTLE: [&str; 2] =
    ["SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED"];

/// Runs scripts in one session.
#[derive(Debug)]
pub struct Runner<'server> {
    session: Session<'server>,
}

impl<'server> Runner<'server> {
    /// Runs in this session.
    pub fn new(session: Session<'server>) -> Self {
        Self { session }
    }

    /// The session.
    pub fn session(&mut self) -> &mut Session<'server> {
        &mut self.session
    }

    /// The session, when nothing is run any more.
    pub fn into_session(self) -> Session<'server> {
        self.session
    }

    /// Runs a script as its tool would, and then the tool's own record of it. What fails leaves
    /// behind what the tool would leave behind; the session is as new afterwards.
    ///
    /// # Errors
    /// The server is down. A refusal is the inner result.
    pub async fn run(
        &mut self,
        script: &Script,
        record: &Record,
    ) -> Result<Result<(), Failure>, ReplayError> {
        if is_sent_at_once(script) {
            return self.run_at_once(script, record).await;
        }
        let mut course = Course { session: &mut self.session, script, open: false };
        let outcome = course.run(record).await;
        let open = course.open;
        if let Err(failure) = &outcome {
            self.recover(failure, open).await?;
        }
        self.session.reset().await?;
        Ok(outcome)
    }

    /// Runs a script's statements within the transaction that is open, its own transaction control
    /// left out, and fires what it deferred.
    ///
    /// # Errors
    /// The refusal; the transaction is then failed, and the session may be lost.
    pub async fn perform(&mut self, script: &Script) -> Result<(), Failure> {
        self.perform_announced(script, &Record::default()).await
    }

    /// As [`Runner::announce`], and then as [`Runner::perform`].
    ///
    /// # Errors
    /// As [`Runner::perform`].
    pub async fn perform_announced(
        &mut self,
        script: &Script,
        record: &Record,
    ) -> Result<(), Failure> {
        if is_sent_at_once(script) {
            return self.perform_at_once(script, &record.before, &[]).await;
        }
        self.announce(script, record).await?;
        self.step_through(script).await?;
        self.settle(script).await
    }

    /// As [`Runner::perform`], then what the tool writes after the script, then a session as new,
    /// and then these commands of the replay's own. What the tool writes before the script is
    /// written with it, or was so before.
    ///
    /// # Errors
    /// As [`Runner::perform`].
    pub async fn perform_recorded(
        &mut self,
        script: &Script,
        (before, after): (&[String], &[String]),
        then: &[&str],
    ) -> Result<(), Failure> {
        let reset = self.session.reset_text();
        let after = after.iter().map(String::as_str);
        let after: Vec<&str> = after.chain([&*reset]).chain(then.iter().copied()).collect();
        if is_sent_at_once(script) {
            return self.perform_at_once(script, before, &after).await;
        }
        write(&mut self.session, script, before).await?;
        self.step_through(script).await?;
        self.settle_and_run(script, &after).await
    }

    async fn step_through(&mut self, script: &Script) -> Result<(), Failure> {
        for (index, statement) in script.statements.iter().enumerate() {
            let outcome = self.step(statement).await;
            outcome.map_err(|refusal| Failure::at(script, index, statement, refusal))?;
        }
        Ok(())
    }

    /// Runs a script and its record in one transaction, whatever its tool puts around it. What fails
    /// leaves nothing behind.
    ///
    /// # Errors
    /// The server is down. A refusal is the inner result.
    pub async fn run_in_transaction(
        &mut self,
        script: &Script,
        record: &Record,
    ) -> Result<Result<(), Failure>, ReplayError> {
        let mut outcome = self.begin(script, record).await;
        if outcome.is_ok() {
            outcome = self.perform_recorded(script, (&[], &record.after), &["COMMIT"]).await;
        }
        if let Err(failure) = &outcome {
            self.abandon(Some(failure)).await?;
        }
        Ok(outcome)
    }

    /// Runs a script's statements within the transaction that is open, and says what each cost.
    ///
    /// # Errors
    /// As [`Runner::perform`]; the outer error is that the server is down.
    pub async fn perform_measured(
        &mut self,
        script: &Script,
    ) -> Result<Result<Vec<StatementCost>, Failure>, ReplayError> {
        let mut costs = Vec::new();
        let mut before = Counters::read(self.session.connection()).await?;
        for (index, statement) in script.statements.iter().enumerate() {
            if let Err(refusal) = self.step(statement).await {
                return Ok(Err(Failure::at(script, index, statement, refusal)));
            }
            let after = Counters::read(self.session.connection()).await?;
            costs.push(after.since(&before, statement));
            before = after;
        }
        Ok(Ok(costs))
    }

    /// What each statement of a script costs, where a transaction holds it. Nothing of it stays.
    ///
    /// # Errors
    /// The server is down.
    pub async fn costs_of(&mut self, script: &Script) -> Result<Vec<StatementCost>, ReplayError> {
        if !fits_a_transaction(script) {
            return Ok(Vec::new());
        }
        self.session.command("measure a migration", "BEGIN").await?;
        let mut costs = self.perform_measured(script).await?;
        if costs.is_ok()
            && let Err(failure) = self.settle(script).await
        {
            costs = Err(failure);
        }
        self.abandon(costs.as_ref().err()).await?;
        Ok(costs.unwrap_or_default())
    }

    /// One statement within the transaction that is open.
    async fn step(&mut self, statement: &Statement) -> Result<(), Refusal> {
        match statement.kind {
            StatementKind::Begin => Ok(()),
            StatementKind::Commit => self.session.run_text(&SETTLE.join("; ")).await,
            _ => self.session.run(statement).await,
        }
    }

    async fn settle(&mut self, script: &Script) -> Result<(), Failure> {
        let settled = self.session.run_texts(&SETTLE).await;
        settled.map_err(|(_, refusal)| Failure::after(script, "COMMIT", refusal))
    }

    /// Fires what a script deferred, writes what the tool writes after it, takes back what it left
    /// in the session, and runs these commands of the replay's own.
    ///
    /// # Errors
    /// As [`Runner::perform`].
    pub async fn settle_recorded(
        &mut self,
        script: &Script,
        record: &Record,
        then: &[&str],
    ) -> Result<(), Failure> {
        let reset = self.session.reset_text();
        let record = record.after.iter().map(String::as_str);
        let texts: Vec<&str> = record.chain([&*reset]).chain(then.iter().copied()).collect();
        self.settle_and_run(script, &texts).await
    }

    async fn settle_and_run(&mut self, script: &Script, then: &[&str]) -> Result<(), Failure> {
        let texts: Vec<&str> = SETTLE.into_iter().chain(then.iter().copied()).collect();
        let outcome = self.session.run_texts(&texts).await;
        outcome.map_err(|(place, refusal)| match place < SETTLE.len() {
            true => Failure::after(script, "COMMIT", refusal),
            false => Failure::of_record(script, refusal),
        })
    }

    /// Begins a transaction, and writes what the tool writes before a script.
    ///
    /// # Errors
    /// As [`Runner::announce`].
    pub async fn begin(&mut self, script: &Script, record: &Record) -> Result<(), Failure> {
        let before = record.before.iter().map(String::as_str);
        let texts: Vec<&str> = std::iter::once("BEGIN").chain(before).collect();
        let begun = self.session.run_texts(&texts).await;
        begun.map_err(|(_, refusal)| Failure::of_record(script, refusal))
    }

    /// Writes what the tool writes before a script, within the transaction that is open.
    ///
    /// # Errors
    /// The refusal; the transaction is then failed.
    pub async fn announce(&mut self, script: &Script, record: &Record) -> Result<(), Failure> {
        write(&mut self.session, script, &record.before).await
    }

    /// Writes what the tool writes after a script, within the transaction that is open.
    ///
    /// # Errors
    /// The refusal; the transaction is then failed.
    pub async fn record(&mut self, script: &Script, record: &Record) -> Result<(), Failure> {
        write(&mut self.session, script, &record.after).await
    }

    /// Commits what a trial has left of a script behind its savepoint, and takes back what it left
    /// in the session.
    ///
    /// # Errors
    /// The refusal of the commit.
    pub async fn keep(&mut self, script: &Script) -> Result<(), Failure> {
        let reset = self.session.reset_text();
        let kept = self.session.run_texts(&["RELEASE applied", "COMMIT", &reset]).await;
        kept.map_err(|(_, refusal)| Failure::after(script, "COMMIT", refusal))
    }

    /// What the statements after a failure would have said, each tried alone, carried on where it
    /// applies. Nothing of it stays.
    ///
    /// # Errors
    /// The server is down.
    pub async fn what_else_fails(
        &mut self,
        script: &Script,
        record: &Record,
        failure: &Failure,
    ) -> Result<Vec<Failure>, ReplayError> {
        let mut hidden = Vec::new();
        self.session.command("begin a trial", "BEGIN").await?;
        for (index, statement) in script.statements.iter().enumerate() {
            let quiet = index == failure.index
                || !matches!(
                    statement.kind,
                    StatementKind::Ordinary | StatementKind::NoTransaction
                );
            if quiet {
                continue;
            }
            if let Err(refusal) = self.try_alone(statement).await?
                && index > failure.index
                && !refusal.wants_no_transaction()
            {
                hidden.push(Failure::at(script, index, statement, refusal));
            }
        }
        let is_record = failure.index >= script.statements.len();
        if !is_record && let Err(failure) = self.record(script, record).await {
            hidden.push(failure);
        }
        self.session.command("end a trial", "ROLLBACK").await?;
        self.session.reset().await?;
        Ok(hidden)
    }

    async fn try_alone(
        &mut self,
        statement: &Statement,
    ) -> Result<Result<(), Refusal>, ReplayError> {
        self.session.command("begin a trial", "SAVEPOINT alone").await?;
        let outcome = self.session.run(statement).await;
        match &outcome {
            Ok(()) => self.session.command("end a trial", "RELEASE alone").await?,
            Err(refusal) if refusal.lost => {
                self.session.reconnect().await?;
                self.session.command("begin a trial", "BEGIN").await?;
            }
            Err(_) => self.session.command("end a trial", "ROLLBACK TO alone").await?,
        }
        Ok(outcome)
    }

    /// Takes back all of the transaction that is open, and what it left in the session; after a
    /// failure that took the session along, gets a new one.
    ///
    /// # Errors
    /// The server is down.
    pub async fn abandon(&mut self, failure: Option<&Failure>) -> Result<(), ReplayError> {
        match failure.is_some_and(|failure| failure.refusal.lost) {
            true => self.session.reconnect().await,
            false => self.session.roll_back().await,
        }
    }

    /// After a failure: ends the transaction that is open, or gets a new session.
    ///
    /// # Errors
    /// The server is down.
    pub async fn recover(&mut self, failure: &Failure, open: bool) -> Result<(), ReplayError> {
        if failure.refusal.lost {
            return self.session.reconnect().await;
        }
        if open {
            self.session.command("roll back", "ROLLBACK").await?;
        }
        Ok(())
    }
}

/// One script on its way through a session.
struct Course<'run, 'server> {
    session: &'run mut Session<'server>,
    script: &'run Script,
    /// Whether a transaction is open.
    open: bool,
}

impl Course<'_, '_> {
    async fn run(&mut self, record: &Record) -> Result<(), Failure> {
        let wrapping = wrapping(self.script);
        write(self.session, self.script, &record.before).await?;
        if wrapping == Wrapping::Transaction {
            self.control("BEGIN", true).await?;
        }
        for (index, statement) in self.script.statements.iter().enumerate() {
            let together = wrapping == Wrapping::Together;
            if together && !self.open && statement.kind == StatementKind::Ordinary {
                self.control("BEGIN", true).await?;
            }
            if together && self.open && statement.kind == StatementKind::Begin {
                continue; // it makes the implicit transaction, which is open, an explicit one
            }
            let outcome = self.session.run(statement).await;
            outcome.map_err(|refusal| Failure::at(self.script, index, statement, refusal))?;
            match statement.kind {
                StatementKind::Begin => self.open = true,
                StatementKind::Commit | StatementKind::Rollback => self.open = false,
                _ => {}
            }
        }
        if self.open && wrapping != Wrapping::Transaction {
            self.control("COMMIT", false).await?;
        }
        write(self.session, self.script, &record.after).await?;
        if self.open {
            self.control("COMMIT", false).await?;
        }
        Ok(())
    }

    async fn control(&mut self, text: &'static str, open: bool) -> Result<(), Failure> {
        let outcome = self.session.run_text(text).await;
        self.open = open;
        outcome.map_err(|refusal| Failure::after(self.script, text, refusal))
    }
}

/// Writes a part of the tool's own record.
pub(super) async fn write(
    session: &mut Session<'_>,
    script: &Script,
    statements: &[String],
) -> Result<(), Failure> {
    if statements.is_empty() {
        return Ok(());
    }
    let outcome = session.run_text(&statements.join("; ")).await;
    outcome.map_err(|refusal| Failure::of_record(script, refusal))
}

/// How a script is run. One that a tool sends at once, with a statement in it that PostgreSQL
/// refuses in a transaction, can only have been run statement by statement, if ever; and a single
/// one that may end transactions within has none around it.
pub(super) fn wrapping(script: &Script) -> Wrapping {
    let bare = |statement: &Statement| statement.kind == StatementKind::NoTransaction;
    let is_bare = script.statements.iter().any(bare);
    match (script.wrapping, &script.statements[..]) {
        (Wrapping::Together, _) if is_bare => Wrapping::EachStatement,
        (Wrapping::Together, [only]) if may_end_transactions(only) => Wrapping::EachStatement,
        (wrapping, _) => wrapping,
    }
}

/// Whether it is a call of a procedure, which may do so, or a block that does.
fn may_end_transactions(statement: &Statement) -> bool {
    let ends = |token: &Token<'_>| token.is_word("commit") || token.is_word("rollback");
    statement.begins(&["call"])
        || (statement.begins(&["do"]) && statement.tokens_with_body().iter().any(ends))
}
