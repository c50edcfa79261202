//! Each figure since it was first measured, by what two runs are compared by: its share of the limit,
//! or the value itself where it has none.

use maud::{Markup, html};

use super::number;
use crate::bench::figure::{Figure, Results};
use crate::bench::resampling::median;
use crate::report::html::picture::{count, round};
use crate::report::text::neutralise;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 140.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 24.0;

/// The figures that were measured before, each as a small picture.
pub(super) fn section(results: &Results, earlier: &[Results]) -> Markup {
    let runs: Vec<&Results> = earlier.iter().chain([results]).collect();
    let courses: Vec<Course> =
        results.figures.iter().filter_map(|figure| Course::of(figure, &runs)).collect();
    html! {
        @if !courses.is_empty() {
            section {
                h2 { "Over time" }
                p {
                    "From the oldest result to this one: the median of each, and the range of its \
                     rounds. The axis of values begins at 0."
                }
                div.tiles {
                    @for course in &courses { (course.picture()) }
                }
            }
        }
    }
}

/// A figure in every run that has it.
struct Course<'a> {
    figure: &'a Figure,
    points: Vec<Point<'a>>,
}

struct Point<'a> {
    run: &'a Results,
    median: f64,
    least: f64,
    most: f64,
}

impl<'a> Course<'a> {
    /// None if no earlier run has measured it in the same unit.
    fn of(figure: &'a Figure, runs: &[&'a Results]) -> Option<Self> {
        let of_run = |run: &&'a Results| {
            let same = |other: &&Figure| {
                other.name == figure.name
                    && other.unit == figure.unit
                    && other.limits.is_empty() == figure.limits.is_empty()
            };
            let (rounds, _) = run.figures.iter().find(same)?.comparable();
            let sound = !rounds.is_empty() && rounds.iter().all(|round| round.is_finite());
            sound.then(|| Point {
                run,
                median: median(&rounds),
                least: rounds.iter().copied().fold(f64::INFINITY, f64::min),
                most: rounds.iter().copied().fold(0.0, f64::max),
            })
        };
        let points: Vec<Point<'_>> = runs.iter().filter_map(of_run).collect();
        (points.len() > 1).then_some(Self { figure, points })
    }

    fn shown(&self, value: f64) -> String {
        match self.figure.limits.is_empty() {
            true => number(value),
            false => format!("{:.0} %", value * 100.0),
        }
    }

    fn picture(&self) -> Markup {
        let highest = self.points.iter().map(|point| point.most).fold(f64::MIN_POSITIVE, f64::max);
        let last = count(self.points.len() - 1);
        let x = |place: usize| round(LEFT + count(place) / last * (WIDTH - LEFT - RIGHT));
        let y = |value: f64| {
            let share = (value / highest).clamp(0.0, 1.0);
            round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM))
        };
        let name = neutralise(&self.figure.name);
        let line: Vec<String> = (self.points.iter().enumerate())
            .map(|(place, point)| format!("{},{}", x(place), y(point.median)))
            .collect();
        html! {
            figure {
                figcaption {
                    strong { (name) } ", "
                    @if self.figure.limits.is_empty() { (neutralise(&self.figure.unit)) }
                    @else { "share of its limit" }
                }
                svg.small viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img"
                    aria-label=(format!("{name} over {} results", self.points.len())) {
                    line.frame x1=(LEFT) y1=(y(0.0)) x2=(WIDTH - RIGHT) y2=(y(0.0)) {}
                    line.frame x1=(LEFT) y1=(TOP) x2=(LEFT) y2=(y(0.0)) {}
                    text.tick x=(LEFT - 5.0) y=(y(highest) + 4.0) { (self.shown(highest)) }
                    text.tick x=(LEFT - 5.0) y=(y(0.0) + 4.0) { "0" }
                    @for (place, point) in self.points.iter().enumerate() {
                        @let (top, bottom) = (y(point.most), y(point.least));
                        rect.share x=(x(place) - 3.0) y=(top) width="6" height=(round(bottom - top)) {}
                    }
                    polyline class="line line-0" points=(line.join(" ")) {}
                    @for (place, point) in self.points.iter().enumerate() {
                        circle.round cx=(x(place)) cy=(y(point.median)) r="4" {
                            title { (self.told(point)) }
                        }
                    }
                    @if let [first, .., last] = self.points.as_slice() {
                        text.time x=(x(0)) y=(HEIGHT - 8.0) { (day(first.run)) }
                        text.tick x=(WIDTH - RIGHT) y=(HEIGHT - 8.0) { (day(last.run)) }
                    }
                }
            }
        }
    }

    fn told(&self, point: &Point<'_>) -> String {
        let (value, day) = (self.shown(point.median), day(point.run));
        let commit: String = point.run.commit.chars().take(12).collect();
        format!("{value}, {day}, {}", neutralise(&commit))
    }
}

fn day(run: &Results) -> String {
    run.measured_at.format("%Y-%m-%d").to_string()
}
