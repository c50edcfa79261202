//! Lets nothing through, then closes.

use serde::{Deserialize, Serialize};

use super::toxic::{Moment, Step, Toxic, after, milliseconds};

/// Drops all data and closes the connection after `timeout`; with 0 it never does. What was dropped
/// cannot be made up for, so removing the toxic closes the connection too.
#[derive(Default, Serialize, Deserialize)]
pub struct Timeout {
    /// Milliseconds.
    timeout: i64,
}

impl Toxic for Timeout {
    const TYPE: &'static str = "timeout";
    const CLOSES_WHEN_REMOVED: bool = true;
    type Memory = ();

    fn act(&self, (): &mut (), moment: &mut Moment<'_>) -> Step {
        moment.input.discard();
        if self.timeout <= 0 {
            return Step::Wait;
        }
        let due = after(moment.since, milliseconds(self.timeout));
        if moment.now < due { Step::WaitUntil(due) } else { Step::Close }
    }
}
