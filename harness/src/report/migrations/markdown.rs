//! The outcome for a pull request or a job's summary.

use std::fmt::Write as _;

use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::Accepted;
use crate::migrations::replay::{Reason, ReplayOutcome};
use crate::report::markdown::{code, escape};
use crate::report::text::counted;

/// The outcome as GitHub's Markdown.
pub fn render(outcome: &ReplayOutcome) -> String {
    let lineage = &outcome.lineage;
    let mut text = format!(
        "## Migrations: {}\n\n{} migrations, convention {} ({}); seed {}.\n\n",
        conclusion(outcome),
        lineage.migrations.len(),
        lineage.convention.name(),
        escape(&lineage.reason),
        outcome.seed
    );
    table(&mut text, outcome);
    for severity in [Severity::Error, Severity::Warning] {
        for finding in outcome.findings.iter().filter(|finding| finding.severity == severity) {
            section(&mut text, finding);
        }
    }
    information(&mut text, outcome);
    accepted(&mut text, outcome);
    list(&mut text, "Differences that mean nothing", &outcome.round_trip.cosmetic);
    text
}

fn conclusion(outcome: &ReplayOutcome) -> String {
    let count = |severity| outcome.findings.iter().filter(|one| one.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"))
}

fn table(text: &mut String, outcome: &ReplayOutcome) {
    let rows = [
        ("applied on an empty database", outcome.fresh.applied),
        ("failed there", outcome.fresh.failed.len()),
        ("upgrade paths with data", outcome.upgrade.paths),
        ("paths that were also replayed alone", outcome.upgrade.alone.len()),
        ("broken paths", outcome.upgrade.broken.len()),
        ("assumptions about data", outcome.upgrade.assumptions.len()),
        ("round trips", outcome.round_trip.tried),
        ("not restored", outcome.round_trip.not_restored.len()),
        ("downs that fail in the walk from the head", outcome.round_trip.walk_failed.len()),
        ("second runs refused", outcome.twice.refused.len()),
        ("second runs that change nothing", outcome.twice.no_op.len()),
        ("second runs that change something", outcome.twice.changed.len()),
        ("tables at a version that hold rows", outcome.seeding.seeded),
        ("tables at a version that could", outcome.seeding.tables),
    ];
    text.push_str("| what | how many |\n|---|--:|\n");
    for (name, value) in rows {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    text.push('\n');
}

fn section(text: &mut String, finding: &MigrationFinding) {
    let _ = writeln!(text, "### {} at {}\n", escape(&finding.id), place(finding));
    if let Some(statement) = &finding.statement {
        code(text, statement);
    }
    code(text, &finding.evidence);
    let _ = writeln!(text, "Advice: {}\n", escape(&finding.advice));
}

fn accepted(text: &mut String, outcome: &ReplayOutcome) {
    let line = |one: &Accepted| {
        let (id, reason) = (escape(&one.finding.id), escape(&one.reason));
        format!("- {id} at {}, until {}: {reason}\n", place(&one.finding), one.until)
    };
    let lines: Vec<String> = outcome.accepted.iter().map(line).collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "### Accepted by lineage.toml\n\n{}", lines.concat());
    }
}

fn information(text: &mut String, outcome: &ReplayOutcome) {
    let findings = outcome.findings.iter().filter(|one| one.severity == Severity::Info);
    let lines: Vec<String> = findings
        .map(|finding| {
            let evidence = finding.evidence.lines().next().unwrap_or_default();
            format!("- {} at {}: {}\n", escape(&finding.id), place(finding), escape(evidence))
        })
        .collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "### For information\n\n{}", lines.concat());
    }
}

fn list(text: &mut String, title: &str, reasons: &[Reason]) {
    if reasons.is_empty() {
        return;
    }
    let _ = writeln!(text, "### {title}\n");
    for Reason { version, why } in reasons {
        let _ = writeln!(text, "- {}: {}", escape(version), escape(why));
    }
    text.push('\n');
}

fn place(finding: &MigrationFinding) -> String {
    let file = finding.file.as_deref().or(finding.version.as_deref()).unwrap_or("the lineage");
    match finding.line {
        Some(line) => format!("{}:{line}", escape(file)),
        None => escape(file),
    }
}
