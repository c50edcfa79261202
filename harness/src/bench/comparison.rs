//! What became slower between two runs, beyond their noise.

use super::figure::{Better, Figure, Results};
use super::growth::{Growth, TOLERANCE};
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

/// One figure, or one thing that grows, in two runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The figure's name.
    pub name: String,
    /// What became of it.
    pub change: Change,
    /// How good it is after against before: above 1 is better. Of what grows, how good it is at ten
    /// times the size. Absent if it is unknown.
    pub factor: Option<f64>,
    /// Between what that factor lies, with 95 % confidence.
    pub interval: Option<[f64; 2]>,
}

/// Compares each figure of either run, and how things grow. A figure that has a limit is compared
/// by the share of it that was reached.
pub fn compare(before: &Results, after: &Results) -> Vec<Comparison> {
    let figures =
        compare_each(&before.figures, &after.figures, |figure| &figure.name, compare_figures);
    let growth = compare_each(&before.growth, &after.growth, |growth| &growth.name, compare_growth);
    figures.into_iter().chain(growth).collect()
}

fn compare_each<T>(
    before: &[T],
    after: &[T],
    name: fn(&T) -> &str,
    compare: fn(&T, &T) -> Comparison,
) -> Vec<Comparison> {
    let of_both = before.iter().map(|one| {
        let same = after.iter().find(|other| name(other) == name(one));
        same.map_or_else(|| unknown(name(one)), |same| compare(one, same))
    });
    let added = after.iter().filter(|one| before.iter().all(|other| name(other) != name(one)));
    of_both.chain(added.map(|one| unknown(name(one)))).collect()
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

/// By the exponents: they differ when they do beyond both their errors and the tolerance that a
/// target has, since a few sizes tell little of an error.
fn compare_growth(before: &Growth, after: &Growth) -> Comparison {
    const ERRORS: f64 = 2.0;
    let same = before.unit == after.unit && before.better == after.better;
    let fitted = |growth: &Growth| growth.exponent.zip(growth.error);
    let (Some((old, old_error)), Some((new, new_error)), true) =
        (fitted(before), fitted(after), same)
    else {
        return unknown(&before.name);
    };
    // A cost that grows faster is worse, and so is a rate that grows slower.
    let gain = match before.better {
        Better::Lower => old - new,
        Better::Higher => new - old,
    };
    let error = ERRORS * old_error.hypot(new_error);
    let change = match gain {
        gain if gain < -error.max(TOLERANCE) => Change::Slower,
        gain if gain > error.max(TOLERANCE) => Change::Faster,
        _ => Change::WithinNoise,
    };
    Comparison {
        name: before.name.clone(),
        change,
        factor: Some(10_f64.powf(gain)),
        interval: Some([10_f64.powf(gain - error), 10_f64.powf(gain + error)]),
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
            measured_at: chrono::DateTime::UNIX_EPOCH,
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
    fn what_grows_faster_is_slower_beyond_errors_and_tolerance() {
        let grows = |better, values: [f64; 3]| {
            let points = [10, 100, 1000].into_iter().zip(values).collect();
            let growth = vec![Growth::new(("growth", "ms"), "agents", better, points, 0.0)];
            Results { growth, ..results(Vec::new()) }
        };
        let (flat, with_size) = ([10.0, 10.0, 10.0], [10.0, 100.0, 1000.0]);
        let (slightly, noisy) = ([10.0, 11.0, 12.0], [10.0, 1000.0, 10.0]);
        use Better::{Higher, Lower};
        let cases = [
            (Lower, flat, with_size, Change::Slower),
            (Lower, with_size, flat, Change::Faster),
            (Higher, with_size, flat, Change::Slower),
            (Higher, flat, with_size, Change::Faster),
            (Lower, flat, slightly, Change::WithinNoise),
            (Lower, flat, noisy, Change::WithinNoise),
            (Lower, flat, [0.0, 10.0, 10.0], Change::Unknown),
        ];
        for (better, before, after, expected) in cases {
            let compared = compare(&grows(better, before), &grows(better, after));
            assert_eq!(compared[0].change, expected, "{better:?} {before:?} {after:?}");
        }
        let ten_times = compare(&grows(Lower, flat), &grows(Lower, with_size))[0].factor;
        assert!((ten_times.unwrap() - 0.1).abs() < 1e-9, "{ten_times:?}");
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
