//! A figure: what was measured, round by round, beside its limit.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::growth::Growth;
use super::latencies::Latencies;
use super::resampling::median;
use crate::report::Machine;

/// What one `bench` measured, and on which machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// The machine, with the versions of what took part.
    pub machine: Machine,
    /// The commit that was measured, empty outside a repository.
    #[serde(default)]
    pub commit: String,
    /// When the measurement began.
    #[serde(default)]
    pub measured_at: DateTime<Utc>,
    /// How many runnable programs the machine had, on average, in the minute before the
    /// measurement and in its last one.
    #[serde(default)]
    pub load: [f64; 2],
    /// What was measured.
    pub figures: Vec<Figure>,
    /// How it grows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<Growth>,
    /// How long calls took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latencies: Vec<Latencies>,
}

/// Whether more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// As of a rate.
    Higher,
    /// As of a time.
    Lower,
}

/// What a target is a target for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetOf {
    /// The share of the limit that was reached.
    Ratio,
    /// The value itself.
    Value,
}

/// What should be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Which number it is for.
    pub of: TargetOf,
    /// The number.
    pub number: f64,
}

/// One figure. Its numbers are medians over the rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name, as `engine.rate`.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// In what.
    pub unit: String,
    /// Whether more is better.
    pub better: Better,
    /// What the machine allows, measured in the same rounds.
    pub limit: Option<f64>,
    /// What sets that limit.
    #[serde(default)]
    pub limited_by: String,
    /// The share of the limit that was reached: 1 is the limit itself, whether more or less is
    /// better.
    pub ratio: Option<f64>,
    /// What should be reached.
    pub target: Option<f64>,
    /// Which number that is for.
    pub target_of: TargetOf,
    /// Whether it was.
    pub met: Option<bool>,
    /// The value of each round.
    pub samples: Vec<f64>,
    /// The limit in each round; empty when there is none.
    #[serde(default)]
    pub limits: Vec<f64>,
}

impl Figure {
    /// A figure without limit and target yet.
    ///
    /// # Panics
    /// Without a sample: a round measures, or the bench fails.
    pub fn new(name: &str, unit: &str, better: Better, samples: Vec<f64>) -> Self {
        Self {
            name: name.to_owned(),
            value: median(&samples),
            unit: unit.to_owned(),
            better,
            limit: None,
            limited_by: String::new(),
            ratio: None,
            target: None,
            target_of: TargetOf::Value,
            met: None,
            samples,
            limits: Vec::new(),
        }
    }

    /// The same beside its limit: what sets it, and how high it was in each round.
    #[must_use]
    pub fn beside(mut self, limited_by: &str, limits: Vec<f64>) -> Self {
        self.limit = Some(median(&limits));
        self.limited_by = limited_by.to_owned();
        self.limits = limits;
        self.ratio = Some(median(&self.ratios()));
        self
    }

    /// The same with what should be reached.
    #[must_use]
    pub fn with_target(mut self, target: Target) -> Self {
        let Target { of, number } = target;
        let reached = match (of, self.better) {
            (TargetOf::Ratio, _) => self.ratio.is_some_and(|ratio| ratio >= number),
            (TargetOf::Value, Better::Higher) => self.value >= number,
            (TargetOf::Value, Better::Lower) => self.value <= number,
        };
        self.target = Some(number);
        self.target_of = of;
        self.met = Some(reached);
        self
    }

    /// Its rounds as they are compared with another run's: by the share of the limit, which a
    /// busier or slower machine changes less than the value; without a limit, by the value. Also
    /// whether more is better.
    pub(super) fn comparable(&self) -> (Vec<f64>, Better) {
        match self.limits.len() == self.samples.len() {
            true => (self.ratios(), Better::Higher),
            false => (self.samples.clone(), self.better),
        }
    }

    /// The share of the limit that each round reached.
    fn ratios(&self) -> Vec<f64> {
        let share = |(&value, &limit): (&f64, &f64)| match self.better {
            Better::Higher => value / limit,
            Better::Lower => limit / value,
        };
        self.samples.iter().zip(&self.limits).map(share).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_rounds_not_of_medians() {
        let figure = Figure::new("rate", "1/s", Better::Higher, vec![10.0, 40.0, 30.0])
            .beside("the wire", vec![20.0, 50.0, 100.0]);
        assert_eq!((figure.value, figure.limit), (30.0, Some(50.0)));
        assert_eq!(figure.ratio, Some(0.5));
    }

    #[test]
    fn the_ratio_of_a_time_is_the_share_of_its_limit_too() {
        let figure = Figure::new("time", "µs", Better::Lower, vec![4.0]).beside("bare", vec![1.0]);
        assert_eq!(figure.ratio, Some(0.25));
        assert_eq!(figure.comparable(), (vec![0.25], Better::Higher));
    }

    #[test]
    fn a_target_is_met_from_its_side() {
        let value = |number| Target { of: TargetOf::Value, number };
        let ratio = |number| Target { of: TargetOf::Ratio, number };
        let rate = Figure::new("rate", "1/s", Better::Higher, vec![10.0]);
        let time = Figure::new("time", "ms", Better::Lower, vec![10.0]);
        for (target, rate_met, time_met) in [(9.0, true, false), (11.0, false, true)] {
            assert_eq!(rate.clone().with_target(value(target)).met, Some(rate_met));
            assert_eq!(time.clone().with_target(value(target)).met, Some(time_met));
        }
        let beside = rate.clone().beside("the wire", vec![20.0]);
        assert_eq!(beside.clone().with_target(ratio(0.5)).met, Some(true));
        assert_eq!(beside.with_target(ratio(0.6)).met, Some(false));
        // A share of no limit is never reached.
        assert_eq!(rate.with_target(ratio(0.1)).met, Some(false));
    }
}
