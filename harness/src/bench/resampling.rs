//! Medians, and how sure they are.

use rand::{Rng, RngExt};

/// How often rounds are drawn anew.
const DRAWS: usize = 10_000;
/// The share of draws that lies outside the interval, half of it on each side.
const OUTSIDE: f64 = 0.05;

/// The middle of the samples; of an even number, the mean of both in the middle.
///
/// # Panics
/// Without samples.
pub(super) fn median(samples: &[f64]) -> f64 {
    median_of(&mut samples.to_vec())
}

fn median_of(samples: &mut [f64]) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    let middle = samples.len() / 2;
    match samples.len() % 2 {
        0 => f64::midpoint(samples[middle - 1], samples[middle]),
        _ => samples[middle],
    }
}

/// The interval in which the median of `after` over that of `before` lies, with 95 % confidence:
/// the percentile bootstrap (Efron 1979), each side's rounds drawn anew with replacement.
pub(super) fn ratio_interval(before: &[f64], after: &[f64], random: &mut impl Rng) -> [f64; 2] {
    let mut ratios: Vec<f64> =
        (0..DRAWS).map(|_| drawn_median(after, random) / drawn_median(before, random)).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| ratios[((ratios.len() - 1) as f64 * share).round() as usize];
    [at(OUTSIDE / 2.0), at(1.0 - OUTSIDE / 2.0)]
}

fn drawn_median(samples: &[f64], random: &mut impl Rng) -> f64 {
    let mut drawn: Vec<f64> =
        samples.iter().map(|_| samples[random.random_range(0..samples.len())]).collect();
    median_of(&mut drawn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn interval(before: &[f64], after: &[f64]) -> [f64; 2] {
        ratio_interval(before, after, &mut Seed(1).stream("bootstrap"))
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn without_noise_the_interval_is_the_ratio() {
        assert_eq!(interval(&[10.0; 5], &[8.0; 5]), [0.8, 0.8]);
    }

    #[test]
    fn noise_widens_the_interval_to_what_it_may_be() {
        let noisy = [8.0, 9.0, 10.0, 11.0, 12.0];
        let [low, high] = interval(&noisy, &noisy);
        assert!(low < 0.95 && high > 1.05, "{low} to {high}");
        let halved = noisy.map(|sample| sample / 2.0);
        let [low, high] = interval(&noisy, &halved);
        assert!(low < 0.5 && 0.5 < high && high < 0.9, "{low} to {high}");
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let (before, after) = ([1.0, 2.0, 3.0], [2.0, 3.0, 5.0]);
        assert_eq!(interval(&before, &after), interval(&before, &after));
    }
}
