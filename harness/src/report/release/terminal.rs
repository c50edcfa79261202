//! The summary for a screen: a line a check, then what failed.

use std::fmt::Write as _;

use owo_colors::OwoColorize;

use super::{Check, ReleaseReport};
use crate::checkers::Outcome;
use crate::report::terminal::paint;
use crate::report::text::{neutralise, on_one_line, seconds};

/// How many findings of a check are shown. The page has all.
const MOST_FINDINGS: usize = 3;
/// How many lines of a finding's evidence are shown.
const EVIDENCE_LINES: usize = 4;

/// The summary with colours. Printed through `anstream`, it loses them where there is no terminal
/// or `NO_COLOR` is set.
pub fn render(report: &ReleaseReport) -> String {
    let headline = format!("{}: {}", headline(report.outcome), on_one_line(&report.why));
    let mut text = format!("\n{}\n\n", paint(report.outcome, &headline));
    let names = report.checks.iter().map(|check| check.name.chars().count());
    let width = names.max().unwrap_or(0).max("check".len());
    let _ = writeln!(text, "{}", format!("{:width$}  verdict     time  why", "check").bold());
    for check in &report.checks {
        let name = on_one_line(&check.name);
        let outcome = paint(check.outcome, &format!("{:7}", check.outcome.word()));
        let (time, why) = (seconds(check.duration_ms), on_one_line(&check.why));
        let _ = writeln!(text, "{name:width$}  {outcome}  {time:>7}  {why}");
    }
    for check in report.checks.iter().filter(|check| check.outcome != Outcome::Valid) {
        failed(&mut text, check);
    }
    if !report.waived.is_empty() {
        let _ = writeln!(text, "\n{}", "waived".yellow().bold());
    }
    for waived in &report.waived {
        let (finding, until) = (&waived.finding, waived.until);
        let line = format!("{} at {}, until {until}: {}", finding.id, finding.place, waived.reason);
        let _ = writeln!(text, "  {}", on_one_line(&line));
    }
    if !report.left_out.is_empty() {
        let _ = writeln!(text, "\n{}", "left out".yellow().bold());
    }
    for left in &report.left_out {
        let _ = writeln!(text, "  {}", on_one_line(&format!("{}: {}", left.what, left.why)));
    }
    text
}

/// What the outcome means to somebody who wants to release.
pub(super) fn headline(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Valid => "Safe to release",
        Outcome::Unknown => "Nobody can tell whether it is safe to release",
        Outcome::Invalid => "Not safe to release",
    }
}

/// The gravest of what a check did not hold for.
fn failed(text: &mut String, check: &Check) {
    let reasons = check.reasons();
    for (_, finding) in reasons.iter().take(MOST_FINDINGS) {
        let heading = format!("{}: {} at {}", check.name, finding.id, finding.place);
        let _ = writeln!(text, "\n{}", on_one_line(&heading).red().bold());
        for line in neutralise(&finding.evidence).lines().take(EVIDENCE_LINES) {
            let _ = writeln!(text, "  {line}");
        }
        let _ = writeln!(text, "  {} {}", "do:".bold(), on_one_line(&finding.advice));
    }
    let more = reasons.len().saturating_sub(MOST_FINDINGS);
    if more > 0 {
        let _ =
            writeln!(text, "\n… {more} more findings of {} on the page", on_one_line(&check.name));
    }
    if let Some(again) = &check.again {
        let _ = writeln!(text, "\n{}  {}", "again".bold(), on_one_line(again));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::release::sample;
    use crate::report::sample::snapshot;

    fn plain(report: &ReleaseReport) -> String {
        anstream::adapter::strip_str(&render(report)).to_string()
    }

    #[test]
    fn a_release_that_is_not_safe() {
        snapshot("release_terminal_red", &plain(&sample::red()));
    }

    #[test]
    fn hostile_text_cannot_steer_the_terminal() {
        let text = plain(&sample::hostile());
        assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
    }
}
