//! Every random choice follows from one seed.
//!
//! A choice must not depend on how tasks happen to be scheduled, so there is no shared generator:
//! each toxic at work in one direction of one connection has its own, derived from the names of
//! the things it belongs to.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The seed of a part of what `seed` stands for. FNV-1a, because it must never change between
/// releases of the compiler as the standard library's hash may.
pub fn derive(seed: u64, part: &[u8]) -> u64 {
    let mut hash = FNV_OFFSET;
    let length = part.len() as u64;
    for byte in seed.to_le_bytes().iter().chain(&length.to_le_bytes()).chain(part) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
    }
    hash
}

/// The generator of a seed.
pub fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

#[cfg(test)]
mod tests {
    use super::derive;

    #[test]
    fn parts_do_not_run_together() {
        let one = derive(derive(1, b"ab"), b"c");
        let other = derive(derive(1, b"a"), b"bc");
        assert_ne!(one, other);
    }

    #[test]
    fn the_same_parts_give_the_same_seed_in_every_release() {
        assert_eq!(derive(42, b"database"), 0x2d4e_a597_65f5_2392);
    }
}
