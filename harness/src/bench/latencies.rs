//! How long calls took, all of them: a histogram for files and pages.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// How long calls of one kind took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies {
    /// What was called.
    pub name: String,
    /// For each time in microseconds, ascending and each a quarter above the one before, how many
    /// calls took that long and longer than the one before.
    pub counts: Vec<(u64, u64)>,
}

/// The first step, in nanoseconds, and by how much each is above the one before.
const FIRST: u64 = 50_000;
const STEP: f64 = 1.25;

impl Latencies {
    /// Those of a histogram of nanoseconds, without what lies before the first call and behind the
    /// last.
    pub fn of(name: &str, histogram: &Histogram<u64>) -> Self {
        let steps = histogram.iter_log(FIRST, STEP);
        let counts = steps
            .map(|step| (step.value_iterated_to() / 1000, step.count_since_last_iteration()))
            .skip_while(|(_, count)| *count == 0)
            .collect();
        Self { name: name.to_owned(), counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_in_one_step() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for microseconds in [300, 310, 900, 40_000] {
            histogram.record(microseconds * 1000).unwrap();
        }
        let latencies = Latencies::of("batch", &histogram);
        assert_eq!(latencies.counts.iter().map(|(_, count)| count).sum::<u64>(), 4);
        let (first, last) = (latencies.counts[0], *latencies.counts.last().unwrap());
        assert!(first.0 >= 300 && first.0 < 400 && first.1 == 2, "{first:?}");
        assert!(last.0 >= 40_000 && last.0 < 50_100 && last.1 == 1, "{last:?}");
    }
}
