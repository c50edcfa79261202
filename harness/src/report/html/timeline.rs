//! The run over time: what went through and how fast, what waited, what parts and circuit breakers
//! were doing, and a lane for every fault target. Faults are shaded over all of it.

use maud::{Markup, html};

use super::chart::{CHART, Chart, LINES, Line, chart};
use super::fault_lanes::{fault_lanes, lanes};
use super::picture::{LANE, LEFT, LETTER, RIGHT, Scale, WIDTH, count, number, round};
use super::state_lanes::{restless, state_lanes};
use crate::report::text::{on_one_line, seconds};
use crate::report::{FaultEnd, FaultTimes, RunReport, Series};

const STAGES: f64 = 24.0;
const GAP: f64 = 26.0;
const AXIS: f64 = 24.0;
/// So many faults are named in the picture's description.
const MOST_NAMED: usize = 30;

/// The timeline as inline SVG, in a box that scrolls.
pub fn render(report: &RunReport) -> Markup {
    let scale = Scale::of(report);
    let charts = charts(&report.series);
    let first_chart = STAGES + GAP;
    let first_state = first_chart + count(charts.len()) * (CHART + GAP);
    let states = restless(report);
    let first_fault = first_state + LANE * count(states.len());
    let faults = lanes(report, &scale);
    let rows: usize = faults.iter().map(|lane| lane.rows.max(1)).sum();
    let bottom = first_fault + LANE * count(rows);
    let height = bottom + AXIS;
    html! {
        div.wide role="region" aria-label="timeline" tabindex="0" {
            svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img"
                aria-labelledby="timeline-title timeline-description" {
                title id="timeline-title" { "Events, parts and faults over time" }
                desc id="timeline-description" { (description(report)) }
                (axis(&scale, first_chart, bottom))
                (stages(report, &scale))
                @for fault in &report.faults {
                    (shade(fault, &scale, (first_chart, bottom - first_chart)))
                }
                @for (place, one) in charts.iter().enumerate() {
                    (chart(one, report.series.step_ms, &scale, first_chart + count(place) * (CHART + GAP)))
                }
                (state_lanes(&states, &scale, first_state))
                (fault_lanes(&faults, first_fault))
            }
        }
    }
}

/// What the picture shows, in words. The table of faults names those that are many.
fn description(report: &RunReport) -> String {
    let named = report.faults.iter().take(MOST_NAMED).map(|fault| {
        let (kind, target) = (on_one_line(&fault.kind), on_one_line(&fault.target));
        format!("{kind} of {target} from {}", seconds(fault.start_ms))
    });
    let more = report.faults.len().saturating_sub(MOST_NAMED);
    let more = (more > 0).then(|| format!("{more} more"));
    let faults: Vec<String> = named.chain(more).collect();
    let duration = seconds(report.run.duration_ms);
    match faults.as_slice() {
        [] => format!("A run of {duration} without faults."),
        _ => format!("A run of {duration} with these faults: {}.", faults.join("; ")),
    }
}

fn stages(report: &RunReport, scale: &Scale) -> Markup {
    html! {
        @for stage in &report.stages {
            @let (from, to) = (scale.x(stage.start_ms), scale.x(stage.end_ms));
            @let name = format!("{:?}", stage.stage).to_lowercase();
            g {
                title { (name) " from " (seconds(stage.start_ms)) " to " (seconds(stage.end_ms)) }
                rect.stage x=(from) y="0" width=(round((to - from - 1.0).max(1.0))) height=(STAGES - 6.0) rx="3" {}
                @if to - from > LETTER * count(name.len()) + 8.0 {
                    text x=(from + 6.0) y="13" { (name) }
                }
            }
        }
        text.name x="0" y="13" { "stage" }
    }
}

fn shade(fault: &FaultTimes, scale: &Scale, (top, height): (f64, f64)) -> Markup {
    let (x, width) = scale.span(fault);
    html! {
        @if fault.end != FaultEnd::NotInjected {
            rect.shade x=(x) y=(top) width=(width) height=(height) {}
        }
    }
}

