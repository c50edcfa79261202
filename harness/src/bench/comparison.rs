//! What became slower between two runs, beyond their noise.

use super::figure::{Better, Figure, Results};
use super::resampling::{median, ratio_interval};
use crate::seed::Seed;

/// With fewer rounds nothing can be told from noise.
const LEAST_ROUNDS: usize = 3;
/// The comparison draws the same for the same files.
const SEED: Seed = Seed(1);

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Worse, beyond the noise of the rounds.
    Slower,
    /// Better, beyond the noise of the rounds.
    Faster,
    /// No difference that the noise could not have made.
    WithinNoise,
    /// One of the runs does not have it, or has too few rounds to tell.
    Unknown,
}

/// One figure in two runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The figure's name.
    pub name: String,
    /// What became of it.
    pub change: Change,
    /// How good it is after against before: above 1 is better. Absent if it is unknown.
    pub factor: Option<f64>,
    /// Between what that factor lies, with 95 % confidence.
    pub interval: Option<[f64; 2]>,
}

/// Compares each figure of either run. A figure that has a limit is compared by the share of it
/// that was reached.
pub fn compare(before: &Results, after: &Results) -> Vec<Comparison> {
    let find = |results: &Results, name: &str| {
        results.figures.iter().find(|figure| figure.name == name).cloned()
    };
    let of_both = before.figures.iter().map(|figure| match find(after, &figure.name) {
        Some(after) => compare_figures(figure, &after),
        None => unknown(&figure.name),
    });
    let added = after.figures.iter().filter(|figure| find(before, &figure.name).is_none());
    of_both.chain(added.map(|figure| unknown(&figure.name))).collect()
}

fn compare_figures(before: &Figure, after: &Figure) -> Comparison {
    let (before_rounds, better) = before.comparable();
    let (after_rounds, same) = after.comparable();
    let enough = before_rounds.len().min(after_rounds.len()) >= LEAST_ROUNDS;
    let sound = before_rounds.iter().chain(&after_rounds).all(|n| n.is_finite() && *n > 0.0);
    if !enough || !sound || better != same || before.unit != after.unit {
        return unknown(&before.name);
    }
    let mut random = SEED.stream(&before.name);
    // A time that doubled is half as good.
    let (old, new) = match better {
        Better::Higher => (&before_rounds, &after_rounds),
        Better::Lower => (&after_rounds, &before_rounds),
    };
    let interval = ratio_interval(old, new, &mut random);
    let change = match interval {
        [_, high] if high < 1.0 => Change::Slower,
        [low, _] if low > 1.0 => Change::Faster,
        _ => Change::WithinNoise,
    };
    Comparison {
        name: before.name.clone(),
        change,
        factor: Some(median(new) / median(old)),
        interval: Some(interval),
    }
}

fn unknown(name: &str) -> Comparison {
    Comparison { name: name.to_owned(), change: Change::Unknown, factor: None, interval: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Machine;
    use crate::report::release::read::{Content, read};

    fn results(figures: Vec<Figure>) -> Results {
        let machine = Machine {
            os: String::new(),
            cores: 1,
            memory_bytes: 0,
            versions: std::collections::BTreeMap::new(),
        };
        Results {
            machine,
            commit: String::new(),
            load: [0.0; 2],
            figures,
            growth: Vec::new(),
            latencies: Vec::new(),
        }
    }

    fn figure(better: Better, samples: &[f64]) -> Figure {
        Figure::new("figure", "unit", better, samples.to_vec())
    }

    fn change(before: Figure, after: Figure) -> Change {
        let compared = compare(&results(vec![before]), &results(vec![after]));
        assert_eq!(compared.len(), 1);
        compared[0].change
    }

    const SLOW: [f64; 5] = [100.0, 101.0, 99.0, 100.0, 102.0];
    const FAST: [f64; 5] = [150.0, 149.0, 151.0, 152.0, 150.0];
    const WIDE: [f64; 5] = [60.0, 140.0, 100.0, 170.0, 90.0];

    #[test]
    fn the_report_of_a_release_reads_it() {
        let results = results(vec![figure(Better::Higher, &[1.0, 2.0, 3.0])]);
        let text = serde_json::to_string(&results).unwrap();
        let Content::Check(check) = read(&text).unwrap() else { panic!("no check") };
        assert!((check.figures[0].value - 2.0).abs() < 1e-9, "{:?}", check.figures);
    }

    #[test]
    fn a_rate_that_falls_and_a_time_that_rises_are_slower() {
        use Better::{Higher, Lower};
        let cases = [
            (Higher, FAST, SLOW, Change::Slower),
            (Higher, SLOW, FAST, Change::Faster),
            (Lower, SLOW, FAST, Change::Slower),
            (Lower, FAST, SLOW, Change::Faster),
            (Higher, SLOW, WIDE, Change::WithinNoise),
            (Higher, SLOW, SLOW, Change::WithinNoise),
        ];
        for (better, before, after, expected) in cases {
            let seen = change(figure(better, &before), figure(better, &after));
            assert_eq!(seen, expected, "{better:?} {before:?} {after:?}");
        }
    }

    #[test]
    fn a_slower_machine_alone_makes_nothing_slower() {
        let beside = |samples: [f64; 5]| {
            let limits = samples.iter().map(|sample| sample * 2.0).collect();
            figure(Better::Higher, &samples).beside("the machine", limits)
        };
        assert_eq!(change(beside(FAST), beside(SLOW)), Change::WithinNoise);
    }

    #[test]
    fn what_cannot_be_told_is_unknown() {
        let few = figure(Better::Higher, &SLOW[..2]);
        assert_eq!(change(few.clone(), few), Change::Unknown);
        let stopped = figure(Better::Higher, &[0.0; 5]);
        assert_eq!(change(figure(Better::Higher, &SLOW), stopped), Change::Unknown);
        let other = Figure { name: "other".into(), ..figure(Better::Higher, &SLOW) };
        let compared =
            compare(&results(vec![figure(Better::Higher, &SLOW)]), &results(vec![other]));
        let names: Vec<_> = compared.iter().map(|one| (one.name.as_str(), one.change)).collect();
        assert_eq!(names, [("figure", Change::Unknown), ("other", Change::Unknown)]);
    }
}
