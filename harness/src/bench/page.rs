//! What a bench measured, as one page that loads nothing: figures beside limits and targets, round
//! by round, over time, how long calls took, how everything grows, and where the next limit lies.

mod growth_plot;
mod histogram;
mod next_limits;
mod over_time;
mod shares;

use maud::{Markup, html};

use super::{Growth, Results};
use crate::checkers::Outcome;
use crate::report::html::page::{machines, page, table};
use crate::report::text::neutralise;

/// The page; `earlier` ones, the oldest first, show how each figure went over time.
pub fn render(results: &Results, earlier: &[Results]) -> String {
    let missed = missed(results);
    // A target that is missed fails nothing: a number says nothing of another machine.
    let outcome = if missed.is_empty() { Outcome::Valid } else { Outcome::Unknown };
    let header = html! {
        h1 { "How fast, beside its limits" }
        p.why {
            @match missed.as_slice() {
                [] => "No figure is beyond its target.",
                missed => { "Beyond their targets: " (neutralise(&missed.join(", "))) "." }
            }
        }
        dl.identity {
            @if !results.commit.is_empty() {
                div { dt { "commit" } dd { (neutralise(&results.commit)) } }
            }
            div { dt { "load before" } dd { (format!("{:.1}", results.load[0])) } }
            div { dt { "load in the end" } dd { (format!("{:.1}", results.load[1])) } }
        }
    };
    let main = html! {
        (shares::section(&results.figures))
        (over_time::section(results, earlier))
        (histogram::section(&results.latencies))
        (growth(&results.growth))
        (next_limits::section(results))
        (machines(std::slice::from_ref(&results.machine)))
    };
    page("Figures beside their limits", outcome, &header, &main)
}

fn missed(results: &Results) -> Vec<&str> {
    let figures = results.figures.iter().filter(|figure| figure.met == Some(false));
    let growth = results.growth.iter().filter(|growth| growth.met == Some(false));
    figures
        .map(|figure| figure.name.as_str())
        .chain(growth.map(|growth| growth.name.as_str()))
        .collect()
}

/// How everything grows: a picture each, and a table.
fn growth(growth: &[Growth]) -> Markup {
    html! {
        @if !growth.is_empty() {
            section {
                h2 { "How it grows" }
                p {
                    "Both axes are logarithmic, so a power of the size is a straight line: exponent 0 \
                     costs the same at any size, exponent 1 grows with it. The dashed line is the \
                     target."
                }
                div.tiles {
                    @for growth in growth { (growth_plot::plot(growth)) }
                }
                (table("growth", &["what", "values", "at", "exponent", "target", "met"], &html! {
                    @for growth in growth { (growth_row(growth)) }
                }))
            }
        }
    }
}

fn growth_row(growth: &Growth) -> Markup {
    let values: Vec<String> = growth.points.iter().map(|(_, value)| number(*value)).collect();
    let sizes: Vec<String> = growth.points.iter().map(|(size, _)| size.to_string()).collect();
    html! {
        tr {
            th scope="row" { (neutralise(&growth.name)) }
            td.number { (values.join(", ")) " " (neutralise(&growth.unit)) }
            td.number { (sizes.join(", ")) " " (neutralise(&growth.of)) }
            td.number { (exponent(growth)) }
            td.number { (growth.target) }
            td { (met(growth.met)) }
        }
    }
}

/// The exponent with its standard error.
fn exponent(growth: &Growth) -> String {
    match (growth.exponent, growth.error) {
        (Some(exponent), Some(error)) => format!("{exponent:.2} ± {error:.2}"),
        _ => "cannot be told".to_owned(),
    }
}

fn met(met: Option<bool>) -> Markup {
    let (class, word) = match met {
        Some(true) => ("badge valid", "yes"),
        Some(false) => ("badge unknown", "no"),
        None => return html! {},
    };
    html! { span class=(class) { (word) } }
}

/// Three digits, or all before the point.
fn number(number: f64) -> String {
    match number.abs() {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests;
