//! How a run went over time, from its history.

use std::collections::BTreeMap;

use super::Series;
use crate::history::{History, Phase};

/// The length of a step in milliseconds.
const STEP: u64 = 250;

/// More steps than a page can show; longer runs get longer steps.
const MOST_STEPS: u64 = 4_000;

/// Throughput and backlog of a run. Runs of up to a quarter of an hour get steps of 250 ms.
pub fn build_series(history: &History) -> Series {
    let duration = history.duration() / 1_000_000;
    let step_ms = STEP * (duration / (STEP * MOST_STEPS) + 1);
    let steps = index(duration, step_ms) + 1;
    let place = |nanoseconds: u64| index(nanoseconds / 1_000_000, step_ms);

    let mut taken = vec![0; steps];
    for emit in history.emits() {
        if let (Phase::Ok, Some(ended)) = (emit.phase, emit.ended) {
            taken[place(ended)] += 1;
        }
    }
    let mut backlog: BTreeMap<String, Vec<Option<u64>>> = BTreeMap::new();
    for (at, part, events) in history.backlogs() {
        let samples = match backlog.get_mut(part) {
            Some(samples) => samples,
            None => backlog.entry(part.into()).or_insert_with(|| vec![None; steps]),
        };
        samples[place(at)] = Some(events);
    }
    for samples in backlog.values_mut() {
        carry_forward(samples);
    }
    Series { step_ms, acknowledged: acknowledged(&taken, &backlog), taken, backlog }
}

fn index(milliseconds: u64, step_ms: u64) -> usize {
    usize::try_from(milliseconds / step_ms).unwrap_or(usize::MAX)
}

/// A part holds what it said last until it says otherwise.
fn carry_forward(samples: &mut [Option<u64>]) {
    let mut last = None;
    for sample in samples {
        last = sample.or(last);
        *sample = last;
    }
}

/// What was taken and is held no more was acknowledged. Samples come a moment after what they
/// count, so a step in which the difference is negative passes its debt on to the next.
fn acknowledged(taken: &[u64], backlog: &BTreeMap<String, Vec<Option<u64>>>) -> Vec<u64> {
    if backlog.is_empty() {
        return Vec::new();
    }
    let mut all_taken: u64 = 0;
    let mut all_acknowledged: u64 = 0;
    let step = |(index, taken): (usize, &u64)| {
        all_taken += taken;
        let held: u64 = backlog.values().filter_map(|samples| samples[index]).sum();
        let now = all_taken.saturating_sub(held).max(all_acknowledged);
        let new = now - all_acknowledged;
        all_acknowledged = now;
        new
    };
    taken.iter().enumerate().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::build::HistoryBuilder;

    #[test]
    fn counts_what_happened_in_each_step() {
        let history = HistoryBuilder::new()
            .emitted_many("agent-1", 2) // ends at 40 ms
            .backlog("agent-1", 2)
            .after(240)
            .emitted_many("agent-1", 1) // ends at 310 ms
            .after(230)
            .backlog("agent-1", 0) // at 550 ms
            .finish();
        let series = build_series(&history);
        assert_eq!(series.step_ms, 250);
        assert_eq!(series.taken, [2, 1, 0]);
        assert_eq!(series.backlog["agent-1"], [Some(2), Some(2), Some(0)]);
        assert_eq!(series.acknowledged, [0, 1, 2]);
    }

    #[test]
    fn is_silent_on_what_nobody_sampled() {
        let series = build_series(&HistoryBuilder::new().emitted_many("agent-1", 1).finish());
        assert!(series.acknowledged.is_empty() && series.backlog.is_empty());
    }

    #[test]
    fn long_runs_get_longer_steps() {
        let history = HistoryBuilder::new().after(3_600_000).emitted_many("agent-1", 1).finish();
        let series = build_series(&history);
        assert_eq!((series.step_ms, series.taken.len()), (1_000, 3_601));
    }
}
