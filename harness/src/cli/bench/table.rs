//! Figures and comparisons as people read them.

use crate::bench::{Change, Comparison, Figure, Growth, TargetOf};
use crate::report::text::on_one_line;

/// A line for each figure.
pub fn figures(figures: &[Figure]) -> String {
    let mut rows = vec![
        ["figure", "value", "", "limit", "set by", "share", "target", "met"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(figures.iter().map(|figure| {
        vec![
            on_one_line(&figure.name),
            number(figure.value),
            on_one_line(&figure.unit),
            figure.limit.map_or_else(String::new, number),
            on_one_line(&figure.limited_by),
            figure.ratio.map_or_else(String::new, share),
            target(figure),
            figure.met.map_or("", |met| if met { "yes" } else { "no" }).to_owned(),
        ]
    }));
    aligned(&rows)
}

/// A line for each number that grows: its values at all sizes, and the power that fits them.
pub fn growth(growth: &[Growth]) -> String {
    let mut rows = vec![
        ["growth", "values", "", "at", "exponent", "±", "target", "met"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(growth.iter().map(|grown| {
        let each = |shown: fn(&(u64, f64)) -> String| {
            grown.points.iter().map(shown).collect::<Vec<_>>().join(" ")
        };
        let power = |power: Option<f64>| power.map_or_else(String::new, |n| format!("{n:.2}"));
        vec![
            on_one_line(&grown.name),
            each(|point| number(point.1)),
            on_one_line(&grown.unit),
            format!("{} {}", each(|point| point.0.to_string()), on_one_line(&grown.of)),
            power(grown.exponent),
            power(grown.error),
            power(Some(grown.target)),
            grown.met.map_or("", |met| if met { "yes" } else { "no" }).to_owned(),
        ]
    }));
    aligned(&rows)
}

/// A line for each comparison.
pub fn comparisons(comparisons: &[Comparison]) -> String {
    let mut rows = vec![["figure", "change", "factor", "95 % between"].map(str::to_owned).to_vec()];
    rows.extend(comparisons.iter().map(|one| {
        let change = match one.change {
            Change::Slower => "slower",
            Change::Faster => "faster",
            Change::WithinNoise => "within noise",
            Change::Unknown => "unknown",
        };
        let interval = |[low, high]: [f64; 2]| format!("{low:.3} and {high:.3}");
        vec![
            on_one_line(&one.name),
            change.to_owned(),
            one.factor.map_or_else(String::new, |factor| format!("{factor:.3}")),
            one.interval.map_or_else(String::new, interval),
        ]
    }));
    aligned(&rows)
}

fn target(figure: &Figure) -> String {
    match (figure.target, figure.target_of) {
        (None, _) => String::new(),
        (Some(target), TargetOf::Ratio) => share(target),
        (Some(target), TargetOf::Value) => number(target),
    }
}

fn share(ratio: f64) -> String {
    format!("{:.0} %", ratio * 100.0)
}

/// Three digits, or all before the point.
fn number(number: f64) -> String {
    match number.abs() {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

/// Columns as wide as their widest cell.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Better, Target};

    #[test]
    fn a_figure_stands_beside_its_limit_and_its_target() {
        let rate = Figure::new("rate", "rows/s", Better::Higher, vec![650.0])
            .beside("COPY", vec![1000.0])
            .with_target(Target { of: TargetOf::Ratio, number: 0.7 });
        let time = Figure::new("ti\u{1b}me", "ms", Better::Lower, vec![1.5]);
        let shown = figures(&[rate, time]);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "figure      value          limit  set by  share  target  met");
        assert_eq!(lines[1], "rate        650    rows/s  1000   COPY    65 %   70 %    no");
        assert_eq!(lines[2], "ti\\u{1b}me  1.50   ms");
    }
    #[test]
    fn growth_is_shown_with_its_sizes_and_its_power() {
        let points = vec![(10, 12.0), (100, 102.0), (1000, 1002.0)];
        let each = Growth::new(("reads", "statements"), "agents", Better::Lower, points, 0.0);
        let shown = growth(&[each]);
        let line = shown.lines().nth(1).unwrap();
        assert_eq!(
            line,
            "reads   12.0 102 1002  statements  10 100 1000 agents  0.96      0.02  0.00    no"
        );
    }
}
