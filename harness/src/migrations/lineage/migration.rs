//! One migration: how it goes up, and how it goes down.

use super::LineageError;
use crate::migrations::sql::{MetaCommand, Statement, split};

/// One migration of a lineage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// What its tool knows it by, as the file spells it: `20170923182408`, `007`, `023a`. Unique
    /// within the lineage unless the lineage itself has it twice.
    pub version: String,
    /// The rest of its name.
    pub name: String,
    /// The way up.
    pub up: Step,
    /// The way down, where there is one.
    pub down: Option<Script>,
    /// Whether the tool runs it again whenever it changed.
    pub repeatable: bool,
    /// The time that its tool's journal gives it, in milliseconds since 1970; drizzle has one.
    pub stamp: Option<i64>,
}

/// What a migration does on its way up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// SQL.
    Script(Script),
    /// Code in another language, that only the project itself can run.
    Code {
        /// The file, seen from the lineage's folder.
        file: String,
    },
}

/// A file, or the part of one, that goes one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The file, seen from the lineage's folder, with forward slashes.
    pub file: String,
    /// What the tool sends to the server, its template variables filled in.
    pub text: String,
    /// The same, statement by statement; lines count in the file.
    pub statements: Vec<Statement>,
    /// What the tool puts around it.
    pub wrapping: Wrapping,
}

/// What a tool puts around a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// A transaction, with the tool's own record in it.
    Transaction,
    /// Nothing, but all of it is sent at once: PostgreSQL takes what is not within the script's
    /// own transactions as one.
    Together,
    /// Nothing, and each statement is sent for itself.
    EachStatement,
}

impl Migration {
    /// The file of its way up.
    pub fn file(&self) -> &str {
        match &self.up {
            Step::Script(script) => &script.file,
            Step::Code { file } => file,
        }
    }
}

impl Script {
    /// A file, or a part of it that begins on the given line, sent as it is.
    ///
    /// # Errors
    /// It holds a command of psql.
    pub(super) fn new(
        file: &str,
        text: String,
        first_line: usize,
        wrapping: Wrapping,
    ) -> Result<Self, LineageError> {
        let statements = split(&text, first_line).map_err(|MetaCommand { line, command }| {
            LineageError::MetaCommand { file: file.to_owned(), line, command }
        })?;
        Ok(Self { file: file.to_owned(), text, statements, wrapping })
    }
}
