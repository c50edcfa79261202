use super::*;
use chrono::DateTime;

use crate::bench::{Better, Figure, Latencies, Target, TargetOf};
use crate::report::Machine;

fn results() -> Results {
    let figures = vec![
        Figure::new("ingest.batch_100", "events/s", Better::Higher, vec![50.0, 60.0, 55.0])
            .beside("COPY", vec![100.0; 3])
            .with_target(Target { of: TargetOf::Ratio, number: 0.6 }),
        Figure::new("engine.rate", "requests/s", Better::Higher, vec![90_000.0])
            .with_target(Target { of: TargetOf::Value, number: 80_000.0 }),
    ];
    let grows = |name: &str, values: [f64; 3]| {
        let points = [10_000, 100_000, 1_000_000].into_iter().zip(values).collect();
        Growth::new((name, "bytes/event"), "events", Better::Lower, points, 0.0)
    };
    let growth = vec![
        grows("growth.events.disk", [500.0; 3]),
        grows("growth.events.rate", [1000.0; 3]),
        grows("growth.<b>", [1.0, 10.0, 100.0]),
    ];
    let counts = vec![(300, 5), (400, 9)];
    Results {
        machine: Machine::default(),
        commit: "abc".into(),
        measured_at: DateTime::UNIX_EPOCH,
        load: [0.5, 1.5],
        figures,
        growth,
        latencies: vec![Latencies { name: "batches".into(), counts }],
    }
}

#[test]
fn the_page_loads_nothing_and_hostile_text_stays_text() {
    let page = render(&results(), &[]);
    for load in ["src=", "href=\"http", "url(", "<script", "<link", "<b>"] {
        assert!(!page.contains(load), "the page holds {load}");
    }
}

#[test]
fn what_misses_its_target_stands_first() {
    let page = render(&results(), &[]);
    assert!(page.contains("Beyond their targets: ingest.batch_100, growth.&lt;b&gt;."));
    assert!(page.contains("1.00 ± 0.00"), "the exponent of what grows with the size");
}

#[test]
fn limits_are_told_by_what_was_measured() {
    let page = render(&results(), &[]);
    assert!(page.contains("ingest.batch_100 reaches 55 % of what COPY does here"));
    assert!(
        page.contains("500 bytes an event with its indexes: a disk of 1 TB holds 2.0e9 events")
    );
    assert!(page.contains("that is 43 GB a day"));
    let table = "not measured: <code>harness bench --only growth</code>";
    assert!(page.contains(table), "nobody measured the p99 of batches");
}

#[test]
fn nothing_measured_is_a_page_too() {
    let none = Results { figures: vec![], growth: vec![], latencies: vec![], ..results() };
    let page = render(&none, &[]);
    assert!(page.contains("No figure is beyond its target.") && page.contains("not measured"));
}

#[test]
fn a_figure_is_shown_over_time_by_what_is_compared() {
    let earlier = |share: f64, day: i64| {
        let rounds = vec![share * 100.0; 3];
        let figure = Figure::new("ingest.batch_100", "events/s", Better::Higher, rounds)
            .beside("COPY", vec![100.0; 3]);
        let measured_at = DateTime::from_timestamp(day * 86_400, 0).unwrap();
        Results { figures: vec![figure], commit: "<old>".into(), measured_at, ..results() }
    };
    let page = render(&results(), &[earlier(0.5, 0), earlier(0.7, 1)]);
    assert!(page.contains("<strong>ingest.batch_100</strong>, share of its limit"));
    assert!(page.contains("<title>50 %, 1970-01-01, &lt;old&gt;</title>"), "the oldest point");
    assert!(page.contains("<title>70 %, 1970-01-02, &lt;old&gt;</title>"), "the one after it");
    assert!(page.contains("<title>55 %, 1970-01-01, abc</title>"), "this one");
    assert!(!page.contains("<strong>engine.rate</strong>"), "it was measured for the first time");
    assert!(!render(&results(), &[]).contains("Over time"), "nothing came before");
}
