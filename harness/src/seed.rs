//! The number that every random choice of a run comes from.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// A run's seed. The same seed and plan propose the same operations and the same faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// A seed that nobody chose, small enough to be typed again by hand.
    pub fn fresh() -> Self {
        Self(u64::from(rand::random::<u32>()))
    }

    /// An independent stream of random numbers for one purpose, so that drawing more for one
    /// never changes what another draws.
    pub fn stream(self, purpose: &str) -> ChaCha8Rng {
        let mut digest = Sha256::new();
        digest.update(self.0.to_le_bytes());
        digest.update(purpose.as_bytes());
        ChaCha8Rng::from_seed(digest.finalize().into())
    }
}

impl std::fmt::Display for Seed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn a_stream_depends_on_the_seed_and_the_purpose_alone() {
        let draw = |seed, purpose: &str| Seed(seed).stream(purpose).random::<u64>();
        assert_eq!(draw(1, "workload"), draw(1, "workload"));
        assert_ne!(draw(1, "workload"), draw(2, "workload"));
        assert_ne!(draw(1, "workload"), draw(1, "schedule"));
    }
}
