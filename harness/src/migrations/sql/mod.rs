//! SQL as files hold it: where statements begin and end, and what they do to the transaction.

pub mod statement;

pub use statement::{Statement, StatementKind};
