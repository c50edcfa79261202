//! Lets so many bytes through, then closes.

use serde::{Deserialize, Serialize};

use super::toxic::{Moment, Step, Toxic};

/// Closes the connection after exactly `bytes` bytes. With 0 the first byte closes it.
#[derive(Default, Serialize, Deserialize)]
pub struct LimitData {
    bytes: i64,
}

/// The bytes that passed since the toxic came to this connection.
#[derive(Default)]
pub struct Passed(u64);

impl LimitData {
    fn left(&self, passed: &Passed) -> u64 {
        u64::try_from(self.bytes).unwrap_or(0).saturating_sub(passed.0)
    }
}

/// The last permitted byte closes the connection; a limit of 0 waits for a first byte.
impl Toxic for LimitData {
    const TYPE: &'static str = "limit_data";
    type Memory = Passed;

    fn act(&self, passed: &mut Passed, moment: &mut Moment<'_>) -> Step {
        let left = self.left(passed);
        if left == 0 && (passed.0 > 0 || !moment.input.is_empty()) {
            return Step::Close;
        }
        let Some(bytes) = moment.input.take(usize::try_from(left).unwrap_or(usize::MAX)) else {
            return moment.rest();
        };
        passed.0 += bytes.len() as u64;
        Step::Pass(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::LimitData;
    use crate::toxics::toxic::bench::{Bench, Did, pass};

    #[test]
    fn the_last_permitted_byte_closes() {
        let mut bench = Bench::new(LimitData { bytes: 3 });
        bench.arrive(0, b"ab");
        assert_eq!(bench.act(0), pass(b"ab"));
        assert_eq!(bench.act(0), Did::Wait);
        bench.arrive(0, b"cd");
        assert_eq!(bench.act(0), pass(b"c"));
        assert_eq!(bench.act(0), Did::Close);
    }

    #[test]
    fn a_limit_of_0_waits_for_a_first_byte() {
        let mut bench = Bench::new(LimitData { bytes: 0 });
        assert_eq!(bench.act(0), Did::Wait);
        bench.arrive(0, b"a");
        assert_eq!(bench.act(0), Did::Close);
    }
}
