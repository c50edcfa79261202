//! Limits the rate.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::toxic::{Moment, Step, Toxic};

/// The rate is kept over slices of this many milliseconds.
const SLICE: u64 = 100;
/// The next bytes must be there when the line falls free, however late a timer wakes us: so many
/// milliseconds' worth waits beforehand, and no more than so many bytes.
const AHEAD: u64 = 10;
const MOST_AHEAD: u64 = 4 << 20;

/// Passes `rate` kilobytes (of 1000 bytes) a second; with 0 nothing.
#[derive(Default, Serialize, Deserialize)]
pub struct Bandwidth {
    /// Bytes a millisecond, which is the same as KB/s.
    rate: i64,
}

/// When the line has sent what it took before.
#[derive(Default)]
pub struct Free(Option<Instant>);

impl Toxic for Bandwidth {
    const TYPE: &'static str = "bandwidth";
    type Memory = Free;

    fn check(&self) -> Result<(), String> {
        if self.rate < 0 {
            return Err(format!("rate is {} KB/s, it must be 0 or more", self.rate));
        }
        Ok(())
    }

    fn window(&self) -> usize {
        let ahead = u64::try_from(self.rate).unwrap_or(0).saturating_mul(AHEAD);
        usize::try_from(ahead.min(MOST_AHEAD)).unwrap_or(0)
    }

    fn act(&self, free: &mut Free, moment: &mut Moment<'_>) -> Step {
        let (Some(first), Some(arrived)) = (moment.input.front(), moment.input.arrived()) else {
            return moment.rest();
        };
        let rate = u64::try_from(self.rate).unwrap_or(0);
        if rate == 0 {
            return Step::Wait;
        }
        let slice = (first.len() as u64).min(rate.saturating_mul(SLICE));
        let start = free.0.map_or(arrived, |free| free.max(arrived));
        let due = start + Duration::from_nanos(slice * 1_000_000 / rate);
        if moment.now < due {
            return Step::WaitUntil(due);
        }
        free.0 = Some(due);
        let limit = usize::try_from(slice).unwrap_or(usize::MAX);
        moment.input.take(limit).map_or(Step::Wait, Step::Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::Bandwidth;
    use crate::toxics::toxic::bench::{Bench, Did};

    #[test]
    fn bytes_take_their_time_in_slices() {
        let mut bench = Bench::new(Bandwidth { rate: 10 });
        bench.arrive(0, &[7; 1500]);
        assert_eq!(bench.act(0), Did::WaitUntil(100));
        assert_eq!(bench.act(100), Did::Pass(vec![7; 1000]));
        assert_eq!(bench.act(100), Did::WaitUntil(150));
        assert_eq!(bench.act(150), Did::Pass(vec![7; 500]));
        assert_eq!(bench.act(150), Did::Wait);
    }

    #[test]
    fn time_on_an_idle_line_is_not_saved_up() {
        let mut bench = Bench::new(Bandwidth { rate: 10 });
        bench.arrive(5000, &[7; 1000]);
        assert_eq!(bench.act(5000), Did::WaitUntil(5100));
    }
}
