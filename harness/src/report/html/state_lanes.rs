//! A lane for every part that was not ready all the time, and for every circuit breaker that was
//! not closed all the time.

use maud::{Markup, html};

use super::picture::{LANE, RIGHT, Scale, WIDTH, round, shortened};
use crate::history::{BreakerState, PartState, Stage};
use crate::report::text::{neutralise, seconds};
use crate::report::{RunReport, StateTimes};

/// More lanes than a reader can follow.
const MOST_LANES: usize = 30;

/// A part or breaker, and what it was doing.
pub(super) struct Lane<'a> {
    name: &'a str,
    bars: Vec<Bar>,
}

/// A state: its word, its look, and its time in milliseconds.
struct Bar {
    word: &'static str,
    class: &'static str,
    start_ms: u64,
    end_ms: u64,
}

/// The parts that once were ready and then were not, and the breakers that were not closed all the
/// time. What is the same all the time tells nothing over time.
pub(super) fn restless(report: &RunReport) -> Vec<Lane<'_>> {
    // When a run is judged its parts have been ended, all of them.
    let judged = report.stages.iter().find(|times| times.stage == Stage::Judge);
    let judged = judged.map_or(u64::MAX, |times| times.start_ms);
    let left_ready = |states: &&Vec<StateTimes>| {
        let mut states = states.iter().take_while(|times| times.start_ms < judged);
        states.any(|times| times.state == PartState::Ready) && states.next().is_some()
    };
    let parts = report.states.iter().filter(|(_, states)| left_ready(states));
    let parts = parts.map(|(name, states)| lane(name, states, part_look));
    let opened = |states: &&Vec<StateTimes<BreakerState>>| {
        states.iter().any(|times| times.state != BreakerState::Closed)
    };
    let breakers = report.breakers.iter().filter(|(_, states)| opened(states));
    let breakers = breakers.map(|(name, states)| lane(name, states, breaker_look));
    parts.chain(breakers).take(MOST_LANES).collect()
}

fn lane<'a, S: Copy>(
    name: &'a str,
    states: &[StateTimes<S>],
    look: fn(S) -> (&'static str, &'static str),
) -> Lane<'a> {
    let bar = |times: &StateTimes<S>| {
        let (word, class) = look(times.state);
        Bar { word, class, start_ms: times.start_ms, end_ms: times.end_ms }
    };
    Lane { name, bars: states.iter().map(bar).collect() }
}

fn part_look(state: PartState) -> (&'static str, &'static str) {
    match state {
        PartState::Ready => ("ready", "state good"),
        PartState::Started => ("starting", "state between"),
        PartState::Unready => ("not ready", "state between"),
        PartState::Killed => ("ended by the harness", "state bad"),
        PartState::Exited => ("ended by itself", "state bad"),
    }
}

fn breaker_look(state: BreakerState) -> (&'static str, &'static str) {
    match state {
        BreakerState::Closed => ("closed", "state good"),
        BreakerState::HalfOpen => ("half open", "state between"),
        BreakerState::Open => ("open", "state bad"),
    }
}

pub(super) fn state_lanes(lanes: &[Lane<'_>], scale: &Scale, first: f64) -> Markup {
    let tops = (0..lanes.len()).scan(first, |next, _| {
        let top = *next;
        *next += LANE;
        Some(top)
    });
    html! {
        @for (lane, y) in lanes.iter().zip(tops) {
            line.frame x1="0" y1=(y) x2=(WIDTH - RIGHT) y2=(y) {}
            text.name x="0" y=(y + 16.0) { (shortened(lane.name)) }
            @for bar in &lane.bars { (draw(lane.name, bar, scale, y)) }
        }
    }
}

fn draw(name: &str, bar: &Bar, scale: &Scale, y: f64) -> Markup {
    let (from, to) = (scale.x(bar.start_ms), scale.x(bar.end_ms));
    html! {
        g {
            title {
                (neutralise(name)) " " (bar.word) " from " (seconds(bar.start_ms))
                " to " (seconds(bar.end_ms))
            }
            rect class=(bar.class) x=(from) y=(y + 8.0) width=(round((to - from).max(1.0))) height=(LANE - 16.0) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn what_stayed_as_it_was_gets_no_lane() {
        let mut report = sample::green();
        let end = StateTimes {
            state: PartState::Killed,
            start_ms: report.stages.last().unwrap().start_ms,
            end_ms: report.run.duration_ms,
        };
        report.states.values_mut().for_each(|states| states.push(end));
        let of = |states: &[BreakerState]| {
            states.iter().map(|&state| StateTimes { state, start_ms: 0, end_ms: 1 }).collect()
        };
        report.breakers.insert("agent-1, apt".into(), of(&[BreakerState::Closed]));
        let open = of(&[BreakerState::Closed, BreakerState::Open]);
        report.breakers.insert("agent-1, dnf".into(), open);
        let names: Vec<&str> = restless(&report).iter().map(|lane| lane.name).collect();
        assert_eq!(names, ["agent-3", "server", "agent-1, dnf"]);
    }
}
