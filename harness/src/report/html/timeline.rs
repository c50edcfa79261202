//! The run over time: throughput, backlog, and a lane for every fault target. Faults are shaded
//! over all of it.

use maud::{Markup, html};

use crate::report::text::{neutralise, on_one_line, seconds};
use crate::report::{FaultEnd, FaultTimes, RunReport, Series};

/// Widths and heights are in the picture's own units, close to pixels on a wide screen.
const WIDTH: f64 = 1100.0;
const LEFT: f64 = 165.0;
const RIGHT: f64 = 15.0;
const STAGES: f64 = 24.0;
const CHART: f64 = 110.0;
const GAP: f64 = 26.0;
const LANE: f64 = 24.0;
const AXIS: f64 = 24.0;
/// The width of a letter in labels, on the safe side.
const LETTER: f64 = 6.8;
/// Lanes get as many rows as their labels need, up to so many faults; then labels are left out.
const MOST_LABELS: usize = 40;
/// So many kinds of line are told apart by colour and dashes.
const LINES: usize = 6;

/// The timeline as inline SVG, in a box that scrolls.
pub fn render(report: &RunReport) -> Markup {
    let scale = Scale::of(report);
    let lanes = lanes(report, &scale);
    let rows: usize = lanes.iter().map(|lane| lane.rows.max(1)).sum();
    let throughput = STAGES + GAP;
    let backlog = throughput + CHART + GAP;
    let first_lane = backlog + CHART + GAP;
    let bottom = first_lane + LANE * count(rows);
    let height = bottom + AXIS;
    let shaded = (throughput, bottom - throughput);
    html! {
        div.wide role="region" aria-label="timeline" tabindex="0" {
            svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img"
                aria-labelledby="timeline-title timeline-description" {
                title id="timeline-title" { "Throughput, backlog and faults over time" }
                desc id="timeline-description" { (description(report)) }
                (axis(&scale, throughput, bottom))
                (stages(report, &scale))
                @for fault in &report.faults { (shade(fault, &scale, shaded)) }
                (throughput_chart(&report.series, &scale, throughput))
                (backlog_chart(&report.series, &scale, backlog))
                (fault_lanes(&lanes, first_lane))
            }
        }
    }
}

/// What the picture shows, in words.
fn description(report: &RunReport) -> String {
    let faults: Vec<String> = report
        .faults
        .iter()
        .map(|fault| {
            let (kind, target) = (on_one_line(&fault.kind), on_one_line(&fault.target));
            format!("{kind} of {target} from {}", seconds(fault.start_ms))
        })
        .collect();
    let duration = seconds(report.run.duration_ms);
    match faults.as_slice() {
        [] => format!("A run of {duration} without faults."),
        _ => format!("A run of {duration} with these faults: {}.", faults.join("; ")),
    }
}

/// From milliseconds to places in the picture.
struct Scale {
    duration_ms: f64,
}

impl Scale {
    fn of(report: &RunReport) -> Self {
        Self { duration_ms: number(report.run.duration_ms.max(1)) }
    }

    fn x(&self, milliseconds: u64) -> f64 {
        let share = (number(milliseconds) / self.duration_ms).min(1.0);
        round(LEFT + share * (WIDTH - LEFT - RIGHT))
    }

    /// Where a fault begins and how wide it is. One without an end lasts to the end of the run.
    fn span(&self, fault: &FaultTimes) -> (f64, f64) {
        let from = self.x(fault.start_ms);
        let to = fault.end_ms.map_or(WIDTH - RIGHT, |end| self.x(end));
        (from, round((to - from).max(2.0)))
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

fn throughput_chart(series: &Series, scale: &Scale, top: f64) -> Markup {
    let per_second = |counts: &[u64]| -> Vec<Option<f64>> {
        let step = number(series.step_ms.max(1));
        counts.iter().map(|count| Some(number(*count) * 1000.0 / step)).collect()
    };
    let mut lines = vec![("taken", per_second(&series.taken))];
    if !series.acknowledged.is_empty() {
        lines.push(("acknowledged", per_second(&series.acknowledged)));
    }
    chart("events a second", &lines, series.step_ms, scale, top)
}

fn backlog_chart(series: &Series, scale: &Scale, top: f64) -> Markup {
    let held =
        |samples: &Vec<Option<u64>>| samples.iter().map(|sample| sample.map(number)).collect();
    let lines: Vec<(&str, Vec<Option<f64>>)> =
        series.backlog.iter().map(|(part, samples)| (part.as_str(), held(samples))).collect();
    chart("backlog, events", &lines, series.step_ms, scale, top)
}

/// A chart of lines with a legend above it and its highest value beside it.
fn chart(
    name: &str,
    lines: &[(&str, Vec<Option<f64>>)],
    step_ms: u64,
    scale: &Scale,
    top: f64,
) -> Markup {
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
            @for points in polylines(values, step_ms, scale, highest, bottom) {
                polyline class=(class) points=(points) {}
            }
        }
    }
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

/// The faults of one target, in rows so that neither they nor their labels overlap.
struct Lane<'a> {
    target: &'a str,
    faults: Vec<Bar<'a>>,
    rows: usize,
    labelled: bool,
}

struct Bar<'a> {
    fault: &'a FaultTimes,
    x: f64,
    width: f64,
    row: usize,
}

