//! What pictures share: their measures, and the timeline's scale.

use crate::report::text::on_one_line;
use crate::report::{FaultTimes, RunReport};

/// Widths and heights are in the picture's own units, close to pixels on a wide screen.
pub(crate) const WIDTH: f64 = 1100.0;
pub(crate) const LEFT: f64 = 165.0;
pub(super) const RIGHT: f64 = 15.0;
pub(super) const LANE: f64 = 24.0;
/// The width of a letter in labels, on the safe side.
pub(super) const LETTER: f64 = 6.8;

/// From milliseconds to places in the picture.
pub(super) struct Scale {
    pub(super) duration_ms: f64,
}

impl Scale {
    pub(super) fn of(report: &RunReport) -> Self {
        Self { duration_ms: number(report.run.duration_ms.max(1)) }
    }

    pub(super) fn x(&self, milliseconds: u64) -> f64 {
        let share = (number(milliseconds) / self.duration_ms).min(1.0);
        round(LEFT + share * (WIDTH - LEFT - RIGHT))
    }

    /// Where a fault begins and how wide it is. One without an end lasts to the end of the run.
    pub(super) fn span(&self, fault: &FaultTimes) -> (f64, f64) {
        let from = self.x(fault.start_ms);
        let to = fault.end_ms.map_or(WIDTH - RIGHT, |end| self.x(end));
        (from, round((to - from).max(2.0)))
    }
}

pub(crate) fn number(value: u64) -> f64 {
    value as f64
}

pub(crate) fn count(value: usize) -> f64 {
    value as f64
}

/// Where each of some widths begins, one after the other.
pub(super) fn running_sums(first: f64, widths: impl Iterator<Item = f64>) -> Vec<f64> {
    let next = |place: &mut f64, width: f64| {
        let begin = *place;
        *place += width;
        Some(begin)
    };
    widths.scan(first, next).collect()
}

/// To the tenth: finer than a screen shows, and short in the file.
pub(crate) fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A target's name as wide as the margin allows; its end tells links apart best.
pub(super) fn shortened(name: &str) -> String {
    let name = on_one_line(name);
    let letters: Vec<char> = name.chars().collect();
    match letters.len() {
        0..=23 => name,
        length => ['…'].into_iter().chain(letters[length - 22..].iter().copied()).collect(),
    }
}
