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

#[cfg(test)]
mod tests {
    use super::ResetPeer;
    use crate::toxics::toxic::bench::{Bench, Did};

    #[test]
    fn it_resets_when_the_time_is_up() {
        let mut bench = Bench::new(ResetPeer { timeout: 100 });
        bench.arrive(0, b"a");
        assert_eq!(bench.act(99), Did::WaitUntil(100));
        assert_eq!(bench.act(100), Did::Reset);
    }

    #[test]
    fn zero_resets_at_once() {
        let mut bench = Bench::new(ResetPeer { timeout: 0 });
        assert_eq!(bench.act(0), Did::Reset);
    }
}
