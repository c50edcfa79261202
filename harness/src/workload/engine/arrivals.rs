//! When requests fall due.

use std::time::Duration;

use super::super::Pace;

/// When requests fall due, counted from the beginning.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// Evenly.
    Constant(Pace),
    /// At a rate that changes evenly from one to the other.
    Ramp {
        /// Requests a second in the beginning.
        from: u32,
        /// Requests a second in the end.
        to: u32,
        /// From the beginning to the end.
        lasts: Duration,
    },
    /// Many at once, again and again.
    Burst {
        /// How many at once.
        size: u32,
        /// From one burst to the next.
        every: Duration,
        /// How many bursts.
        times: u32,
    },
    /// As they came once before; in ascending order.
    Replay(Vec<Duration>),
}

impl Arrivals {
    /// So many a second, for so long.
    pub fn constant(rate: u32, lasts: Duration) -> Self {
        let lasts = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
        Self::Constant(Pace { rate, lasts })
    }

    /// How many requests there are.
    pub fn count(&self) -> u64 {
        match self {
            Self::Constant(pace) => pace.operations(),
            Self::Ramp { from, to, lasts } => {
                (f64::from(from + to) / 2.0 * lasts.as_secs_f64()) as u64
            }
            Self::Burst { size, times, .. } => u64::from(*size) * u64::from(*times),
            Self::Replay(times) => times.len() as u64,
        }
    }

    /// When a request is due; they are counted from 0.
    pub fn due(&self, request: u64) -> Duration {
        match self {
            Self::Constant(pace) => pace.due(request),
            Self::Ramp { from, to, lasts } => {
                ramp_due(f64::from(*from), f64::from(*to), *lasts, request)
            }
            Self::Burst { size, every, .. } => {
                every.mul_f64((request / u64::from((*size).max(1))) as f64)
            }
            Self::Replay(times) => usize::try_from(request)
                .ok()
                .and_then(|request| times.get(request))
                .copied()
                .unwrap_or(Duration::MAX),
        }
    }
}

/// When the requests that came until `t`, from·t + (to - from)·t² / 2·lasts, are so many.
fn ramp_due(from: f64, to: f64, lasts: Duration, request: u64) -> Duration {
    let count = request as f64;
    let growth = (to - from) / lasts.as_secs_f64().max(f64::MIN_POSITIVE);
    let under_root = (from * from + 2.0 * growth * count).max(0.0);
    let sum = from + under_root.sqrt();
    if sum > 0.0 { Duration::from_secs_f64(2.0 * count / sum) } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn dues(arrivals: &Arrivals) -> Vec<f64> {
        (0..arrivals.count()).map(|request| arrivals.due(request).as_secs_f64()).collect()
    }

    #[test]
    fn each_plan_is_due_as_it_says() {
        assert_eq!(dues(&Arrivals::constant(4, SECOND)), [0.0, 0.25, 0.5, 0.75]);
        let burst = Arrivals::Burst { size: 2, every: SECOND, times: 2 };
        assert_eq!(dues(&burst), [0.0, 0.0, 1.0, 1.0]);
        let replay = Arrivals::Replay(vec![Duration::ZERO, SECOND * 3]);
        assert_eq!(dues(&replay), [0.0, 3.0]);
        assert_eq!(replay.due(2), Duration::MAX);
    }

    #[test]
    fn a_ramp_brings_its_mean_rate_and_ends_at_its_end() {
        let ramp = Arrivals::Ramp { from: 0, to: 200, lasts: SECOND * 2 };
        let dues = dues(&ramp);
        assert_eq!(dues.len(), 200);
        assert!(dues.is_sorted());
        // A quarter of them comes in the first half.
        assert_eq!(dues.iter().filter(|due| **due < 1.0).count(), 50);
        assert!((1.98..=2.0).contains(&dues[199]), "{}", dues[199]);
        let falling = Arrivals::Ramp { from: 200, to: 0, lasts: SECOND * 2 };
        assert_eq!(falling.count(), 200);
        assert!((0..200).map(|request| falling.due(request)).is_sorted());
        let none = Arrivals::Ramp { from: 0, to: 0, lasts: SECOND };
        assert_eq!(none.count(), 0);
    }
}
