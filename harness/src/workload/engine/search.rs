//! The highest rate that keeps a bound.

/// The highest rate, to a share of itself, at which `holds` is true, between 0 and `start`·2ⁿ.
///
/// Doubles from `start` while the bound holds, at most up to `most`, then halves the interval
/// between the highest rate that held and the lowest that did not, until they differ by less than
/// `precision` of the higher. 0 when nothing held down to a 64th of `start`.
pub fn highest_rate(
    start: u32,
    most: u32,
    precision: f64,
    mut holds: impl FnMut(u32) -> bool,
) -> u32 {
    let floor = (start / 64).max(1);
    let (mut held, mut failed) = (0, None);
    let mut rate = start.clamp(1, most);
    loop {
        match holds(rate) {
            true => held = held.max(rate),
            false => failed = Some(rate),
        }
        let Some(failed) = failed else {
            if rate == most {
                return held;
            }
            rate = rate.saturating_mul(2).min(most);
            continue;
        };
        if f64::from(failed - held) <= precision * f64::from(failed) || failed <= floor {
            return held;
        }
        rate = held + (failed - held) / 2;
        if rate == held {
            return held;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches the rate of a system that holds up to `capacity`; also how often it was asked.
    fn search(start: u32, capacity: u32) -> (u32, u32) {
        let mut asked = 0;
        let found = highest_rate(start, 1_000_000, 0.05, |rate| {
            asked += 1;
            rate <= capacity
        });
        (found, asked)
    }

    #[test]
    fn the_rate_is_found_from_below_and_from_above() {
        for start in [1_000, 37_000, 900_000] {
            let (found, asked) = search(start, 50_000);
            assert!((47_500..=50_000).contains(&found), "{start}: {found}");
            assert!(asked <= 14, "{start}: {asked}");
        }
    }

    #[test]
    fn a_system_that_holds_nothing_is_given_up_and_one_that_holds_all_ends_at_the_most() {
        assert_eq!(search(6_400, 0).0, 0);
        assert!(search(6_400, 0).1 < 10);
        assert_eq!(search(6_400, u32::MAX).0, 1_000_000);
        assert_eq!(search(1, 0).0, 0);
    }
}
