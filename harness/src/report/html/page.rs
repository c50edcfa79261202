//! What all pages share: a frame that loads nothing, and tables that scroll by themselves.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::checkers::Outcome;
use crate::report::text::{gibibytes, neutralise};
use crate::report::{LeftOut, Machine};

/// The pages' style. It has a light and a dark form and fits a phone.
const STYLE: &str = include_str!("style.css");

/// Forbids the browser to load or run anything, should hostile text ever get through.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A whole page, in the colour of its outcome.
pub fn page(title: &str, outcome: Outcome, header: &Markup, main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (neutralise(title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header class=(outcome.word()) { (header) }
                main { (main) }
            }
        }
    };
    page.into_string()
}

/// A table in a box of its own, which scrolls when the screen is narrow.
pub fn table(name: &str, headings: &[&str], rows: &Markup) -> Markup {
    html! {
        div.wide role="region" aria-label=(name) tabindex="0" {
            table {
                thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// What was not checked. Nothing left out is said too.
pub fn left_out(left_out: &[LeftOut]) -> Markup {
    html! {
        section {
            h2 { "Left out" }
            @if left_out.is_empty() {
                p { "Nothing was left out." }
            } @else {
                ul {
                    @for left in left_out {
                        li { strong { (neutralise(&left.what)) } ": " (neutralise(&left.why)) }
                    }
                }
            }
        }
    }
}

/// Where it was made.
pub fn machines(machines: &[Machine]) -> Markup {
    html! {
        @if !machines.is_empty() {
            section {
                h2 { "Machine" }
                @for machine in machines {
                    p {
                        (neutralise(&machine.os)) ", " (machine.cores) " cores, "
                        (gibibytes(machine.memory_bytes)) " of memory"
                        @for (name, version) in &machine.versions {
                            ", " (neutralise(name)) " " (neutralise(version))
                        }
                        "."
                    }
                }
            }
        }
    }
}
