//! The summary at the end of a replay, for a screen.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use owo_colors::OwoColorize;

use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::replay::ReplayOutcome;
use crate::migrations::replay::traffic::Stall;
use crate::report::text::{counted, neutralise, on_one_line, seconds};

/// How many lines of evidence are shown of a finding. The other forms hold all.
const EVIDENCE_LINES: usize = 6;
/// How many warnings are shown of each kind.
const WARNINGS: usize = 5;
/// How many findings for information are shown of each kind.
const INFORMATION: usize = 3;
/// Kinds of findings for information, those first that tell of rows and of releases.
const KINDS: [&str; 7] =
    ["upgrade.", "round-trip.data", "seeding.", "cut.", "round-trip.", "cost.", "drill."];
/// Said of nearly every migration, and as it should be where the tool records what ran.
const USUAL: &str = "twice.refused";

/// The summary with colours. Printed through `anstream`, it loses them where there is no terminal
/// or `NO_COLOR` is set; what files and servers wrote in it holds no escape sequence.
pub fn render(outcome: &ReplayOutcome) -> String {
    let mut text = String::new();
    for (name, value) in summary(outcome) {
        let _ = writeln!(text, "{}  {value}", format!("{name:10}").bold());
    }
    for finding in of(outcome, Severity::Error) {
        show(&mut text, finding);
    }
    warnings(&mut text, outcome);
    information(&mut text, outcome);
    waits(&mut text, outcome);
    accepted(&mut text, outcome);
    let count = |severity| of(outcome, severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let conclusion = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
    let conclusion = match (errors, warnings) {
        (0, 0) => conclusion.green().bold().to_string(),
        (0, _) => conclusion.yellow().bold().to_string(),
        _ => conclusion.red().bold().to_string(),
    };
    let _ = write!(text, "\n{conclusion}");
    if errors > 0 && outcome.judged.is_none() {
        let _ = write!(
            text,
            "\nwhat is released cannot be mended: `--since VERSION|GIT-REF` judges what is new, and \
             lineage.toml accepts the rest"
        );
    }
    text
}

fn summary(outcome: &ReplayOutcome) -> Vec<(&'static str, String)> {
    let (fresh, trips, twice) = (&outcome.fresh, &outcome.round_trip, &outcome.twice);
    let (upgrade, seeding) = (&outcome.upgrade, &outcome.seeding);
    let total = outcome.timings.get("total_ms").copied().unwrap_or(0);
    let judged = outcome.judged.as_ref().map(|part| {
        let all = outcome.lineage.migrations.len();
        let since = on_one_line(&part.since);
        ("judged", format!("{} of {all} migrations, new since {since}", part.migrations))
    });
    let mut lines = vec![
        (
            "fresh",
            format!(
                "{} applied, {} failed, {} gaps",
                fresh.applied,
                fresh.failed.len(),
                fresh.gaps.len()
            ),
        ),
        (
            "upgrade",
            format!(
                "{} paths with data, {} broken, {} assumptions; {} also alone",
                upgrade.paths,
                upgrade.broken.len(),
                upgrade.assumptions.len(),
                upgrade.alone.len()
            ),
        ),
        (
            "round trip",
            format!(
                "{} tried, {} not restored, {} fail in the walk from the head",
                trips.tried,
                trips.not_restored.len(),
                trips.walk_failed.len()
            ),
        ),
        (
            "twice",
            format!(
                "{} refused, {} change nothing, {} change something",
                twice.refused.len(),
                twice.no_op.len(),
                twice.changed.len()
            ),
        ),
        (
            "seeding",
            format!(
                "{} of {} tables at a version hold rows; {} full, {} take none",
                seeding.seeded, seeding.tables, seeding.saturated, seeding.unseedable
            ),
        ),
        (
            "trials",
            format!(
                "{} in a transaction, {} in a copy, {} untried; {}",
                outcome.trials.transaction,
                outcome.trials.clone,
                outcome.trials.untried,
                seconds(total)
            ),
        ),
    ];
    lines.extend(judged);
    lines
}

fn of(outcome: &ReplayOutcome, severity: Severity) -> impl Iterator<Item = &MigrationFinding> {
    outcome.findings.iter().filter(move |finding| finding.severity == severity)
}

fn show(text: &mut String, finding: &MigrationFinding) {
    let heading = on_one_line(&format!("{} at {}", finding.id, place(finding)));
    let heading = match finding.severity {
        Severity::Error => heading.red().bold().to_string(),
        _ => heading.yellow().bold().to_string(),
    };
    let _ = writeln!(text, "\n{heading}");
    if let Some(statement) = &finding.statement {
        lines(text, statement, "  | ");
    }
    lines(text, &finding.evidence, "  ");
    let _ = writeln!(text, "  {} {}", "do:".bold(), on_one_line(&finding.advice));
}

fn lines(text: &mut String, content: &str, before: &str) {
    let content = neutralise(content);
    for line in content.lines().take(EVIDENCE_LINES) {
        let _ = writeln!(text, "{before}{line}");
    }
    let more = content.lines().count().saturating_sub(EVIDENCE_LINES);
    if more > 0 {
        let _ = writeln!(text, "{before}… {more} more lines");
    }
}

/// One cause may give a warning for every migration.
fn warnings(text: &mut String, outcome: &ReplayOutcome) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in of(outcome, Severity::Warning) {
        let seen = seen.entry(&finding.id).or_default();
        *seen += 1;
        if *seen <= WARNINGS {
            show(text, finding);
        }
    }
    for (id, seen) in seen.iter().filter(|(_, seen)| **seen > WARNINGS) {
        let more = seen - WARNINGS;
        let line = format!("… {more} more of {id}; --json, --markdown and --sarif hold all");
        let _ = writeln!(text, "\n{}", on_one_line(&line).yellow());
    }
}

