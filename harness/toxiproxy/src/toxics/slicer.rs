//! Cuts data into small pieces.

use std::time::Duration;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::toxic::{Moment, Step, Toxic, after};

/// Passes pieces of `average_size` ± `size_variation` bytes, with `delay` between them.
#[derive(Default, Serialize, Deserialize)]
pub struct Slicer {
    average_size: i64,
    size_variation: i64,
    /// Microseconds.
    delay: i64,
}

/// When the next piece may go.
#[derive(Default)]
pub struct Next(Option<Instant>);

impl Toxic for Slicer {
    const TYPE: &'static str = "slicer";
    type Memory = Next;

    fn check(&self) -> Result<(), String> {
        if self.average_size <= 0 {
            let size = self.average_size;
            return Err(format!("average_size is {size} bytes, it must be above 0"));
        }
        if !(0..=self.average_size).contains(&self.size_variation) {
            return Err(format!(
                "size_variation is {} bytes, it must be from 0 to average_size, {}",
                self.size_variation, self.average_size
            ));
        }
        Ok(())
    }

    fn act(&self, next: &mut Next, moment: &mut Moment<'_>) -> Step {
        let Some(arrived) = moment.input.arrived() else {
            return moment.rest();
        };
        // Counted from when the piece could have gone, not from when it went: timers are coarser
        // than microseconds, and the pieces that fell due meanwhile go together.
        let due = next.0.map_or(arrived, |next| next.max(arrived));
        if moment.now < due {
            return Step::WaitUntil(due);
        }
        let pause = Duration::from_micros(u64::try_from(self.delay).unwrap_or(0));
        next.0 = Some(after(due, pause));
        let smallest = self.average_size.saturating_sub(self.size_variation).max(1);
        let largest = self.average_size.saturating_add(self.size_variation);
        let size = moment.random.random_range(smallest..=largest.max(smallest));
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        moment.input.take(size).map_or(Step::Wait, Step::Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::Slicer;
    use crate::toxics::toxic::bench::{Bench, Did};

    #[test]
    fn pieces_keep_to_their_sizes_and_lose_nothing() {
        let mut bench = Bench::new(Slicer { average_size: 10, size_variation: 4, delay: 0 });
        let bytes: Vec<u8> = (0..200).collect();
        bench.arrive(0, &bytes);
        let mut pieces = Vec::new();
        while let Did::Pass(piece) = bench.act(0) {
            pieces.push(piece);
        }
        assert_eq!(pieces.concat(), bytes);
        let (_, whole) = pieces.split_last().unwrap();
        assert!(whole.iter().all(|piece| (6..=14).contains(&piece.len())), "{pieces:?}");
    }

    #[test]
    fn a_piece_waits_for_the_one_before() {
        let mut bench = Bench::new(Slicer { average_size: 1, size_variation: 0, delay: 2000 });
        bench.arrive(0, b"ab");
        assert_eq!(bench.act(0), Did::Pass(b"a".to_vec()));
        assert_eq!(bench.act(0), Did::WaitUntil(2));
        assert_eq!(bench.act(2), Did::Pass(b"b".to_vec()));
    }
}
