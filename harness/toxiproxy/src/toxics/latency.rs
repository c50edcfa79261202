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
