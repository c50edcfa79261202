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

#[cfg(test)]
mod tests {
    use super::Timeout;
    use crate::toxics::toxic::bench::{Bench, Did};

    #[test]
    fn data_and_end_are_dropped_until_the_time_is_up() {
        let mut bench = Bench::new(Timeout { timeout: 100 });
        bench.arrive(0, b"a");
        bench.input.end();
        assert_eq!(bench.act(0), Did::WaitUntil(100));
        assert!(bench.input.is_empty());
        assert_eq!(bench.act(100), Did::Close);
    }

    #[test]
    fn zero_never_closes() {
        let mut bench = Bench::new(Timeout { timeout: 0 });
        assert_eq!(bench.act(u64::from(u32::MAX)), Did::Wait);
    }
}