fn information(text: &mut String, outcome: &ReplayOutcome) {
    let findings: Vec<_> = of(outcome, Severity::Info).collect();
    if findings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", "for information".bold());
    let rank = |id: &str| match KINDS.iter().position(|kind| id.starts_with(kind)) {
        Some(rank) => rank,
        None if id == USUAL => KINDS.len() + 1,
        None => KINDS.len(),
    };
    let mut kinds: BTreeMap<(usize, &str), Vec<&MigrationFinding>> = BTreeMap::new();
    for finding in findings {
        kinds.entry((rank(&finding.id), &finding.id)).or_default().push(finding);
    }
    let mut hidden = false;
    for ((_, id), findings) in kinds {
        let shown = if id == USUAL { 0 } else { INFORMATION.min(findings.len()) };
        for finding in &findings[..shown] {
            let first = finding.evidence.lines().next().unwrap_or_default();
            let line = format!("{id} at {}: {first}", place(finding));
            let _ = writeln!(text, "  {}", on_one_line(&line));
        }
        let more = findings.len() - shown;
        hidden |= more > 0;
        match (more, shown) {
            (0, _) => {}
            (more, 0) => {
                let _ = writeln!(text, "  {id}: {more}, which is usual where runs are recorded");
            }
            (more, _) => {
                let _ = writeln!(text, "  … {more} more of {id}");
            }
        }
    }
    if hidden {
        let _ = writeln!(text, "  --json, --markdown and --sarif hold all");
    }
}

/// How long readers and writers waited, where that was asked for.
fn waits(text: &mut String, outcome: &ReplayOutcome) {
    if outcome.stalls.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", "longest waits".bold());
    for stalls in &outcome.stalls {
        for Stall { table, rows, reader_ms, writer_ms } in &stalls.tables {
            let version = &stalls.version;
            let line = format!(
                "{version}: {table} of {rows} rows, a reader {reader_ms} ms, a writer {writer_ms} ms"
            );
            let _ = writeln!(text, "  {}", on_one_line(&line));
        }
    }
}

fn accepted(text: &mut String, outcome: &ReplayOutcome) {
    if outcome.accepted.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", "accepted by lineage.toml".bold());
    for one in &outcome.accepted {
        let (id, place) = (&one.finding.id, place(&one.finding));
        let line = format!("{id} at {place}, until {}: {}", one.until, one.reason);
        let _ = writeln!(text, "  {}", on_one_line(&line));
    }
}

fn place(finding: &MigrationFinding) -> String {
    match (&finding.file, finding.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, _) => finding.version.clone().unwrap_or_else(|| "the lineage".into()),
    }
}
