//! One model of a run, and renderers that know nothing else.
//!
//! [`RunReport::assemble`] makes the model of a history and its verdicts; [`write_all`] writes
//! every form of it into a folder, and [`terminal::render`] is the summary. Secrets leave the
//! text where it enters the model; what could steer a terminal or a page leaves it where it is
//! rendered.

mod assemble;
pub mod certification;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod migrations;
mod model;
mod redact;
pub mod release;
mod render;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod schema_test;
pub mod sensitivity;
mod series;
pub mod terminal;
pub mod text;

pub use assemble::RunContext;
pub use model::*;
pub use redact::Redactor;
pub use render::{ReportError, write_all};
