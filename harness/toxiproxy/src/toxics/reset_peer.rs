//! Breaks the connection off.

use serde::{Deserialize, Serialize};

use super::toxic::{Moment, Step, Toxic, after, milliseconds};

/// Drops all data and resets both sides of the connection after `timeout`; with 0 at once.
#[derive(Default, Serialize, Deserialize)]
pub struct ResetPeer {
    /// Milliseconds.
    timeout: i64,
}

impl Toxic for ResetPeer {
    const TYPE: &'static str = "reset_peer";
    type Memory = ();

    fn act(&self, (): &mut (), moment: &mut Moment<'_>) -> Step {
        moment.input.discard();
        let due = after(moment.since, milliseconds(self.timeout));
        if moment.now < due { Step::WaitUntil(due) } else { Step::Reset }
    }
}
