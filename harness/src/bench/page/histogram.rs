//! How long calls took, as bars over logarithmic time.

use maud::{Markup, html};

use crate::bench::Latencies;
use crate::report::html::picture::{count, number as float, round};
use crate::report::text::neutralise;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 150.0;
const BOTTOM: f64 = 20.0;
const TOP: f64 = 8.0;

pub(super) fn section(all: &[Latencies]) -> Markup {
    html! {
        @if !all.is_empty() {
            section {
                h2 { "How long calls took" }
                div.tiles { @for latencies in all { (histogram(latencies)) } }
            }
        }
    }
}

fn histogram(latencies: &Latencies) -> Markup {
    let counts = &latencies.counts;
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    let wide = WIDTH / count(counts.len().max(1));
    let room = HEIGHT - BOTTOM - TOP;
    let (first, last) = (counts.first().copied(), counts.last().copied());
    html! {
        figure {
            figcaption { (neutralise(&latencies.name)) ": " (all) " calls" }
            svg.small viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img"
                aria-label=(format!("{}: times of calls", neutralise(&latencies.name))) {
                @for (place, (until, count_of)) in counts.iter().enumerate() {
                    @let height = round(room * float(*count_of) / float(most));
                    rect.share x=(round(wide * count(place))) y=(round(TOP + room - height))
                        width=(round(wide - 1.0)) height=(height) {
                        title { (count_of) " calls of up to " (milliseconds(*until)) }
                    }
                }
                line.frame x1="0" y1=(HEIGHT - BOTTOM) x2=(WIDTH) y2=(HEIGHT - BOTTOM) {}
                @if let (Some((first, _)), Some((last, _))) = (first, last) {
                    text x="0" y=(HEIGHT - 5.0) { (milliseconds(first)) }
                    text.tick x=(WIDTH) y=(HEIGHT - 5.0) { (milliseconds(last)) }
                }
            }
        }
    }
}

fn milliseconds(microseconds: u64) -> String {
    match microseconds {
        0..10_000 => format!("{:.1} ms", float(microseconds) / 1e3),
        10_000..1_000_000 => format!("{:.0} ms", float(microseconds) / 1e3),
        _ => format!("{:.1} s", float(microseconds) / 1e6),
    }
}
