//! One model of a run, and renderers that know nothing else.
//!
//! [`RunReport::assemble`] makes the model of a history and its verdicts; [`render_all`] writes
//! every form of it into a folder. Secrets leave the text where it enters the model.

mod assemble;
mod model;
mod redact;
mod series;

pub use assemble::RunContext;
pub use model::*;
pub use redact::Redactor;
