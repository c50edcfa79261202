//! What a load showed.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Recorded times lie between a nanosecond and this, to three digits.
const LONGEST: Duration = Duration::from_secs(120);

/// What a load showed. Times are in nanoseconds.
#[derive(Clone, Debug)]
pub struct Measured {
    /// From when a request was due to its answer, of those that were answered.
    pub latency: Histogram<u64>,
    /// From when a request was due, or could be sent at the earliest, to when it was sent: how
    /// late the engine itself was.
    pub lateness: Histogram<u64>,
    /// How many were answered with a status of success.
    pub succeeded: u64,
    /// How many were answered with 429 or 503: come back later.
    pub put_off: u64,
    /// How many were answered with another status.
    pub refused: u64,
    /// How many got no answer: their connection broke, or time was up.
    pub lost: u64,
    /// From the first that was due to the last answer.
    pub lasted: Duration,
    /// What the engine's thread used of its processor.
    pub processor_time: Duration,
}

impl Measured {
    pub(super) fn new() -> Self {
        Self {
            latency: empty_histogram(),
            lateness: empty_histogram(),
            succeeded: 0,
            put_off: 0,
            refused: 0,
            lost: 0,
            lasted: Duration::ZERO,
            processor_time: Duration::ZERO,
        }
    }

    /// Counts an answer.
    pub(super) fn answer(&mut self, status: u16, latency: Duration) {
        record(&mut self.latency, latency);
        match status {
            200..=299 => self.succeeded += 1,
            429 | 503 => self.put_off += 1,
            _ => self.refused += 1,
        }
    }

    /// Counts a request that was sent so late.
    pub(super) fn sent(&mut self, lateness: Duration) {
        record(&mut self.lateness, lateness);
    }

    /// Whether each request was answered with success.
    pub fn all_succeeded(&self) -> bool {
        self.put_off + self.refused + self.lost == 0
    }

    /// Successes a second.
    pub fn rate(&self) -> f64 {
        self.succeeded as f64 / self.lasted.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// What the engine's thread used for a request.
    pub fn processor_time_each(&self) -> Duration {
        let requests = self.lateness.len().max(1);
        Duration::from_nanos(u64::try_from(self.processor_time.as_nanos()).unwrap_or(0) / requests)
    }

    /// The latencies of a closed loop as an open one, with a request due each `expected`, would
    /// have seen them: a long one also stands for those that it kept from being sent
    /// (HdrHistogram's correction for coordinated omission).
    pub fn corrected_latency(&self, expected: Duration) -> Histogram<u64> {
        self.latency.clone_correct(nanoseconds(expected))
    }
}

/// The time that a share of them does not exceed.
pub fn quantile(times: &Histogram<u64>, share: f64) -> Duration {
    Duration::from_nanos(times.value_at_quantile(share))
}

/// For times up to two minutes, in nanoseconds, to three digits.
pub fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, nanoseconds(LONGEST), 3).expect("the bounds are in order")
}

fn record(times: &mut Histogram<u64>, time: Duration) {
    times.saturating_record(nanoseconds(time).max(1));
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn answers_are_sorted_by_what_they_say() {
        let mut measured = Measured::new();
        for status in [200, 204, 429, 503, 404, 500] {
            measured.answer(status, MILLISECOND);
        }
        let Measured { succeeded, put_off, refused, lost, .. } = measured;
        assert_eq!((succeeded, put_off, refused, lost), (2, 2, 2, 0));
        assert!(!measured.all_succeeded());
    }

    #[test]
    fn a_stall_of_a_closed_loop_stands_for_all_that_it_kept_from_being_sent() {
        let mut measured = Measured::new();
        for _ in 0..100 {
            measured.answer(200, MILLISECOND);
        }
        measured.answer(200, 1000 * MILLISECOND);
        assert!(quantile(&measured.latency, 0.98) < 2 * MILLISECOND);
        let corrected = measured.corrected_latency(10 * MILLISECOND);
        // 990 ms, 980 ms … 10 ms: 99 requests more.
        assert_eq!(corrected.len(), 101 + 99);
        let tail = quantile(&corrected, 0.98);
        assert!((950..=980).contains(&tail.as_millis()), "{tail:?}");
    }
}
