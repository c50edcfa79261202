//! Lets a connection wait before anybody answers. An extension: Toxiproxy accepts at once.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::toxic::{Admission, Toxic, milliseconds};

/// Dials the upstream `delay` ± `jitter` after the connection came in; until then nothing moves.
/// Connections that are open already are left alone.
#[derive(Default, Serialize, Deserialize)]
pub struct SlowAccept {
    /// Milliseconds.
    delay: i64,
    /// Milliseconds.
    jitter: i64,
}

impl Toxic for SlowAccept {
    const TYPE: &'static str = "slow_accept";
    type Memory = ();

    fn admit(&self, random: &mut ChaCha8Rng) -> Admission {
        let draw: f64 = random.random_range(-1.0..=1.0);
        let jitter = milliseconds(self.jitter).mul_f64(draw.abs());
        let delay = milliseconds(self.delay);
        Admission::After(if draw < 0.0 {
            delay.saturating_sub(jitter)
        } else {
            delay.saturating_add(jitter)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, SlowAccept, Toxic};
    use crate::random;

    #[test]
    fn the_delay_stays_within_its_jitter() {
        let toxic = SlowAccept { delay: 100, jitter: 20 };
        for seed in 0..50 {
            let Admission::After(delay) = toxic.admit(&mut random::generator(seed)) else {
                panic!("it let a connection in at once")
            };
            assert!((80..=120).contains(&delay.as_millis()), "seed {seed}: {delay:?}");
        }
    }
}
