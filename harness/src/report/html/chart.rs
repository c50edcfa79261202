//! Lines over time with a legend.

use maud::{Markup, html};

use super::picture::{LEFT, LETTER, RIGHT, Scale, WIDTH, count, round, running_sums};
use crate::report::text::on_one_line;

/// The height of a chart without its legend.
pub(super) const CHART: f64 = 110.0;
/// So many kinds of line are told apart by colour and dashes.
pub(super) const LINES: usize = 6;
/// A screen shows no more; of the steps of a long run each point has the highest value of a few.
const MOST_POINTS: usize = 900;

/// A line's name and its value in each step; a gap where it has none.
pub(super) type Line<'a> = (&'a str, Vec<Option<f64>>);

/// Lines that share a scale.
pub(super) struct Chart<'a> {
    /// What is counted.
    pub(super) name: &'a str,
    pub(super) lines: Vec<Line<'a>>,
}

/// A chart with a legend above it and its highest value beside it.
pub(super) fn chart(
    Chart { name, lines }: &Chart<'_>,
    step_ms: u64,
    scale: &Scale,
    top: f64,
) -> Markup {
    let together = lines.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    let together = together.div_ceil(MOST_POINTS).max(1);
    let step_ms = step_ms * together as u64;
    let values = lines.iter().flat_map(|(_, values)| values.iter().flatten());
    let highest = values.fold(1.0_f64, |highest, value| highest.max(*value));
    let bottom = top + CHART;
    let widths = lines.iter().map(|(label, _)| 44.0 + LETTER * count(label.chars().count()));
    let places = running_sums(LEFT, widths);
    html! {
        text.name x="0" y=(top + 12.0) { (name) }
        @if lines.is_empty() { text x=(LEFT + 6.0) y=(top + 14.0) { "not measured" } }
        text.tick x=(LEFT - 6.0) y=(top + 10.0) { (format!("{highest:.0}")) }
        text.tick x=(LEFT - 6.0) y=(bottom) { "0" }
        line.frame x1=(LEFT) y1=(bottom) x2=(WIDTH - RIGHT) y2=(bottom) {}
        line.frame x1=(LEFT) y1=(top) x2=(WIDTH - RIGHT) y2=(top) {}
        @for (index, (label, values)) in lines.iter().enumerate() {
            @let class = format!("line line-{}", index % LINES);
            @let label = on_one_line(label);
            @let place = places[index];
            line class=(class) x1=(place) y1=(top - 9.0) x2=(place + 20.0) y2=(top - 9.0) {}
            text x=(place + 25.0) y=(top - 5.0) { (label) }
            @for points in polylines(&highest_of_each(values, together), step_ms, scale, highest, bottom) {
                polyline class=(class) points=(points) {}
            }
        }
    }
}

/// The highest value of every so many steps.
fn highest_of_each(values: &[Option<f64>], together: usize) -> Vec<Option<f64>> {
    let highest = |some: &[Option<f64>]| some.iter().flatten().copied().reduce(f64::max);
    values.chunks(together).map(highest).collect()
}

/// The stretches of a line that have values, as SVG's points.
fn polylines(
    values: &[Option<f64>],
    step_ms: u64,
    scale: &Scale,
    highest: f64,
    bottom: f64,
) -> Vec<String> {
    let mut place = 0;
    let stretches = values.chunk_by(|before, after| before.is_some() == after.is_some());
    let draw = |stretch: &[Option<f64>]| {
        let begin = place;
        place += stretch.len();
        let point = |(index, value): (usize, &Option<f64>)| {
            let middle = step_ms * (begin + index) as u64 + step_ms / 2;
            let y = round(bottom - (*value)? / highest * (CHART - 4.0));
            Some(format!("{},{y}", scale.x(middle)))
        };
        let points: Vec<String> = stretch.iter().enumerate().filter_map(point).collect();
        points.join(" ")
    };
    stretches.map(draw).filter(|points| !points.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_together_shows_its_highest() {
        let values = [Some(1.0), Some(5.0), None, None, None, Some(2.0), Some(3.0)];
        assert_eq!(highest_of_each(&values, 2), [Some(5.0), None, Some(2.0), Some(3.0)]);
        assert_eq!(highest_of_each(&values, 1), values);
    }
}
