//! How a run went over time, from its history.

use std::collections::BTreeMap;

use super::{Calls, Latency, Series};
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

    let mut refused = vec![0; steps];
    let mut waits = vec![Vec::new(); steps];
    for emit in history.emits() {
        match (emit.phase, emit.ended) {
            (Phase::Ok, Some(ended)) => waits[place(ended)].push((ended - emit.began) / 1_000),
            (Phase::Fail, Some(ended)) => refused[place(ended)] += 1,
            _ => {}
        }
    }
    let taken: Vec<u64> = waits.iter().map(|waits| waits.len() as u64).collect();
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
    let acknowledged = acknowledged(&taken, &backlog);
    let mut calls = Calls::default();
    for (at, phase, attempt) in history.attempts_ended() {
        if calls.passed.is_empty() {
            let none = || vec![0; steps];
            calls = Calls { passed: none(), limited: none(), failed: none() };
        }
        let counted = match phase {
            Phase::Ok => &mut calls.passed,
            _ if attempt.limited => &mut calls.limited,
            _ => &mut calls.failed,
        };
        counted[place(at)] += 1;
    }
    Series { step_ms, acknowledged, taken, refused, calls, latency: latency(waits), backlog }
}

/// From how long each event of each step took, in microseconds.
fn latency(mut waits: Vec<Vec<u64>>) -> Latency {
    waits.iter_mut().for_each(|waits| waits.sort_unstable());
    let rank = |hundredths: usize| {
        let at = |waits: &Vec<u64>| {
            let place = (waits.len() * hundredths).div_ceil(100);
            waits.get(place.checked_sub(1)?).copied()
        };
        waits.iter().map(at).collect()
    };
    Latency { median_us: rank(50), p99_us: rank(99) }
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
            .refused("agent-1", "m")
            .after(230)
            .backlog("agent-1", 0) // at 550 ms or later
            .finish();
        let series = build_series(&history);
        assert_eq!(series.step_ms, 250);
        assert_eq!(series.taken, [2, 1, 0]);
        assert_eq!(series.backlog["agent-1"], [Some(2), Some(2), Some(0)]);
        assert_eq!(series.acknowledged, [0, 1, 2]);
        assert_eq!(series.refused, [0, 1, 0]);
        assert_eq!(series.latency.median_us, [Some(10_000), Some(10_000), None]);
    }

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let latency = latency(vec![(1..=200).rev().collect(), vec![7], Vec::new()]);
        assert_eq!(latency.median_us, [Some(100), Some(7), None]);
        assert_eq!(latency.p99_us, [Some(198), Some(7), None]);
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