fn charts(series: &Series) -> Vec<Chart<'_>> {
    let per_second = |counts: &[u64]| -> Vec<Option<f64>> {
        let step = number(series.step_ms.max(1));
        counts.iter().map(|count| Some(number(*count) * 1000.0 / step)).collect()
    };
    let milliseconds = |times: &[Option<u64>]| -> Vec<Option<f64>> {
        times.iter().map(|time| time.map(|time| number(time) / 1000.0)).collect()
    };
    let mut throughput = vec![("taken", per_second(&series.taken))];
    if !series.acknowledged.is_empty() {
        throughput.push(("acknowledged", per_second(&series.acknowledged)));
    }
    if series.refused.iter().any(|refused| *refused > 0) {
        throughput.push(("refused", per_second(&series.refused)));
    }
    let latency = vec![
        ("median", milliseconds(&series.latency.median_us)),
        ("99 of 100", milliseconds(&series.latency.p99_us)),
    ];
    let mut charts = vec![
        Chart { name: "events a second", lines: throughput },
        Chart { name: "time to take one, ms", lines: latency },
        Chart { name: "backlog, events", lines: backlog(series) },
    ];
    if !series.calls.passed.is_empty() {
        let calls = [
            ("got through", &series.calls.passed),
            ("sent away by a limit", &series.calls.limited),
            ("failed", &series.calls.failed),
        ];
        let lines = calls.map(|(name, counts)| (name, per_second(counts)));
        charts.push(Chart { name: "calls a second", lines: lines.to_vec() });
    }
    charts
}

/// What each part held. Of many parts, all together and those that held the most.
fn backlog(series: &Series) -> Vec<Line<'_>> {
    let held =
        |samples: &Vec<Option<u64>>| samples.iter().map(|sample| sample.map(number)).collect();
    let mut parts: Vec<(&String, &Vec<Option<u64>>)> = series.backlog.iter().collect();
    let mut lines = Vec::new();
    if parts.len() > LINES {
        let sum = |step| {
            let samples = parts.iter().filter_map(|(_, samples)| *samples.get(step)?);
            samples.reduce(|one, other| one + other).map(number)
        };
        let steps = parts.iter().map(|(_, samples)| samples.len()).max().unwrap_or(0);
        lines.push(("all parts", (0..steps).map(sum).collect()));
        parts.sort_by_key(|(_, samples)| std::cmp::Reverse(samples.iter().max().copied()));
        parts.truncate(LINES - 1);
    }
    lines.extend(parts.into_iter().map(|(part, samples)| (part.as_str(), held(samples))));
    lines
}

fn axis(scale: &Scale, top: f64, bottom: f64) -> Markup {
    let step = tick(scale.duration_ms);
    let mut ticks = Vec::new();
    let mut at = 0;
    while number(at) <= scale.duration_ms {
        ticks.push(at);
        at += step;
    }
    html! {
        line.frame x1=(LEFT) y1=(bottom) x2=(WIDTH - RIGHT) y2=(bottom) {}
        @for at in ticks {
            @let x = scale.x(at);
            line.grid x1=(x) y1=(top) x2=(x) y2=(bottom) {}
            text.time x=(x) y=(bottom + 16.0) { (at / 1000) " s" }
        }
    }
}

/// Milliseconds between two ticks: a round number that makes at most ten of them.
fn tick(duration_ms: f64) -> u64 {
    const ROUND: [u64; 11] = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];
    let fits = |seconds: &&u64| number(**seconds * 1000) * 10.0 >= duration_ms;
    match ROUND.iter().find(fits) {
        Some(seconds) => seconds * 1000,
        None => (duration_ms / 10.0) as u64 / 3_600_000 * 3_600_000 + 3_600_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_parts_all_together_and_the_fullest_are_drawn() {
        let part = |number: u64| (format!("agent-{number:03}"), vec![None, Some(number)]);
        let series = Series { backlog: (1..=100).map(part).collect(), ..Series::default() };
        let lines = backlog(&series);
        assert_eq!(lines[0], ("all parts", vec![None, Some(5050.0)]));
        assert_eq!((lines.len(), lines[1].0), (LINES, "agent-100"));
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(tick(35_000.0), 5_000);
        assert_eq!(tick(1.0), 1_000);
        assert_eq!(tick(86_400_000.0), 10_800_000);
    }
}
