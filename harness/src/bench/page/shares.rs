//! Each figure as a bar: the share of its limit, with a dot for every round and a mark where its
//! target is.

use maud::{Markup, html};

use super::{met, number};
use crate::bench::figure::{Better, Figure, TargetOf};
use crate::report::html::page::table;
use crate::report::html::picture::{LEFT, WIDTH, count, round};
use crate::report::text::neutralise;

const ROW: f64 = 40.0;
const NAMES: f64 = LEFT + 84.0;
const RIGHT: f64 = 70.0;

pub(super) fn section(figures: &[Figure]) -> Markup {
    let measured: Vec<Shares> = figures.iter().filter_map(Shares::of).collect();
    html! {
        @if !figures.is_empty() {
            section {
                h2 { "Figures beside their limits" }
                @if !measured.is_empty() {
                    p {
                        "A bar is the median of the rounds, a dot one round, the mark the target. \
                         100 % is the limit that was measured in the same round; for a figure \
                         without one, its target."
                    }
                    (picture(&measured))
                }
                (table(
                    "figures",
                    &["figure", "value", "limit", "set by", "share", "target", "met"],
                    &html! { @for figure in figures { (row(figure)) } },
                ))
            }
        }
    }
}

/// A figure with its shares of what 100 % is.
struct Shares<'a> {
    figure: &'a Figure,
    share: f64,
    rounds: Vec<f64>,
    target: Option<f64>,
}

impl<'a> Shares<'a> {
    fn of(figure: &'a Figure) -> Option<Self> {
        let of = |value: f64, whole: f64| match figure.better {
            Better::Higher => value / whole,
            Better::Lower => whole / value,
        };
        let shares = match (figure.ratio, figure.target) {
            (Some(share), target) => {
                let rounds = figure.samples.iter().zip(&figure.limits);
                let target = target.map(|target| match figure.target_of {
                    TargetOf::Ratio => target,
                    TargetOf::Value => of(target, figure.limit.unwrap_or(target)),
                });
                let rounds = rounds.map(|(value, limit)| of(*value, *limit)).collect();
                Self { figure, share, rounds, target }
            }
            (None, Some(target)) if figure.target_of == TargetOf::Value => {
                let rounds = figure.samples.iter().map(|value| of(*value, target)).collect();
                Self { figure, share: of(figure.value, target), rounds, target: Some(1.0) }
            }
            _ => return None,
        };
        shares.share.is_finite().then_some(shares)
    }
}

fn picture(measured: &[Shares<'_>]) -> Markup {
    let all =
        measured.iter().flat_map(|one| one.rounds.iter().chain([&one.share]).chain(&one.target));
    let most = all.copied().filter(|share| share.is_finite()).fold(1.0, f64::max).min(3.0);
    let x = |share: f64| round(NAMES + (share.clamp(0.0, most) / most) * (WIDTH - NAMES - RIGHT));
    let height = ROW * count(measured.len()) + 24.0;
    html! {
        div.wide role="region" aria-label="shares" tabindex="0" {
            svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby="shares-title" {
                title id="shares-title" { "Each figure as a share of its limit" }
                @for (place, one) in measured.iter().enumerate() {
                    @let y = ROW * count(place);
                    text.name x="0" y=(y + 22.0) { (neutralise(&one.figure.name)) }
                    rect.share x=(NAMES) y=(y + 8.0) width=(round(x(one.share) - NAMES)) height="20" rx="2" {}
                    @for share in &one.rounds {
                        circle.round cx=(x(*share)) cy=(y + 18.0) r="3.5" {}
                    }
                    @if let Some(target) = one.target {
                        line.target x1=(x(target)) y1=(y + 3.0) x2=(x(target)) y2=(y + 33.0) {}
                    }
                    text x=(WIDTH - RIGHT + 8.0) y=(y + 22.0) { (format!("{:.0} %", one.share * 100.0)) }
                }
                line.frame x1=(x(1.0)) y1="0" x2=(x(1.0)) y2=(height - 20.0) {}
                text.time x=(x(1.0)) y=(height - 4.0) { "100 %" }
                text.time x=(NAMES) y=(height - 4.0) { "0" }
            }
        }
    }
}

fn row(figure: &Figure) -> Markup {
    let share = |share: f64| format!("{:.0} %", share * 100.0);
    html! {
        tr {
            th scope="row" { (neutralise(&figure.name)) }
            td.number { (number(figure.value)) " " (neutralise(&figure.unit)) }
            td.number { (figure.limit.map_or_else(String::new, number)) }
            td { (neutralise(&figure.limited_by)) }
            td.number { (figure.ratio.map_or_else(String::new, share)) }
            td.number {
                @match (figure.target, figure.target_of) {
                    (Some(target), TargetOf::Ratio) => (share(target)),
                    (Some(target), TargetOf::Value) => (number(target)),
                    (None, _) => "",
                }
            }
            td { (met(figure.met)) }
        }
    }
}
