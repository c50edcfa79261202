//! The report for a pull request or a job's summary. The first line says why.

use std::fmt::Write as _;

use super::terminal::headline;
use super::{Check, ReleaseReport, Table};
use crate::checkers::Outcome;
use crate::report::markdown::{code, escape};
use crate::report::text::seconds;

/// How many findings of a check are shown; a comment has a limit of its own.
const MOST_FINDINGS: usize = 20;

/// The report as GitHub's Markdown.
pub fn render(report: &ReleaseReport) -> String {
    let mut text = format!("**{}:** {}\n\n", headline(report.outcome), escape(&report.why));
    if let Some(commit) = &report.source.commit {
        let _ =
            writeln!(text, "Commit {}, {}.\n", escape(commit), seconds(report.source.duration_ms));
    }
    text.push_str("| check | verdict | time | why |\n|---|---|--:|---|\n");
    for check in &report.checks {
        let word = match check.outcome {
            Outcome::Valid => "valid".to_owned(),
            bad => format!("**{}**", bad.word()),
        };
        let (name, why, time) =
            (escape(&check.name), escape(&check.why), seconds(check.duration_ms));
        let _ = writeln!(text, "| {name} | {word} | {time} | {why} |");
    }
    text.push('\n');
    for check in &report.checks {
        details(&mut text, check);
    }
    waived(&mut text, report);
    if report.left_out.is_empty() {
        text.push_str("Nothing was left out.\n");
    } else {
        text.push_str("## Left out\n\n");
    }
    for left in &report.left_out {
        let _ = writeln!(text, "- {}: {}", escape(&left.what), escape(&left.why));
    }
    text
}

fn details(text: &mut String, check: &Check) {
    if check.outcome == Outcome::Valid {
        return;
    }
    let _ = writeln!(text, "## {}\n", escape(&check.name));
    let reasons = check.reasons();
    for (_, finding) in reasons.iter().take(MOST_FINDINGS) {
        let _ = writeln!(text, "### {} at {}\n", escape(&finding.id), escape(&finding.place));
        code(text, &finding.evidence);
        let _ = writeln!(text, "Advice: {}\n", escape(&finding.advice));
    }
    let more = reasons.len().saturating_sub(MOST_FINDINGS);
    if more > 0 {
        let _ = writeln!(text, "… and {more} more findings, in the page.\n");
    }
    for table in &check.tables {
        bad_rows(text, table);
    }
    if let Some(again) = &check.again {
        text.push_str("Again:\n\n");
        code(text, again);
    }
}

/// The rows of a table that did not hold.
fn bad_rows(text: &mut String, table: &Table) {
    let mut bad = table.rows.iter().filter(|row| row.outcome != Outcome::Valid).peekable();
    if bad.peek().is_none() {
        return;
    }
    let line =
        |cells: &[String]| cells.iter().map(|cell| escape(cell)).collect::<Vec<_>>().join(" | ");
    let _ = writeln!(text, "{}:\n\n| {} |", escape(&table.title), line(&table.headings));
    let _ = writeln!(text, "|{}", "---|".repeat(table.headings.len()));
    for row in bad {
        let _ = writeln!(text, "| {} |", line(&row.cells));
    }
    text.push('\n');
}

fn waived(text: &mut String, report: &ReleaseReport) {
    if report.waived.is_empty() {
        return;
    }
    text.push_str("## Waived\n\n| finding | at | until | reason |\n|---|---|---|---|\n");
    for waived in &report.waived {
        let (id, place) = (escape(&waived.finding.id), escape(&waived.finding.place));
        let _ =
            writeln!(text, "| {id} | {place} | {} | {} |", waived.until, escape(&waived.reason));
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::release::sample;
    use crate::report::sample::snapshot;

    #[test]
    fn a_release_that_is_not_safe() {
        snapshot("release_markdown_red", &render(&sample::red()));
    }

    #[test]
    fn the_first_line_says_why() {
        let first =
            |report: &ReleaseReport| render(report).lines().next().unwrap_or_default().to_owned();
        assert!(first(&sample::red()).starts_with("**Not safe to release:** run quick"));
        assert_eq!(first(&sample::green()), "**Safe to release:** all 2 checks held");
    }

    #[test]
    fn hostile_text_stays_text() {
        let text = render(&sample::hostile());
        assert!(!text.lines().any(|line| line.starts_with("| <")), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
