//! The summary at the end of a run, for a screen.

use std::fmt::Write as _;

use owo_colors::OwoColorize;

use super::text::{count, headline, mebibytes, neutralise, on_one_line, seconds};
use super::{FaultEnd, RunReport};
use crate::checkers::{Outcome, Verdict};

/// How many lines of a finding's evidence are shown. The page in the run's folder shows all.
const EVIDENCE_LINES: usize = 6;

/// The summary with colours. Printed through `anstream`, it loses them where there is no terminal
/// or `NO_COLOR` is set; what other people wrote in it holds no escape sequence.
pub fn render(report: &RunReport) -> String {
    let mut text = format!("\n{}\n\n", paint(report.outcome, headline(report.outcome)));
    verdicts(&mut text, report);
    facts(&mut text, report);
    for verdict in failing(report) {
        findings(&mut text, verdict);
    }
    left_out(&mut text, report);
    let _ = writeln!(text, "\n{}  {}", "again".bold(), on_one_line(&report.run.rerun));
    text
}

fn failing(report: &RunReport) -> impl Iterator<Item = &Verdict> {
    let verdicts = report.verdicts.iter();
    verdicts.filter(|verdict| verdict.outcome != Outcome::Valid)
}

fn verdicts(text: &mut String, report: &RunReport) {
    let names = report.verdicts.iter().map(|verdict| verdict.checker.chars().count());
    let width = names.max().unwrap_or(0).max("checker".len());
    let _ = writeln!(text, "{}", format!("{:width$}  verdict  why", "checker").bold());
    for verdict in &report.verdicts {
        let name = on_one_line(&verdict.checker);
        let outcome = paint(verdict.outcome, &format!("{:7}", verdict.outcome.word()));
        let why = neutralise(verdict.summary.lines().next().unwrap_or_default());
        let _ = writeln!(text, "{name:width$}  {outcome}  {why}");
    }
}

fn facts(text: &mut String, report: &RunReport) {
    let totals = &report.totals;
    let events = format!(
        "{} taken, {} refused, {} indeterminate, {} stored",
        totals.taken,
        totals.refused,
        totals.indeterminate,
        count(totals.stored)
    );
    let healed = report.faults.iter().filter(|fault| fault.end == FaultEnd::Healed);
    let faults = format!("{} injected, {} healed", report.faults.len(), healed.count());
    let run = &report.run;
    let about = format!(
        "plan {}, seed {}, backend {}, system {}, {}",
        run.plan,
        run.seed,
        run.backend,
        run.system,
        seconds(run.duration_ms)
    );
    text.push('\n');
    for (name, value) in
        [("events", events), ("faults", faults), ("memory", memory(report)), ("run", about)]
    {
        let _ = writeln!(text, "{}  {}", format!("{name:6}").bold(), on_one_line(&value));
    }
    if !run.defects.is_empty() {
        let defects = on_one_line(&run.defects.join(", "));
        let _ = writeln!(text, "{}  {defects}", "defect".bold());
    }
}

/// The most that each part had resident.
fn memory(report: &RunReport) -> String {
    let parts = report.resources.iter();
    let parts = parts.map(|(part, most)| format!("{part} {}", mebibytes(most.resident_bytes)));
    match parts.collect::<Vec<_>>() {
        parts if parts.is_empty() => "not seen".to_owned(),
        parts => format!("at most {}", parts.join(", ")),
    }
}

fn findings(text: &mut String, verdict: &Verdict) {
    for finding in &verdict.findings {
        let heading = on_one_line(&format!("{} at {}", finding.id, finding.place));
        let _ = writeln!(text, "\n{}", heading.red().bold());
        let evidence = neutralise(&finding.evidence);
        for line in evidence.lines().take(EVIDENCE_LINES) {
            let _ = writeln!(text, "  {line}");
        }
        let more = evidence.lines().count().saturating_sub(EVIDENCE_LINES);
        if more > 0 {
            let _ = writeln!(text, "  … {more} more lines in report.html");
        }
        let _ = writeln!(text, "  {} {}", "do:".bold(), on_one_line(&finding.advice));
    }
}

fn left_out(text: &mut String, report: &RunReport) {
    if report.left_out.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", "left out".yellow().bold());
    for left in &report.left_out {
        let _ = writeln!(text, "  {}", on_one_line(&format!("{}: {}", left.what, left.why)));
    }
}

/// A text in the colour of an outcome.
pub fn paint(outcome: Outcome, text: &str) -> String {
    match outcome {
        Outcome::Valid => text.green().bold().to_string(),
        Outcome::Unknown => text.yellow().bold().to_string(),
        Outcome::Invalid => text.red().bold().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn plain(report: &RunReport) -> String {
        anstream::adapter::strip_str(&render(report)).to_string()
    }

    #[test]
    fn a_green_run() {
        sample::snapshot("terminal_green", &plain(&sample::green()));
    }

    #[test]
    fn a_red_run() {
        sample::snapshot("terminal_red", &plain(&sample::red()));
    }

    #[test]
    fn hostile_text_cannot_steer_the_terminal() {
        let mut report = sample::hostile();
        report.outcome = Outcome::Invalid;
        let text = plain(&report);
        assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
    }
}
