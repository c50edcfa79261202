//! `report.html`: one file that loads nothing, for people.

mod chart;
mod fault_lanes;
pub(crate) mod page;
pub(crate) mod picture;
mod sections;
mod state_lanes;
mod timeline;
mod topology;

use maud::{Markup, html};

use super::RunReport;
use super::text::{headline, neutralise, seconds};
use crate::checkers::Outcome;

/// The report as one page.
pub fn render(report: &RunReport) -> String {
    let title = format!("{}: {}", report.run.name, report.outcome.word());
    let main = html! {
        (sections::failures(report))
        section {
            h2 { "Timeline" }
            (timeline::render(report))
            (sections::faults(report))
        }
        (sections::verdicts(report))
        (sections::totals(report))
        section {
            h2 { "What ran" }
            (topology::render(report))
            (sections::parts(report))
            (sections::links(report))
        }
        (page::left_out(&report.left_out))
        (page::machines(std::slice::from_ref(&report.machine)))
        (sections::artifacts(report))
    };
    page::page(&title, report.outcome, &verdict_first(report), &main)
}

fn verdict_first(report: &RunReport) -> Markup {
    let run = &report.run;
    html! {
        h1 { (headline(report.outcome)) }
        p.why { (neutralise(&report.why)) }
        dl.identity {
            div { dt { "plan" } dd { (neutralise(&run.plan)) } }
            div { dt { "seed" } dd { (run.seed) } }
            div { dt { "system" } dd { (neutralise(&run.system)) } }
            div { dt { "backend" } dd { (neutralise(&run.backend)) } }
            div { dt { "took" } dd { (seconds(run.duration_ms)) } }
            div { dt { "started" } dd { (run.started_at.format("%Y-%m-%d %H:%M:%S UTC")) } }
            @if !run.defects.is_empty() {
                div { dt { "defects asked for" } dd { (neutralise(&run.defects.join(", "))) } }
            }
        }
        @if report.outcome == Outcome::Valid { (sections::again(report)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// Everything that could make a browser fetch something.
    const LOADS: [&str; 8] =
        ["src=", "href=\"http", "href=\"//", "url(", "@import", "<script", "<link", "<iframe"];

    #[test]
    fn the_page_loads_nothing() {
        for page in [render(&sample::green()), render(&sample::red())] {
            for load in LOADS {
                assert!(!page.contains(load), "the page holds {load}");
            }
            assert!(!page.contains("http://") && !page.contains("https://"));
        }
    }

    #[test]
    fn hostile_text_stays_text() {
        let page = render(&sample::hostile());
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        for load in LOADS {
            assert!(!page.contains(load), "the page holds {load}");
        }
        assert!(!page.contains("href=\"javascript:"));
        assert!(page.chars().all(|letter| letter == '\n' || !letter.is_control()));
    }

    #[test]
    fn the_verdict_and_why_come_before_everything_else() {
        let report = sample::red();
        let page = render(&report);
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
        assert!(place("<h1>Invalid") < place("<h2>What failed"));
        assert!(place("<h2>What failed") < place("<h2>Timeline"));
        assert!(page.contains("agent-3-00190"), "a lost event is named");
        assert!(page.contains("--defect AL-FLUSH"), "the command that repeats it is there");
    }

    #[test]
    fn the_timeline_is_named_for_those_who_cannot_see_it() {
        let page = render(&sample::green());
        assert!(page.contains("aria-labelledby=\"timeline-title timeline-description\""));
        for fault in sample::green().faults {
            assert!(page.contains(&fault.target), "{} is not on the page", fault.target);
        }
    }

    #[test]
    fn an_empty_report_is_a_page_too() {
        let mut report = sample::green();
        report.faults.clear();
        report.stages.clear();
        report.series = crate::report::Series::default();
        report.run.duration_ms = 0;
        assert!(render(&report).contains("<h2>Timeline"));
    }
}
