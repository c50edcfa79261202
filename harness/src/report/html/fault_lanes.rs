//! A lane for every fault target.

use maud::{Markup, html};

use super::picture::{LANE, LETTER, RIGHT, Scale, WIDTH, count, round, running_sums, shortened};
use crate::report::text::{neutralise, on_one_line, seconds};
use crate::report::{FaultEnd, FaultTimes, RunReport};

/// Lanes get as many rows as their labels need, up to so many faults; then labels are left out.
const MOST_LABELS: usize = 40;

/// The faults of one target, in rows so that neither they nor their labels overlap.
pub(super) struct Lane<'a> {
    target: &'a str,
    faults: Vec<Bar<'a>>,
    pub(super) rows: usize,
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
pub(super) fn lanes<'a>(report: &'a RunReport, scale: &Scale) -> Vec<Lane<'a>> {
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

pub(super) fn fault_lanes(lanes: &[Lane<'_>], first: f64) -> Markup {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::picture::LEFT;
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
}
