//! A lane for every part that was not ready all the time.

use maud::{Markup, html};

use super::picture::{LANE, RIGHT, Scale, WIDTH, round, shortened};
use crate::history::PartState;
use crate::report::text::{neutralise, seconds};
use crate::report::{RunReport, StateTimes};

/// More lanes than a reader can follow.
const MOST_LANES: usize = 30;

/// A part and what it was doing.
type Lane<'a> = (&'a str, &'a [StateTimes]);

/// The parts that once were ready and then were not. What is ready all the time, or never, tells
/// nothing over time.
pub(super) fn restless(report: &RunReport) -> Vec<Lane<'_>> {
    let left = |states: &[StateTimes]| {
        let ready = states.iter().position(|times| times.state == PartState::Ready);
        ready.is_some_and(|place| place + 1 < states.len())
    };
    let lanes = report.states.iter().map(|(part, states)| (part.as_str(), states.as_slice()));
    lanes.filter(|(_, states)| left(states)).take(MOST_LANES).collect()
}

pub(super) fn part_lanes(lanes: &[Lane<'_>], scale: &Scale, first: f64) -> Markup {
    let tops = (0..lanes.len()).scan(first, |next, _| {
        let top = *next;
        *next += LANE;
        Some(top)
    });
    html! {
        @for ((part, states), y) in lanes.iter().zip(tops) {
            line.frame x1="0" y1=(y) x2=(WIDTH - RIGHT) y2=(y) {}
            text.name x="0" y=(y + 16.0) { (shortened(part)) }
            @for times in *states { (bar(part, times, scale, y)) }
        }
    }
}

fn bar(part: &str, times: &StateTimes, scale: &Scale, y: f64) -> Markup {
    let (from, to) = (scale.x(times.start_ms), scale.x(times.end_ms));
    let (word, class) = match times.state {
        PartState::Ready => ("ready", "part ready"),
        PartState::Started => ("starting", "part starting"),
        PartState::Unready => ("not ready", "part starting"),
        PartState::Killed => ("ended by the harness", "part down"),
        PartState::Exited => ("ended by itself", "part down"),
    };
    html! {
        g {
            title {
                (neutralise(part)) " " (word) " from " (seconds(times.start_ms))
                " to " (seconds(times.end_ms))
            }
            rect class=(class) x=(from) y=(y + 8.0) width=(round((to - from).max(1.0))) height=(LANE - 16.0) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn parts_that_stayed_ready_get_no_lane() {
        let report = sample::green();
        let names: Vec<&str> = restless(&report).into_iter().map(|(part, _)| part).collect();
        assert_eq!(names, ["agent-3", "server"]);
    }
}
