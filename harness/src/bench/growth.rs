//! How a system grows: what a call, an event or an agent costs when there are ten, a thousand, a
//! million of them.
//!
//! Each number is measured at several sizes and fitted with a power of the size. What should cost
//! the same at any size has the exponent 0, and 1 if it grows with the size: a query for each agent,
//! a buffer without bound. [`fleet`] has ever more producers, [`events`] ever
//! more rows, [`refusals`] ever more calls that are refused.

mod events;
mod fit;
mod fleet;
mod refusals;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::figure::Better;
use super::latencies::Latencies;
use super::{BenchError, Subject};
use fit::fit;

/// By how much an exponent may be beyond its target: what repeats twice as often at a hundred times
/// the size has 0.15.
pub const TOLERANCE: f64 = 0.15;

/// A number at several sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Its name, as `growth.disk`.
    pub name: String,
    /// In what.
    pub unit: String,
    /// What the sizes count, as `agents`.
    pub of: String,
    /// Whether more is better.
    pub better: Better,
    /// Size and value, the median of its rounds.
    pub points: Vec<(u64, f64)>,
    /// The power of the size that the values grow with; none with fewer than three points, or where
    /// a value is not above 0.
    pub exponent: Option<f64>,
    /// The standard error of the exponent.
    pub error: Option<f64>,
    /// What the exponent should be: no more, or for what should be high no less.
    pub target: f64,
    /// Whether it is, within [`TOLERANCE`].
    pub met: Option<bool>,
}

impl Growth {
    /// The growth that these points show.
    pub fn new(
        (name, unit): (&str, &str),
        of: &str,
        better: Better,
        points: Vec<(u64, f64)>,
        target: f64,
    ) -> Self {
        let fitted = fit(&points);
        let exponent = fitted.map(|fitted| fitted.exponent);
        let met = exponent.map(|exponent| match better {
            Better::Lower => exponent <= target + TOLERANCE,
            Better::Higher => exponent >= target - TOLERANCE,
        });
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            of: of.to_owned(),
            better,
            points,
            exponent,
            error: fitted.map(|fitted| fitted.error),
            target,
            met,
        }
    }

    /// What the fitted power says for a size.
    pub fn fitted(&self, size: f64) -> Option<f64> {
        let fitted = fit(&self.points)?;
        Some((fitted.intercept + fitted.exponent * size.ln()).exp())
    }
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct GrowthRequest {
    /// The system.
    pub subject: Subject,
    /// How often what takes time is measured at each size.
    pub rounds: usize,
    /// How long each single measurement lasts.
    pub lasts: Duration,
    /// The sizes of the fleet, ascending.
    pub agents: Vec<u64>,
    /// The sizes of the table, ascending.
    pub rows: Vec<u64>,
    /// How many refused calls, ascending.
    pub refusals: Vec<u64>,
}

/// What growth showed.
#[derive(Clone, Debug, Default)]
pub struct Grown {
    /// Each number at its sizes.
    pub growth: Vec<Growth>,
    /// How long batches took, at each size of the table.
    pub latencies: Vec<Latencies>,
}

/// Measures all of it. `tell` is given a line for each size.
///
/// # Errors
/// The system cannot be started or does not take events as its file says, or loses some.
pub async fn measure(
    request: &GrowthRequest,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Grown, BenchError> {
    let contract = request.subject.contract()?;
    let mut grown = Grown::default();
    if !request.agents.is_empty() {
        grown.growth.extend(fleet::measure(request, contract, tell).await?);
    }
    if let Some(call) = contract.refused.as_ref().filter(|_| !request.refusals.is_empty()) {
        grown.growth.extend(refusals::measure(request, contract, call, tell).await?);
    }
    if !request.rows.is_empty() {
        let of_events = events::measure(request, contract, tell).await?;
        grown.growth.extend(of_events.growth);
        grown.latencies = of_events.latencies;
    }
    Ok(grown)
}

/// How events are given in while something grows.
const BATCH: usize = 100;
const CONNECTIONS: usize = 16;

/// A number that grows, with its points so far.
struct Series {
    name: String,
    unit: &'static str,
    better: Better,
    target: f64,
    points: Vec<(u64, f64)>,
}

/// Numbers that grow with one size.
#[derive(Default)]
struct AllSeries(Vec<Series>);

impl AllSeries {
    /// Adds a point of a number that should be the same at any size.
    fn constant(&mut self, size: u64, (name, unit): (&str, &'static str), value: f64) {
        self.add(size, (name, unit), Better::Lower, 0.0, value);
    }

    /// Adds a point; the first of its name says what is expected of all.
    fn add(
        &mut self,
        size: u64,
        (name, unit): (&str, &'static str),
        better: Better,
        target: f64,
        value: f64,
    ) {
        match self.0.iter_mut().find(|series| series.name == name) {
            Some(series) => series.points.push((size, value)),
            None => self.0.push(Series {
                name: name.to_owned(),
                unit,
                better,
                target,
                points: vec![(size, value)],
            }),
        }
    }

    fn of(self, of: &str) -> Vec<Growth> {
        let grown = |Series { name, unit, better, target, points }| {
            Growth::new((&name, unit), of, better, points, target)
        };
        self.0.into_iter().map(grown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(better: Better, target: f64, value: impl Fn(f64) -> f64) -> Growth {
        let points = [10, 100, 1000].map(|size| (size, value(size as f64)));
        Growth::new(("growth.cost", "s"), "agents", better, points.to_vec(), target)
    }

    #[test]
    fn what_grows_with_the_size_misses_the_target_of_none() {
        let one_each = growth(Better::Lower, 0.0, |size| 3.0 + size);
        assert!(one_each.exponent.unwrap() > 0.8, "{one_each:?}");
        assert_eq!(one_each.met, Some(false));
        assert_eq!(growth(Better::Lower, 0.0, |_| 7.0).met, Some(true));
        assert_eq!(growth(Better::Lower, 1.0, |size| 3.0 + size).met, Some(true));
        assert_eq!(growth(Better::Lower, 1.0, |size| size * size).met, Some(false));
    }

    #[test]
    fn a_rate_must_not_fall() {
        assert_eq!(growth(Better::Higher, 0.0, |size| 1000.0 / size).met, Some(false));
        assert_eq!(growth(Better::Higher, 0.0, |size| 1000.0 + size).met, Some(true));
    }

    #[test]
    fn what_cannot_be_fitted_meets_and_misses_nothing() {
        let two = Growth::new(("n", "s"), "events", Better::Lower, vec![(1, 1.0), (2, 9.0)], 0.0);
        assert_eq!((two.exponent, two.met), (None, None));
    }

    #[test]
    fn the_fitted_line_goes_through_a_power() {
        let square = growth(Better::Lower, 0.0, |size| size * size / 2.0);
        assert!((square.fitted(50.0).unwrap() - 1250.0).abs() < 1e-6);
    }
}
