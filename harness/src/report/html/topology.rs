//! The parts as boxes and the links as lines between them; disturbed links stand out.

use std::collections::{BTreeMap, HashSet};

use maud::{Markup, html};

use super::picture::{LETTER, WIDTH, count, round, shortened};
use crate::report::text::{neutralise, seconds};
use crate::report::{FaultEnd, LinkSetup, RunReport};

const BOX: (f64, f64) = (190.0, 30.0);
const ROW: f64 = 44.0;
/// A column shows so many parts; of a large fleet the rest is counted.
const MOST_ROWS: usize = 8;

/// The drawing, in a box that scrolls.
pub fn render(report: &RunReport) -> Markup {
    let columns = columns(report);
    let rows = columns.iter().map(|column| column.len().min(MOST_ROWS + 1)).max().unwrap_or(0);
    let height = round(ROW * count(rows) + 4.0);
    let places = places(&columns, height);
    html! {
        @if columns.len() > 1 {
            div.wide role="region" aria-label="topology" tabindex="0" {
                svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label="The parts and the links between them; the tables below say the same" {
                    @for link in &report.environment.links { (line(report, link, &places)) }
                    @for (part, (x, y)) in &places { (part_box(part, *x, *y)) }
                    @for (number, column) in columns.iter().enumerate() {
                        @if column.len() > MOST_ROWS {
                            text x=(column_x(number, columns.len()) + 10.0) y=(ROW * count(MOST_ROWS) + 20.0) {
                                "and " (column.len() - MOST_ROWS) " more"
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The parts by how many links lie between them and the last part that they lead to: what
/// connects stands left of what it connects to.
fn columns(report: &RunReport) -> Vec<Vec<&str>> {
    let links = &report.environment.links;
    // What is no part of the system, as the database, is the end of a link only.
    let ends = links.iter().flat_map(|link| [link.from.as_str(), link.to.as_str()]);
    let mut parts: Vec<&str> =
        report.environment.parts.iter().map(|part| part.name.as_str()).chain(ends).collect();
    let mut named = HashSet::new();
    parts.retain(|part| named.insert(*part));
    let mut depth: BTreeMap<&str, usize> = parts.iter().map(|part| (*part, 0)).collect();
    // A circle of links would never come to rest; one round for each part is enough without.
    for _ in 0..depth.len() {
        for link in links {
            let Some(next) = depth.get(link.to.as_str()).map(|depth| depth + 1) else { continue };
            if let Some(own) = depth.get_mut(link.from.as_str()) {
                *own = next.max(*own).min(parts.len());
            }
        }
    }
    let mut columns: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for part in parts {
        columns.entry(depth[part]).or_default().push(part);
    }
    columns.into_values().rev().collect()
}

fn column_x(number: usize, columns: usize) -> f64 {
    let gaps = count(columns.saturating_sub(1).max(1));
    round(2.0 + count(number) * (WIDTH - BOX.0 - 4.0) / gaps)
}

/// Where each box that is drawn begins.
fn places<'a>(columns: &[Vec<&'a str>], height: f64) -> BTreeMap<&'a str, (f64, f64)> {
    let mut places = BTreeMap::new();
    for (number, column) in columns.iter().enumerate() {
        let shown = column.len().min(MOST_ROWS);
        let top = if column.len() > MOST_ROWS { 0.0 } else { (height - ROW * count(shown)) / 2.0 };
        for (row, part) in column.iter().take(MOST_ROWS).enumerate() {
            let y = round(top + ROW * count(row) + (ROW - BOX.1) / 2.0);
            places.insert(*part, (column_x(number, columns.len()), y));
        }
    }
    places
}

fn part_box(part: &str, x: f64, y: f64) -> Markup {
    html! {
        rect.box x=(x) y=(y) width=(BOX.0) height=(BOX.1) rx="4" {}
        text.name x=(x + 10.0) y=(y + 19.0) { (shortened(part)) }
    }
}

fn line(report: &RunReport, link: &LinkSetup, places: &BTreeMap<&str, (f64, f64)>) -> Markup {
    let (Some(from), Some(to)) = (places.get(&*link.from), places.get(&*link.to)) else {
        return html! {};
    };
    let injected = |end| end != FaultEnd::NotInjected;
    let faults = report.faults.iter().filter(|f| f.target == link.proxy && injected(f.end));
    let told: Vec<String> =
        faults.map(|fault| format!("{} at {}", fault.kind, seconds(fault.start_ms))).collect();
    let (x1, y1) = (from.0 + BOX.0, from.1 + BOX.1 / 2.0);
    let (x2, y2) = (to.0, to.1 + BOX.1 / 2.0);
    let label = match told.len() {
        0 => String::new(),
        1 => "1 fault".to_owned(),
        many => format!("{many} faults"),
    };
    // The label stands nearer to what connects, where lines to a common part have not met yet.
    let (x, y) = (x1 + 0.2 * (x2 - x1), y1 + 0.2 * (y2 - y1));
    html! {
        g {
            title {
                (neutralise(&link.from)) " → " (neutralise(&link.to)) ": "
                @if told.is_empty() { "undisturbed" } @else { (neutralise(&told.join(", "))) }
            }
            line.link.disturbed[!told.is_empty()] x1=(x1) y1=(y1) x2=(x2) y2=(y2) {}
            @if !label.is_empty() {
                text x=(round(x - LETTER * count(label.len()) / 2.0)) y=(round(y - 5.0)) { (label) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{PartSetup, sample};

    #[test]
    fn what_connects_stands_left_of_what_it_connects_to() {
        let mut report = sample::green();
        report.environment.parts.retain(|part| part.name != "database");
        let columns = columns(&report);
        assert_eq!(
            columns,
            [vec!["agent-1", "agent-2", "agent-3"], vec!["server"], vec!["database"]]
        );
    }

    #[test]
    fn links_in_a_circle_are_drawn_too() {
        let mut report = sample::green();
        let back =
            LinkSetup { from: "database".into(), to: "agent-1".into(), proxy: "back".into() };
        report.environment.links.push(back);
        assert_eq!(columns(&report).concat().len(), 5);
    }

    #[test]
    fn of_a_fleet_some_are_drawn_and_the_rest_is_counted() {
        let mut report = sample::green();
        for number in 4..=100 {
            let name = format!("agent-{number}");
            report.environment.parts.push(PartSetup { name: name.clone(), runs: String::new() });
            let proxy = format!("{name}-to-server");
            report.environment.links.push(LinkSetup { from: name, to: "server".into(), proxy });
        }
        let drawing = render(&report).into_string();
        assert_eq!(drawing.matches("class=\"box\"").count(), MOST_ROWS + 2);
        assert!(drawing.contains("and 92 more"));
    }

    #[test]
    fn a_disturbed_link_stands_out() {
        let drawing = render(&sample::green()).into_string();
        assert_eq!(drawing.matches("class=\"link disturbed\"").count(), 3);
        assert!(drawing.contains("cut at"));
    }
}
