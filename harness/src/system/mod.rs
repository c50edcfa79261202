//! What is under test, as its system file describes it: parts, links, and how events go in and
//! come back. Nothing else in the harness knows the system. Imports nothing above it.

mod events;
mod file;
mod pattern;
mod reading;
mod ready;
mod template;

pub use events::{
    BacklogContract, Channel, EmitContract, EmitWay, EventContract, EventKind, Pages, Promise,
    ReadContract, ReadSource,
};
pub use file::*;
pub use pattern::Pattern;
pub use reading::{ReadsContract, StreamContract};
pub use ready::Ready;
pub use template::{TemplateError, Values, fill, fill_json};