impl Bar<'_> {
    fn label(&self) -> String {
        let (kind, detail) = (&self.fault.kind, &self.fault.detail);
        let text = match detail.starts_with(kind.as_str()) {
            true => on_one_line(detail),
            false => on_one_line(format!("{kind} {detail}").trim()),
        };
        match text.chars().count() {
            0..=60 => text,
            _ => text.chars().take(59).chain(['…']).collect(),
        }
    }

    /// Where the label begins: after the bar, or before it where there is no room.
    fn label_x(&self) -> f64 {
        let width = LETTER * count(self.label().chars().count());
        let after = self.x + self.width + 5.0;
        if after + width <= WIDTH { after } else { self.x - 5.0 - width }
    }

    /// What bar and label take up together.
    fn extent(&self, labelled: bool) -> (f64, f64) {
        let end = self.x + self.width;
        if !labelled {
            return (self.x, end);
        }
        let label = self.label_x();
        let label_end = label + LETTER * count(self.label().chars().count());
        (self.x.min(label), end.max(label_end))
    }
}

/// One lane for each target, in the order of the first fault on it.
fn lanes<'a>(report: &'a RunReport, scale: &Scale) -> Vec<Lane<'a>> {
    let mut lanes: Vec<Lane<'a>> = Vec::new();
    for fault in &report.faults {
        let (x, width) = scale.span(fault);
        let bar = Bar { fault, x, width, row: 0 };
        match lanes.iter_mut().find(|lane| lane.target == fault.target) {
            Some(lane) => lane.faults.push(bar),
            None => lanes.push(Lane {
                target: &fault.target,
                faults: vec![bar],
                rows: 1,
                labelled: true,
            }),
        }
    }
    for lane in &mut lanes {
        lane.labelled = lane.faults.len() <= MOST_LABELS;
        lane.arrange();
    }
    lanes
}

impl Lane<'_> {
    /// Puts each fault into the first row that is free where it and its label stand.
    fn arrange(&mut self) {
        let mut free_from: Vec<f64> = Vec::new();
        for bar in &mut self.faults {
            let (from, to) = bar.extent(self.labelled);
            bar.row = free_from.iter().position(|free| *free <= from).unwrap_or(free_from.len());
            match free_from.get_mut(bar.row) {
                Some(free) => *free = to + 4.0,
                None => free_from.push(to + 4.0),
            }
        }
        self.rows = free_from.len();
    }
}

fn fault_lanes(lanes: &[Lane<'_>], first: f64) -> Markup {
    let tops = running_sums(first, lanes.iter().map(|lane| LANE * count(lane.rows)));
    html! {
        @for (lane, y) in lanes.iter().zip(tops) {
            line.frame x1="0" y1=(y) x2=(WIDTH - RIGHT) y2=(y) {}
            text.name x="0" y=(y + 16.0) { (shortened(lane.target)) }
            @for bar in &lane.faults { (fault_bar(bar, lane, y)) }
        }
    }
}

fn fault_bar(bar: &Bar<'_>, lane: &Lane<'_>, lane_y: f64) -> Markup {
    let y = lane_y + LANE * count(bar.row);
    let class = match bar.fault.end {
        FaultEnd::Healed => "fault",
        FaultEnd::NotInjected | FaultEnd::Unknown => "fault unclear",
    };
    let target = neutralise(lane.target);
    html! {
        g {
            title { (bar.label()) " of " (target) " from " (seconds(bar.fault.start_ms)) }
            rect class=(class) x=(bar.x) y=(y + 4.0) width=(bar.width) height=(LANE - 8.0) rx="2" {}
            @if lane.labelled {
                text x=(round(bar.label_x())) y=(y + 16.0) { (bar.label()) }
            }
        }
    }
}

/// A target's name as wide as the margin allows; its end tells links apart best.
fn shortened(name: &str) -> String {
    let name = on_one_line(name);
    let letters: Vec<char> = name.chars().collect();
    match letters.len() {
        0..=23 => name,
        length => ['…'].into_iter().chain(letters[length - 22..].iter().copied()).collect(),
    }
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

fn number(value: u64) -> f64 {
    value as f64
}

fn count(value: usize) -> f64 {
    value as f64
}

/// Where each of some widths begins, one after the other.
fn running_sums(first: f64, widths: impl Iterator<Item = f64>) -> Vec<f64> {
    let next = |place: &mut f64, width: f64| {
        let begin = *place;
        *place += width;
        Some(begin)
    };
    widths.scan(first, next).collect()
}

/// To the tenth: finer than a screen shows, and short in the file.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn overlapping_faults_of_one_target_get_rows_of_their_own() {
        let mut report = sample::green();
        let mut again = report.faults[0].clone();
        again.start_ms += 100;
        report.faults.push(again);
        let lanes = lanes(&report, &Scale::of(&report));
        assert_eq!(lanes.len(), 5);
        assert_eq!(lanes[0].rows, 2);
        assert_eq!(lanes[1].rows, 1);
    }

    #[test]
    fn labels_stay_inside_the_picture() {
        let report = sample::green();
        for lane in lanes(&report, &Scale::of(&report)) {
            for bar in &lane.faults {
                let (from, to) = bar.extent(true);
                assert!(from >= LEFT && to <= WIDTH, "{}: {from} to {to}", bar.label());
            }
        }
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(tick(35_000.0), 5_000);
        assert_eq!(tick(1.0), 1_000);
        assert_eq!(tick(86_400_000.0), 10_800_000);
    }
}
