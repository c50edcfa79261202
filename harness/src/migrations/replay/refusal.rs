//! What PostgreSQL says when it refuses a statement, and where in a lineage that was.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use crate::migrations::lineage::Script;
use crate::migrations::sql::Statement;

/// What PostgreSQL said when it refused a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Five characters, as `42P01`.
    pub sqlstate: String,
    /// Its message.
    pub message: String,
    /// Its detail, hint and context, where it gave them.
    pub detail: Option<String>,
    /// The object that it names, where it names one in a field of its own.
    #[serde(skip)]
    pub object: Object,
    /// The character of the statement that it points at, from 1.
    #[serde(skip)]
    pub position: Option<usize>,
    /// Whether the connection was lost with it.
    #[serde(skip)]
    pub lost: bool,
}

/// What a refusal is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// The schema of the table.
    pub schema: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The constraint.
    pub constraint: Option<String>,
}

/// The states in which PostgreSQL refuses only because a transaction is around the statement, or
/// because something earlier in it is still open.
const WANTS_NO_TRANSACTION: [&str; 4] = [
    "25001", // active_sql_transaction: CONCURRENTLY and the like
    "2D000", // invalid_transaction_termination: COMMIT in a procedure or DO block
    "55P04", // unsafe_new_enum_value_usage
    "55006", // object_in_use: pending trigger events
];

impl Refusal {
    /// From a database's answer, or from the loss of its connection.
    pub fn new(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(answer) => match answer.try_downcast_ref::<PgDatabaseError>() {
                Some(answer) => Self::from_answer(answer),
                None => Self::from_loss(error),
            },
            _ => Self::from_loss(error),
        }
    }

    /// Of a statement that did not end in time and was cancelled.
    pub fn out_of_time(error: &sqlx::Error, deadline: Duration) -> Self {
        let seconds = deadline.as_secs_f64();
        Self {
            message: format!(
                "the statement did not end within {seconds} s and was cancelled; if it may take \
                 longer, say how long with --statement-deadline"
            ),
            ..Self::new(error)
        }
    }

    fn from_answer(answer: &PgDatabaseError) -> Self {
        let parts =
            [("detail", answer.detail()), ("hint", answer.hint()), ("context", answer.r#where())];
        let detail: Vec<String> = parts
            .iter()
            .filter_map(|(name, text)| text.map(|text| format!("{name}: {text}")))
            .collect();
        Self {
            sqlstate: answer.code().to_owned(),
            message: answer.message().to_owned(),
            object: Object {
                schema: answer.schema().map(str::to_owned),
                table: answer.table().map(str::to_owned),
                column: answer.column().map(str::to_owned),
                constraint: answer.constraint().map(str::to_owned),
            },
            detail: (!detail.is_empty()).then(|| detail.join("\n")),
            position: match answer.position() {
                Some(PgErrorPosition::Original(position)) => Some(position),
                _ => None,
            },
            // Class 57P: an administrator, or the statement itself, ended the session.
            lost: answer.code().starts_with("57P"),
        }
    }

    fn from_loss(error: &sqlx::Error) -> Self {
        Self {
            sqlstate: "08006".into(),
            message: format!("the session ended during this statement ({error})"),
            detail: None,
            object: Object::default(),
            position: None,
            lost: true,
        }
    }

    /// Whether the statement may well pass outside the transaction that it was tried in.
    pub fn wants_no_transaction(&self) -> bool {
        WANTS_NO_TRANSACTION.contains(&self.sqlstate.as_str())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (SQLSTATE {})", self.message, self.sqlstate)?;
        match &self.detail {
            Some(detail) => write!(formatter, "\n{detail}"),
            None => Ok(()),
        }
    }
}

/// What a failure is of that no statement of the script is to blame for.
const RECORD: &str = "the tool's own record";
/// raise_exception: a trigger's own words.
const RAISED: &str = "P0001";

/// A refusal and the place in a script that it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What PostgreSQL said.
    pub refusal: Box<Refusal>,
    /// The script's file, seen from the lineage's folder.
    pub file: String,
    /// The line of the file, from 1; none where it is the tool's own statement.
    pub line: Option<usize>,
    /// The statement, as the file has it, or what the tool did instead.
    pub statement: String,
    /// Which of the script's statements it is, from 0; their number where it is none of them.
    #[serde(skip)]
    pub index: usize,
}

impl Failure {
    /// Of one of the script's own statements.
    pub fn at(script: &Script, index: usize, statement: &Statement, refusal: Refusal) -> Self {
        let before = refusal.position.map_or(0, |position| {
            statement.text.chars().take(position.saturating_sub(1)).filter(|c| *c == '\n').count()
        });
        Self {
            refusal: Box::new(refusal),
            file: script.file.clone(),
            line: Some(statement.line + before),
            statement: statement.text.clone(),
            index,
        }
    }

    /// Of the tool's own record of a script.
    pub fn of_record(script: &Script, refusal: Refusal) -> Self {
        Self::after(script, RECORD, refusal)
    }

    /// Whether all of the script passed, and code of the project's own refused the record: it
    /// wants to be run by a tool of its own.
    pub fn is_record_forbidden(&self) -> bool {
        self.line.is_none() && self.statement == RECORD && self.refusal.sqlstate == RAISED
    }

    /// Of what the tool does after the script's last statement.
    pub fn after(script: &Script, what: &str, refusal: Refusal) -> Self {
        Self {
            refusal: Box::new(refusal),
            file: script.file.clone(),
            line: None,
            statement: what.to_owned(),
            index: script.statements.len(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}: {}", self.file, self.refusal),
            None => write!(formatter, "{}, {}: {}", self.file, self.statement, self.refusal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::lineage::Wrapping;
    use crate::migrations::sql::StatementKind;

    fn refusal(position: Option<usize>) -> Refusal {
        Refusal {
            sqlstate: "42703".into(),
            message: "column \"x\" does not exist".into(),
            detail: None,
            object: Object::default(),
            position,
            lost: false,
        }
    }

    #[test]
    fn the_line_is_the_one_that_postgresql_points_at() {
        let statement = Statement {
            text: "SELECT 1,\n  x\nFROM t".into(),
            offset: 0,
            line: 7,
            kind: StatementKind::Ordinary,
            copy_data: None,
        };
        let script = Script {
            file: "1_a.up.sql".into(),
            text: String::new(),
            statements: vec![statement.clone()],
            wrapping: Wrapping::Transaction,
        };
        let line = |position| Failure::at(&script, 0, &statement, refusal(position)).line;
        assert_eq!(line(None), Some(7));
        assert_eq!(line(Some(1)), Some(7));
        assert_eq!(line(Some(13)), Some(8));
        let after = Failure::after(&script, "the tool's record", refusal(None));
        assert_eq!((after.line, after.index), (None, 1));
    }

    #[test]
    fn a_lost_connection_is_told_apart() {
        let lost = Refusal::new(&sqlx::Error::PoolClosed);
        assert!(lost.lost && !lost.wants_no_transaction(), "{lost:?}");
    }
}
