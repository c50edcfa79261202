//! One quantity over the rounds.

use std::fmt;

#[derive(Default)]
pub struct Series(Vec<f64>);

impl Series {
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }
}

/// `median [least to most]`, with the precision asked for.
impl fmt::Display for Series {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let digits = out.precision().unwrap_or(2);
        let (least, median, most) = (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
        write!(out, "{median:.digits$} [{least:.digits$} to {most:.digits$}]")
    }
}
