//! What `GET /metrics` answers, in Prometheus' text form.
//!
//! The series of proxies have Toxiproxy's names and labels. Those of the program are the ones that
//! every Prometheus client library gives; what only describes Go's runtime has no counterpart.

use std::fmt::Write;

use crate::api::API_VERSION;
use crate::collection::Proxies;
use crate::model::Direction;
use crate::traffic::Way;

/// The content type of the text form.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

type Count = fn(&Way) -> u64;

/// What is counted of each proxy and direction. Toxiproxy has the first two.
const SERIES: [(&str, Count); 3] =
    [("received", Way::received), ("sent", Way::sent), ("spliced", Way::spliced)];

/// Which metrics are switched on; none unless told otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metrics {
    /// The bytes that each proxy received and sent, and how many of them the kernel moved alone.
    pub proxies: bool,
    /// Version, processor time, memory and open files of the program.
    pub runtime: bool,
}

impl Metrics {
    /// The text of this moment; `None` while all metrics are off.
    pub fn render(self, proxies: &Proxies) -> Option<String> {
        if !self.proxies && !self.runtime {
            return None;
        }
        let mut text = String::new();
        if self.proxies {
            render_proxies(&mut text, proxies);
        }
        if self.runtime {
            render_runtime(&mut text);
        }
        Some(text)
    }
}

fn render_proxies(text: &mut String, proxies: &Proxies) {
    let traffic = proxies.traffic();
    for (name, count) in SERIES {
        let name = format!("toxiproxy_proxy_{name}_bytes_total");
        head(text, &name, "counter");
        for (view, traffic) in &traffic {
            for direction in [Direction::ToClient, Direction::ToServer] {
                let labels = labels(direction, &view.name, &view.listen, &view.upstream);
                line(text, &format!("{name}{labels} {}", count(traffic.way(direction))));
            }
        }
    }
}

fn labels(direction: Direction, proxy: &str, listener: &str, upstream: &str) -> String {
    format!(
        r#"{{direction="{}",listener="{}",proxy="{}",upstream="{}"}}"#,
        direction.as_str(),
        escaped(listener),
        escaped(proxy),
        escaped(upstream)
    )
}

fn escaped(label: &str) -> String {
    label.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

fn render_runtime(text: &mut String) {
    head(text, "toxiproxy_build_info", "gauge");
    line(text, &format!(r#"toxiproxy_build_info{{version="{API_VERSION}"}} 1"#));
    for (name, kind, value) in [
        ("process_cpu_seconds_total", "counter", processor_seconds()),
        ("process_resident_memory_bytes", "gauge", resident_bytes()),
        ("process_open_fds", "gauge", open_files()),
    ] {
        // Absent where the system does not tell.
        if let Some(value) = value {
            head(text, name, kind);
            line(text, &format!("{name} {value}"));
        }
    }
}

fn head(text: &mut String, name: &str, kind: &str) {
    line(text, &format!("# TYPE {name} {kind}"));
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes everything");
}

fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold blanks.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let (user, system) = (ticks(11)?, ticks(12)?);
    Some((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn resident_bytes() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some((pages * rustix::param::page_size() as u64) as f64)
}

fn open_files() -> Option<f64> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as f64)
}

#[cfg(test)]
mod tests {
    use super::{labels, processor_seconds, resident_bytes};
    use crate::model::Direction;

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        assert_eq!(
            labels(Direction::ToServer, "a\"} 1\n\\", "l", "u"),
            r#"{direction="upstream",listener="l",proxy="a\"} 1\n\\",upstream="u"}"#
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_tells_of_the_program() {
        assert!(processor_seconds().is_some_and(f64::is_finite));
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100_000.0));
    }
}
