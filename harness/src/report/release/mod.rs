//! One report on a release: what every check of it said, whoever made the checks.
//!
//! A check comes from the file that its command has written ([`read`]), or from the gate that ran
//! the command. [`merge`] joins the reports of several machines, [`compare`] says what changed
//! between two releases. The renderers know [`ReleaseReport`] and nothing else.

pub mod compare;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod merge;
mod model;
pub mod read;
#[cfg(test)]
mod sample;
pub mod terminal;
pub mod waiver;
mod write;

pub use model::*;
pub use write::write_all;
