//! What `bench --json` writes: figures beside their limits.

use serde::Deserialize;

use crate::checkers::Outcome;
use crate::report::release::{Check, Figure, Row, Table};

/// The part of the file that a release's report needs.
#[derive(Debug, Deserialize)]
pub(super) struct Benchmark {
    figures: Vec<Measured>,
}

#[derive(Debug, Deserialize)]
struct Measured {
    name: String,
    value: f64,
    unit: String,
    limit: Option<f64>,
    ratio: Option<f64>,
    target: Option<f64>,
    met: Option<bool>,
}

/// The check that a benchmark is. A target that is missed is told and fails nothing: what the
/// gate refuses is a figure that is worse than its base, which `bench compare` finds.
pub(super) fn check(benchmark: Benchmark) -> Check {
    let figures = benchmark.figures;
    let missed: Vec<&str> = figures
        .iter()
        .filter(|figure| figure.met == Some(false))
        .map(|figure| figure.name.as_str())
        .collect();
    let outcome = if figures.is_empty() { Outcome::Unknown } else { Outcome::Valid };
    let why = match missed.as_slice() {
        [] => format!("{} figures, none beyond its target", figures.len()),
        missed => format!("{} figures; beyond their targets: {}", figures.len(), missed.join(", ")),
    };
    let table = Table {
        title: "Figures beside their limits".to_owned(),
        headings: ["figure", "value", "limit", "ratio", "target", "met"]
            .map(str::to_owned)
            .to_vec(),
        rows: figures.iter().map(Measured::row).collect(),
    };
    let figures = figures.into_iter().map(Measured::into_figure).collect();
    Check { tables: vec![table], figures, ..Check::new("benchmarks", outcome, why) }
}

impl Measured {
    fn row(&self) -> Row {
        let number =
            |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3}"));
        let met = match self.met {
            Some(true) => "yes",
            Some(false) => "no",
            None => "no target",
        };
        let cells = vec![
            self.name.clone(),
            format!("{:.3} {}", self.value, self.unit),
            number(self.limit),
            number(self.ratio),
            number(self.target),
            met.to_owned(),
        ];
        Row { outcome: Outcome::Valid, cells }
    }

    fn into_figure(self) -> Figure {
        Figure { name: self.name, value: self.value, unit: self.unit }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missed_target_is_told() {
        let figure = |name: &str, met| {
            json!({ "name": name, "value": 2.0, "unit": "ms", "limit": 1.0, "ratio": 2.0,
                    "target": 1.5, "met": met })
        };
        let value = json!({ "figures": [figure("a", true), figure("b", false)] });
        let check = check(serde_json::from_value(value).unwrap());
        assert_eq!(check.why, "2 figures; beyond their targets: b");
        assert_eq!(check.figures.len(), 2);
        assert_eq!(
            check.tables[0].rows[1].cells,
            ["b", "2.000 ms", "1.000", "2.000", "1.500", "no"]
        );
    }

    #[test]
    fn no_figures_are_no_result() {
        assert_eq!(check(Benchmark { figures: Vec::new() }).outcome, Outcome::Unknown);
    }
}
