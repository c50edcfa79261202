//! Where the next limit lies, and what then: each with the figure that says so.

use maud::{Markup, html};

use super::number;
use crate::bench::{Figure, Growth, Results};
use crate::report::html::page::table;
use crate::report::text::neutralise;

const DAY: f64 = 86_400.0;
const GB: f64 = 1e9;

/// A limit, what was measured of it, and what is done when it is reached.
struct Limit {
    of: &'static str,
    /// None if it was not measured.
    measured: Option<String>,
    /// How to measure it.
    by: &'static str,
    then: &'static str,
}

pub(super) fn section(results: &Results) -> Markup {
    html! {
        section {
            h2 { "Where the next limit lies, and what then" }
            (table("limits", &["limit", "measured", "what then"], &html! {
                @for limit in limits(results) {
                    tr {
                        th scope="row" { (limit.of) }
                        td.text {
                            @match &limit.measured {
                                Some(measured) => (neutralise(measured)),
                                None => { "not measured: " code { "harness bench --only " (limit.by) } }
                            }
                        }
                        td.text { (limit.then) }
                    }
                }
            }))
        }
    }
}

fn limits(results: &Results) -> [Limit; 6] {
    [
        Limit {
            of: "one writer of events",
            measured: writer(results),
            by: "ingest",
            then: "While the share is low, the server's own work is what to mend. Near 100 % this \
                   machine takes no more, whoever writes: a faster disk, then several databases \
                   with producers spread over them by their id, or a distributed PostgreSQL \
                   (Citus, or a successor that speaks its protocol).",
        },
        Limit {
            of: "the table of events",
            measured: table_of_events(results),
            by: "growth",
            then: "Partitions by time, of which old ones are detached and dropped at no cost: the \
                   part that is written to stays small, and so do its indexes.",
        },
        Limit {
            of: "room on the disk",
            measured: room(results),
            by: "growth",
            then: "A shorter retention, or old partitions as files on cheaper storage.",
        },
        Limit {
            of: "readers beside the writer",
            measured: replicas(results),
            by: "growth",
            then: "History is read from streaming replicas; each needs this much of the network \
                   and of its own disk. What must be fresh stays with the writer.",
        },
        Limit {
            of: "agents of one server",
            measured: fleet(results),
            by: "growth",
            then: "Servers keep nothing of an agent that another cannot read, so a second one \
                   behind a load balancer takes its share; what repeats for each agent has to go \
                   first, since the database is shared.",
        },
        Limit {
            of: "the harness on one machine",
            measured: harness(results),
            by: "engine",
            then: "Tests: cargo nextest archive once, then nextest run --archive-file with \
                   --partition slice:K/N on each machine. Containers: DOCKER_HOST names another \
                   machine's engine for whole runs. Results: harness report merge makes one of \
                   all folders.",
        },
    ]
}

fn figure<'a>(results: &'a Results, name: &str) -> Option<&'a Figure> {
    results.figures.iter().find(|figure| figure.name == name)
}

fn growth<'a>(results: &'a Results, name: &str) -> Option<&'a Growth> {
    results.growth.iter().find(|growth| growth.name == name)
}

/// The value at the largest size.
fn last(growth: &Growth) -> Option<(u64, f64)> {
    growth.points.last().copied()
}

fn writer(results: &Results) -> Option<String> {
    let ingest = results.figures.iter().filter(|figure| figure.name.starts_with("ingest."));
    let best = ingest
        .filter(|figure| figure.ratio.is_some())
        .max_by(|one, other| one.ratio.unwrap_or(0.0).total_cmp(&other.ratio.unwrap_or(0.0)))?;
    let (ratio, limit) = (best.ratio?, best.limit?);
    Some(format!(
        "{} reaches {:.0} % of what {} does here: {} of {} {}; no change of the server makes it \
         more than {:.1} times as fast",
        best.name,
        ratio * 100.0,
        best.limited_by,
        number(best.value),
        number(limit),
        best.unit,
        1.0 / ratio.max(f64::MIN_POSITIVE),
    ))
}

fn table_of_events(results: &Results) -> Option<String> {
    let p99 = growth(results, "growth.events.batch_p99")?;
    let (rows, value) = last(p99)?;
    let grows = p99.exponent?;
    let doubles = match grows {
        0.02.. => {
            format!("it would have doubled at {:.1e} rows", rows as f64 * 2.0_f64.powf(1.0 / grows))
        }
        _ => "so it does not grow".to_owned(),
    };
    Some(format!(
        "the p99 of a batch is {} ms at {rows} rows and grows with their power {grows:.2}; {doubles}",
        number(value)
    ))
}

fn room(results: &Results) -> Option<String> {
    let (_, bytes) = last(growth(results, "growth.events.disk")?)?;
    let (_, rate) = last(growth(results, "growth.events.rate")?)?;
    let a_day = bytes * rate * DAY / GB;
    Some(format!(
        "{bytes:.0} bytes an event with its indexes: a disk of 1 TB holds {:.1e} events. At the \
         rate measured here, {rate:.0} events/s, that is {a_day:.0} GB a day",
        1000.0 * GB / bytes
    ))
}

fn replicas(results: &Results) -> Option<String> {
    let (_, bytes) = last(growth(results, "growth.events.wal")?)?;
    let (_, rate) = last(growth(results, "growth.events.rate")?)?;
    Some(format!(
        "{bytes:.0} bytes of WAL an event: {:.0} MB/s to each replica at {rate:.0} events/s",
        bytes * rate / 1e6
    ))
}

fn fleet(results: &Results) -> Option<String> {
    let (agents, rate) = last(growth(results, "growth.fleet.rate")?)?;
    let each = results
        .growth
        .iter()
        .filter(|growth| growth.name.ends_with(".statements") || growth.name.ends_with(".repeats"));
    let worst = each
        .filter_map(|growth| Some((growth, growth.exponent?)))
        .max_by(|one, other| one.1.total_cmp(&other.1))
        .map(|(growth, exponent)| {
            format!("; of the reads, {} grows most, with power {exponent:.2}", growth.name)
        });
    let memory = growth(results, "growth.fleet.memory").and_then(last);
    let memory = memory.map(|(_, memory)| format!(", {memory:.0} MiB of memory"));
    Some(format!(
        "{rate:.0} events/s with {agents} agents{}{}",
        memory.unwrap_or_default(),
        worst.unwrap_or_default()
    ))
}

fn harness(results: &Results) -> Option<String> {
    let rate = figure(results, "engine.rate")?;
    let cost = figure(results, "engine.processor_time");
    let cost = cost.map(|cost| format!(", at {} {}", number(cost.value), cost.unit));
    Some(format!(
        "one thread gives {} {} on time{}",
        number(rate.value),
        rate.unit,
        cost.unwrap_or_default()
    ))
}
