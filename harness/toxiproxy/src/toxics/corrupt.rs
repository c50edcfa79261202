//! Changes bytes. An extension: Toxiproxy has nothing like it.

use bytes::BytesMut;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::toxic::{Moment, Step, Toxic};

const MILLION: i64 = 1_000_000;

/// Flips one bit in each of so many bytes of a million, drawn independently for each byte. Which
/// bytes of a connection it hits follows from the seed alone, however they are cut into chunks.
#[derive(Default, Serialize, Deserialize)]
pub struct Corrupt {
    bytes_per_million: i64,
}

/// The good bytes before the next bad one, and the share that they were drawn for.
#[derive(Default)]
pub struct Gap(Option<(usize, i64)>);

impl Toxic for Corrupt {
    const TYPE: &'static str = "corrupt";
    type Memory = Gap;

    fn check(&self) -> Result<(), String> {
        if !(0..=MILLION).contains(&self.bytes_per_million) {
            let share = self.bytes_per_million;
            return Err(format!("bytes_per_million is {share}, it must be from 0 to {MILLION}"));
        }
        Ok(())
    }

    fn act(&self, gap: &mut Gap, moment: &mut Moment<'_>) -> Step {
        let Some(bytes) = moment.input.pop() else {
            return moment.rest();
        };
        let drawn = gap.0.filter(|(_, share)| *share == self.bytes_per_million);
        let mut at = drawn.map_or_else(|| self.draw(moment.random), |(at, _)| at);
        if at >= bytes.len() {
            gap.0 = Some((at - bytes.len(), self.bytes_per_million));
            return Step::Pass(bytes);
        }
        let mut bytes = BytesMut::from(bytes);
        while at < bytes.len() {
            bytes[at] ^= 1 << moment.random.random_range(0..8);
            at = at.saturating_add(1).saturating_add(self.draw(moment.random));
        }
        gap.0 = Some((at - bytes.len(), self.bytes_per_million));
        Step::Pass(bytes.freeze())
    }
}

impl Corrupt {
    /// A gap of the geometric distribution, which is that of the bytes between two independent hits.
    fn draw(&self, random: &mut ChaCha8Rng) -> usize {
        let share = self.bytes_per_million as f64 / MILLION as f64;
        let uniform: f64 = random.random_range(f64::MIN_POSITIVE..1.0);
        // Infinite when nothing is to be hit, which the conversion makes the largest number.
        (uniform.ln() / (-share).ln_1p()) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Corrupt;
    use crate::toxics::toxic::bench::{Bench, Did};

    /// What becomes of 100,000 zeros that come in chunks of this size.
    fn corrupted(bytes_per_million: i64, chunk: usize) -> Vec<u8> {
        let mut bench = Bench::new(Corrupt { bytes_per_million });
        let mut out = Vec::new();
        for _ in 0..100_000 / chunk {
            bench.arrive(0, &vec![0; chunk]);
            let Did::Pass(bytes) = bench.act(0) else { panic!("it did not pass") };
            out.extend(bytes);
        }
        assert_eq!(out.len(), 100_000);
        out
    }

    #[test]
    fn about_so_many_bytes_change_by_one_bit() {
        let hits: Vec<u8> = corrupted(10_000, 1000).into_iter().filter(|byte| *byte != 0).collect();
        assert!((800..1200).contains(&hits.len()), "{} of 100000", hits.len());
        assert!(hits.iter().all(|byte| byte.count_ones() == 1));
    }

    #[test]
    fn the_same_bytes_are_hit_however_they_are_cut() {
        assert_eq!(corrupted(5000, 10), corrupted(5000, 50_000));
    }

    #[test]
    fn none_and_all() {
        assert!(corrupted(0, 1000).iter().all(|byte| *byte == 0));
        assert!(corrupted(1_000_000, 1000).iter().all(|byte| *byte != 0));
    }
}
