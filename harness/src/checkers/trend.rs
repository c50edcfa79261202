//! Whether a number grows, and how surely: the median of the slopes between any two of its points
//! (Theil 1950, Sen 1968). Up to three points in ten may be anything without moving it far.
//!
//! Points come in groups, and slopes are taken within a group alone, as the seasonal test of Kendall
//! does (Hirsch, Slack and Smith 1982): what lies between two groups is no growth.

/// The quantile of the normal distribution that 99.5 % lie below.
const SURENESS: f64 = 2.576;

/// How steep points rise, each a place and a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// The likely slope, in values by places.
    pub slope: f64,
    /// The least that it may be: with 99.5 % confidence it is no less.
    pub least: f64,
}

impl Trend {
    /// The trend of such points; none if there are too few of them to tell.
    pub fn of(groups: &[Vec<(f64, f64)>]) -> Option<Self> {
        let mut slopes: Vec<f64> = groups.iter().flat_map(|points| slopes(points)).collect();
        slopes.sort_unstable_by(f64::total_cmp);
        let variance: f64 = groups.iter().map(|points| variance(points.len() as f64)).sum();
        let outside = (slopes.len() as f64 - SURENESS * variance.sqrt()) / 2.0;
        let least = (outside >= 0.0).then(|| slopes.get(outside as usize))?;
        Some(Self { slope: *slopes.get(slopes.len() / 2)?, least: *least? })
    }
}

fn slopes(points: &[(f64, f64)]) -> impl Iterator<Item = f64> {
    points.iter().enumerate().flat_map(|(index, from)| {
        points[index + 1..].iter().map(|to| (to.1 - from.1) / (to.0 - from.0))
    })
}

/// Of Kendall's sum over so many points in any order.
fn variance(points: f64) -> f64 {
    points * (points - 1.0) * (2.0 * points + 5.0) / 18.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(value: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..40).map(|place| (f64::from(place), value(f64::from(place)))).collect()
    }

    #[test]
    fn a_line_has_its_slope_whatever_stands_out() {
        let bumpy = |place: f64| 100.0 + 3.0 * place + if place % 5.0 == 0.0 { 900.0 } else { 0.0 };
        let trend = Trend::of(&[points(bumpy)]).unwrap();
        assert!((trend.slope - 3.0).abs() < 1e-9 && trend.least > 0.0, "{trend:?}");
    }

    #[test]
    fn a_level_does_not_surely_rise() {
        let noisy = |place: f64| 100.0 + (place * 7.0) % 5.0;
        let step = |place: f64| if place < 20.0 { 100.0 } else { 150.0 };
        let sawtooth = |place: f64| 100.0 + 10.0 * (place % 8.0);
        for trend in [points(noisy), points(step), points(sawtooth)].map(|one| Trend::of(&[one])) {
            assert!(trend.is_some_and(|trend| trend.least <= 0.0), "{trend:?}");
        }
    }

    #[test]
    fn what_lies_between_groups_is_no_growth() {
        let level = |height: f64| (0..8).map(|place| (f64::from(place), height)).collect();
        assert_eq!(Trend::of(&[level(1.0), level(9.0)]), Some(Trend { slope: 0.0, least: 0.0 }));
    }

    #[test]
    fn few_points_tell_nothing() {
        assert_eq!(Trend::of(&[]), None);
        let few: Vec<(f64, f64)> = points(|place| place).into_iter().take(5).collect();
        assert_eq!(Trend::of(&[few]), None);
    }
}
