//! The gate: everything that a release must pass, one command after the other, and one report.
//!
//! Each step is a command of this program, run as a process of its own, so that what the gate
//! refuses can be tried again by hand. [`Settings`] (`harness.toml`) says what there is to check,
//! [`steps`] makes commands of it, [`pass`] runs them and reads what they write.

mod pass;
mod settings;
mod step;

pub use pass::{Bounds, GateError, Passed, pass};
pub use settings::{File, Settings, SettingsError};
pub use step::{Request, Step, steps};
