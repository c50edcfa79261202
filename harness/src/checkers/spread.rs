//! How waits are spread: over a range, as jitter spreads them, or in lock-step.

/// Fewer waits than this do not tell how they are spread.
const ENOUGH: usize = 12;
/// More waits than this tell nothing new.
const KEPT: usize = 4096;

/// Waits of one kind, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Waits(Vec<u64>);

impl Waits {
    /// One more.
    pub fn add(&mut self, wait: u64) {
        if self.0.len() < KEPT {
            self.0.push(wait);
        }
    }

    /// How many were kept.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether there are enough to tell.
    pub fn tell(&self) -> bool {
        self.0.len() >= ENOUGH
    }

    /// The middle one.
    pub fn median(&self) -> u64 {
        let sorted = self.sorted();
        sorted.get(sorted.len() / 2).copied().unwrap_or(0)
    }

    /// The largest share of them, in percent, that lie so close together that a tenth of the
    /// middle one covers them. Evenly spread from nothing to a longest, a twentieth do; from half
    /// of the longest on, a seventh; without jitter all of them.
    pub fn in_step(&self) -> u32 {
        let sorted = self.sorted();
        let width = self.median() / 10;
        let (mut most, mut first) = (0, 0);
        for (last, wait) in sorted.iter().enumerate() {
            while wait - sorted[first] > width {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        u32::try_from(most * 100 / sorted.len().max(1)).unwrap_or(100)
    }

    fn sorted(&self) -> Vec<u64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use rand::RngExt;

    fn waits(waits: impl IntoIterator<Item = u64>) -> Waits {
        let mut all = Waits::default();
        waits.into_iter().for_each(|wait| all.add(wait));
        all
    }

    #[test]
    fn equal_waits_are_in_step_and_even_ones_are_not() {
        assert_eq!(waits([1000; 20]).in_step(), 100);
        assert!(waits((0..100).map(|number| number * 100)).in_step() <= 7);
        assert!(waits((100..200).map(|number| number * 100)).in_step() <= 17);
        assert_eq!(waits([]).in_step(), 0);
    }

    /// So many waits between two bounds, drawn by chance.
    fn drawn(seed: u64, count: usize, range: std::ops::Range<u64>) -> Waits {
        let mut random = Seed(seed).stream("waits");
        waits((0..count).map(|_| random.random_range(range.clone())))
    }

    #[test]
    fn what_jitter_draws_is_not_in_step_and_little_noise_hides_no_lock_step() {
        for seed in 0..200 {
            let jitter = drawn(seed, 12 + seed as usize, 0..1_000_000);
            assert!(jitter.tell() && jitter.in_step() <= 50, "seed {seed}: {} %", jitter.in_step());
            let noise = drawn(seed, 12 + seed as usize, 1_000_000..1_020_000);
            assert_eq!(noise.in_step(), 100, "seed {seed}");
        }
    }
}
