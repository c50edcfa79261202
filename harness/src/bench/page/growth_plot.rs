//! One number at several sizes, both axes logarithmic, with the fitted power and its target.

use maud::{Markup, html};

use super::{exponent, met, number};
use crate::bench::Growth;
use crate::report::html::picture::{number as float, round};
use crate::report::text::neutralise;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 24.0;
/// The axis of values has at least so many powers of e: what hardly changes must look flat.
const LEAST_SPAN: f64 = 3.0;

/// From sizes and values to places in the picture.
struct Axes {
    sizes: (f64, f64),
    values: (f64, f64),
}

impl Axes {
    /// None where there is nothing to draw.
    fn of(growth: &Growth) -> Option<Self> {
        let ends = |logs: &[f64]| {
            let low = logs.iter().copied().reduce(f64::min)?;
            let high = logs.iter().copied().reduce(f64::max)?;
            (low.is_finite() && high.is_finite()).then_some((low, high))
        };
        let sizes: Vec<f64> = growth.points.iter().map(|(size, _)| float(*size).ln()).collect();
        let values: Vec<f64> = growth.points.iter().map(|(_, value)| value.ln()).collect();
        let (low, high) = ends(&values)?;
        let more = ((LEAST_SPAN - (high - low)) / 2.0).max(0.2);
        Some(Self { sizes: ends(&sizes)?, values: (low - more, high + more) })
    }

    fn x(&self, size: f64) -> f64 {
        let (low, high) = self.sizes;
        let share = (size.ln() - low) / (high - low).max(f64::MIN_POSITIVE);
        round(LEFT + share * (WIDTH - LEFT - RIGHT))
    }

    fn y(&self, value: f64) -> f64 {
        let (low, high) = self.values;
        let share = ((value.ln() - low) / (high - low)).clamp(0.0, 1.0);
        round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM))
    }
}

pub(super) fn plot(growth: &Growth) -> Markup {
    html! {
        figure {
            figcaption {
                strong { (neutralise(&growth.name)) } ", " (neutralise(&growth.unit))
                " by " (neutralise(&growth.of)) br;
                "exponent " (exponent(growth)) ", target " (growth.target) " " (met(growth.met))
            }
            @match Axes::of(growth) {
                Some(axes) => (picture(growth, &axes)),
                None => p { "nothing to draw: a value is 0" },
            }
        }
    }
}

fn picture(growth: &Growth, axes: &Axes) -> Markup {
    let bottom = HEIGHT - BOTTOM;
    let ends = [growth.points.first(), growth.points.last()];
    html! {
        svg.small viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img"
            aria-label=(format!("{} by {}", neutralise(&growth.name), neutralise(&growth.of))) {
            line.frame x1=(LEFT) y1=(bottom) x2=(WIDTH - RIGHT) y2=(bottom) {}
            line.frame x1=(LEFT) y1=(TOP) x2=(LEFT) y2=(bottom) {}
            @for (size, value) in &growth.points {
                line.grid x1=(LEFT) y1=(axes.y(*value)) x2=(axes.x(float(*size))) y2=(axes.y(*value)) {}
            }
            @if let [Some((from, value)), Some((to, _))] = ends {
                @let (from_x, to_x) = (axes.x(float(*from)), axes.x(float(*to)));
                @let expected = value * (float(*to) / float(*from)).powf(growth.target);
                line.target x1=(from_x) y1=(axes.y(*value)) x2=(to_x) y2=(axes.y(expected)) {}
                @if let (Some(low), Some(high)) = (growth.fitted(float(*from)), growth.fitted(float(*to))) {
                    line class="line line-0" x1=(from_x) y1=(axes.y(low)) x2=(to_x) y2=(axes.y(high)) {}
                }
                text.tick x=(LEFT - 5.0) y=(axes.y(*value) + 4.0) { (number(*value)) }
            }
            @for (place, (size, value)) in growth.points.iter().enumerate() {
                @let (x, y) = (axes.x(float(*size)), axes.y(*value));
                circle.round cx=(x) cy=(y) r="4" {
                    title { (number(*value)) " " (neutralise(&growth.unit)) " at " (size) }
                }
                @let class = if place + 1 == growth.points.len() { "tick" } else { "time" };
                text class=(class) x=(x) y=(HEIGHT - 8.0) { (short(*size)) }
                @if place > 0 {
                    text class=(class) x=(x) y=(y - 8.0) { (number(*value)) }
                }
            }
        }
    }
}

/// A size in few letters.
fn short(size: u64) -> String {
    match size {
        0..1_000 => size.to_string(),
        1_000..1_000_000 => format!("{} k", float(size) / 1e3),
        _ => format!("{} M", float(size) / 1e6),
    }
}
