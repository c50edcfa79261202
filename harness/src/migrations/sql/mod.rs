//! SQL as files hold it: where statements begin and end, and what they do to the transaction.
//!
//! [`lexer`] cuts a text into tokens and never fails; [`split()`] makes statements of them;
//! [`classify`] says what a statement means to the transaction around it, [`names`]
//! what it names.

pub mod classify;
pub mod lexer;
pub mod names;
pub mod split;
pub mod statement;

pub use lexer::{Token, TokenKind, tokens};
pub use names::{Name, behind, name_at};
pub use split::{MetaCommand, split};
pub use statement::{Statement, StatementKind};
