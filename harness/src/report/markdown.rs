//! `report.md`: for a pull request or a job's summary. The first line says why.

use std::fmt::Write as _;

use super::text::{count, headline, mebibytes, neutralise, on_one_line, seconds};
use super::{FaultEnd, FaultTimes, RunReport};
use crate::checkers::{Outcome, Verdict};

/// The report as GitHub's Markdown.
pub fn render(report: &RunReport) -> String {
    let mut text = format!("**{}.** {}\n\n", headline(report.outcome), escape(&report.why));
    again(&mut text, report);
    verdicts(&mut text, report);
    for verdict in &report.verdicts {
        findings(&mut text, verdict);
    }
    faults(&mut text, report);
    totals(&mut text, report);
    resources(&mut text, report);
    left_out(&mut text, report);
    text
}

fn again(text: &mut String, report: &RunReport) {
    let run = &report.run;
    let about = format!(
        "{}: plan {}, seed {}, backend {}, system {}, {}",
        run.name,
        run.plan,
        run.seed,
        run.backend,
        run.system,
        seconds(run.duration_ms)
    );
    let _ = writeln!(text, "{}\n", escape(&about));
    if !run.defects.is_empty() {
        let _ = writeln!(text, "Defects asked for: {}\n", escape(&run.defects.join(", ")));
    }
    text.push_str("Again:\n\n");
    code(text, &run.rerun);
}

fn verdicts(text: &mut String, report: &RunReport) {
    text.push_str("## Verdicts\n\n| checker | verdict | why |\n|---|---|---|\n");
    for verdict in &report.verdicts {
        let word = match verdict.outcome {
            Outcome::Valid => "valid",
            Outcome::Unknown => "**unknown**",
            Outcome::Invalid => "**invalid**",
        };
        let (name, why) = (escape(&verdict.checker), escape(&verdict.summary));
        let _ = writeln!(text, "| {name} | {word} | {why} |");
    }
    text.push('\n');
}

fn findings(text: &mut String, verdict: &Verdict) {
    for finding in &verdict.findings {
        let (id, place) = (escape(&finding.id), escape(&finding.place));
        let _ = writeln!(text, "### {id} at {place}\n");
        code(text, &finding.evidence);
        let _ = writeln!(text, "Advice: {}\n", escape(&finding.advice));
    }
}

fn faults(text: &mut String, report: &RunReport) {
    if report.faults.is_empty() {
        return;
    }
    text.push_str("## Faults\n\n| fault | target | what | from | to |\n|---|---|---|--:|--:|\n");
    for fault in &report.faults {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            escape(&fault.kind),
            escape(&fault.target),
            escape(&fault.detail),
            seconds(fault.start_ms),
            end(fault)
        );
    }
    text.push('\n');
}

fn end(fault: &FaultTimes) -> String {
    match (fault.end, fault.end_ms) {
        (FaultEnd::NotInjected, _) => "not injected".into(),
        (FaultEnd::Unknown, _) | (_, None) => "not known".into(),
        (FaultEnd::Healed, Some(end)) => seconds(end),
    }
}

fn totals(text: &mut String, report: &RunReport) {
    let totals = &report.totals;
    text.push_str(
        "## Events\n\n| taken | refused | indeterminate | stored | lost | stored twice |\n",
    );
    text.push_str("|--:|--:|--:|--:|--:|--:|\n");
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} |\n",
        totals.taken,
        totals.refused,
        totals.indeterminate,
        count(totals.stored),
        count(totals.lost),
        count(totals.duplicated)
    );
}

fn resources(text: &mut String, report: &RunReport) {
    if report.resources.is_empty() {
        return;
    }
    text.push_str(
        "## What the parts took at most\n\n| part | memory | open files |\n|---|--:|--:|\n",
    );
    for (part, most) in &report.resources {
        let (part, memory) = (escape(part), mebibytes(most.resident_bytes));
        let _ = writeln!(text, "| {part} | {memory} | {} |", most.open_files);
    }
    text.push('\n');
}

fn left_out(text: &mut String, report: &RunReport) {
    if report.left_out.is_empty() {
        text.push_str("Nothing was left out.\n");
        return;
    }
    text.push_str("## Left out\n\n");
    for left in &report.left_out {
        let _ = writeln!(text, "- {}: {}", escape(&left.what), escape(&left.why));
    }
}

/// Text on one line that means nothing in Markdown or HTML.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in on_one_line(text).chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '>' => {
                safe.extend(['\\', letter]);
            }
            letter => safe.push(letter),
        }
    }
    safe
}

/// A block of code whose fence is longer than any in the text.
pub(super) fn code(text: &mut String, content: &str) {
    let content = neutralise(content);
    let mut longest = 0;
    let mut run = 0;
    for letter in content.chars() {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(3.max(longest + 1));
    let _ = writeln!(text, "{fence}text\n{content}\n{fence}\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_green_run() {
        sample::snapshot("markdown_green", &render(&sample::green()));
    }

    #[test]
    fn a_red_run() {
        sample::snapshot("markdown_red", &render(&sample::red()));
    }

    #[test]
    fn hostile_text_stays_text() {
        let text = render(&sample::hostile());
        assert!(!text.contains("<script>") || text.contains("````text"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("| <")), "{text}");
        assert_eq!(escape("a|b <b> [x](y)\n# z"), r"a\|b &lt;b\> \[x\](y) \# z");
    }

    #[test]
    fn a_fence_cannot_be_closed_from_inside() {
        let mut text = String::new();
        code(&mut text, "````\nescaped");
        assert_eq!(text, "`````text\n````\nescaped\n`````\n\n");
    }
}
