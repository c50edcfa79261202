//! Delays what passes.

use std::time::Duration;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::toxic::{Moment, Step, Toxic, after, milliseconds};

/// So many bytes may be under way at once: 20 MB/s through 200 ms.
const WINDOW: usize = 4 << 20;

/// Delays each chunk by `latency` ± `jitter`, counted from its own arrival: chunks are under way
/// side by side as on a long line, and never overtake one another.
#[derive(Default, Serialize, Deserialize)]
pub struct Latency {
    /// Milliseconds.
    latency: i64,
    /// Milliseconds.
    jitter: i64,
}

/// Where in the jitter the first waiting chunk lies, from -1 to 1. The draw is kept rather than
/// the time, so that a change of attributes counts for the chunks that wait already.
#[derive(Default)]
pub struct Draw(Option<f64>);

impl Toxic for Latency {
    const TYPE: &'static str = "latency";
    type Memory = Draw;

    fn window(&self) -> usize {
        WINDOW
    }

    fn act(&self, draw: &mut Draw, moment: &mut Moment<'_>) -> Step {
        let Some(arrived) = moment.input.arrived() else {
            return moment.rest();
        };
        let draw_value = *draw.0.get_or_insert_with(|| moment.random.random_range(-1.0..=1.0));
        let due = after(arrived, self.delay(draw_value));
        if moment.now < due {
            return Step::WaitUntil(due);
        }
        draw.0 = None;
        moment.input.pop().map_or(Step::Wait, Step::Pass)
    }
}

impl Latency {
    fn delay(&self, draw: f64) -> Duration {
        let jitter = milliseconds(self.jitter).mul_f64(draw.abs());
        if draw < 0.0 {
            milliseconds(self.latency).saturating_sub(jitter)
        } else {
            milliseconds(self.latency).saturating_add(jitter)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Latency;
    use crate::toxics::toxic::bench::{Bench, Did, pass};

    #[test]
    fn each_chunk_waits_from_its_own_arrival() {
        let mut bench = Bench::new(Latency { latency: 200, jitter: 0 });
        bench.arrive(0, b"a");
        bench.arrive(5, b"b");
        bench.input.end();
        assert_eq!(bench.act(5), Did::WaitUntil(200));
        assert_eq!(bench.act(200), pass(b"a"));
        assert_eq!(bench.act(200), Did::WaitUntil(205));
        assert_eq!(bench.act(205), pass(b"b"));
        assert_eq!(bench.act(205), Did::End);
    }

    #[test]
    fn a_change_counts_for_what_waits() {
        let mut bench = Bench::new(Latency { latency: 200, jitter: 0 });
        bench.arrive(0, b"a");
        assert_eq!(bench.act(0), Did::WaitUntil(200));
        bench.toxic.latency = 10;
        assert_eq!(bench.act(0), Did::WaitUntil(10));
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_uses_them() {
        let mut bench = Bench::new(Latency { latency: 100, jitter: 50 });
        let mut waits = Vec::new();
        for _ in 0..200 {
            bench.arrive(0, b"a");
            let Did::WaitUntil(due) = bench.act(0) else { panic!("it did not wait") };
            waits.push(due);
            assert_eq!(bench.act(due), pass(b"a"));
        }
        assert!(waits.iter().all(|due| (50..=150).contains(due)), "{waits:?}");
        assert!(waits.iter().any(|due| *due < 70) && waits.iter().any(|due| *due > 130));
    }

    #[test]
    fn jitter_above_the_latency_never_reaches_into_the_past() {
        let mut bench = Bench::new(Latency { latency: 0, jitter: i64::MAX });
        for _ in 0..50 {
            bench.arrive(0, b"a");
            assert!(matches!(bench.act(0), Did::WaitUntil(_) | Did::Pass(_)));
            bench.input.discard();
        }
    }
}
