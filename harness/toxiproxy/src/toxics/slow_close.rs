//! Delays the close.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::toxic::{Moment, Step, Toxic, after, milliseconds};

/// Passes data on at once, and the end of the stream `delay` after it came.
#[derive(Default, Serialize, Deserialize)]
pub struct SlowClose {
    /// Milliseconds.
    delay: i64,
}

/// When the end came.
#[derive(Default)]
pub struct Ended(Option<Instant>);

impl Toxic for SlowClose {
    const TYPE: &'static str = "slow_close";
    type Memory = Ended;

    fn act(&self, ended: &mut Ended, moment: &mut Moment<'_>) -> Step {
        if let Some(bytes) = moment.input.pop() {
            return Step::Pass(bytes);
        }
        if !moment.input.finished() {
            return Step::Wait;
        }
        let due = after(*ended.0.get_or_insert(moment.now), milliseconds(self.delay));
        if moment.now < due { Step::WaitUntil(due) } else { Step::End }
    }
}

#[cfg(test)]
mod tests {
    use super::SlowClose;
    use crate::toxics::toxic::bench::{Bench, Did, pass};

    #[test]
    fn data_passes_at_once_and_the_end_later() {
        let mut bench = Bench::new(SlowClose { delay: 100 });
        bench.arrive(0, b"a");
        bench.input.end();
        assert_eq!(bench.act(10), pass(b"a"));
        assert_eq!(bench.act(10), Did::WaitUntil(110));
        assert_eq!(bench.act(110), Did::End);
    }
}
