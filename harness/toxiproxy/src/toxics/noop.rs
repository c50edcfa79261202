//! Does nothing.

use serde::{Deserialize, Serialize};

use super::toxic::{Moment, Step, Toxic};

/// Passes everything on.
#[derive(Default, Serialize, Deserialize)]
pub struct Noop {}

impl Toxic for Noop {
    const TYPE: &'static str = "noop";
    type Memory = ();

    fn act(&self, (): &mut (), moment: &mut Moment<'_>) -> Step {
        match moment.input.pop() {
            Some(bytes) => Step::Pass(bytes),
            None => moment.rest(),
        }
    }
}
