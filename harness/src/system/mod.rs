//! What is under test, as its system file describes it: parts, links, and how events go in and
//! come back. Nothing else in the harness knows the system. Imports nothing above it.

mod file;
mod template;

pub use file::*;
pub use template::{TemplateError, Values, fill, fill_json};
