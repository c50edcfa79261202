//! A ledger that was examined: the table for a screen, and JSON.

use std::fmt::Write as _;

use anstream::adapter::strip_str;
use owo_colors::OwoColorize;
use serde::Serialize;

use crate::report::text::on_one_line;
use crate::sensitivity::{ExaminedRow, Outcome};

/// How much of a finding is shown on a screen, in letters. The JSON has all of it.
const LONGEST_EVIDENCE: usize = 240;

/// The outcomes, the worst first, as the summary counts them.
const OUTCOMES: [Outcome; 5] =
    [Outcome::Broken, Outcome::NotSilent, Outcome::Missed, Outcome::Caught, Outcome::Pending];

/// The table with colours. Printed through `anstream`, it loses them where there is no terminal;
/// what detectors wrote in it holds no escape sequence.
pub fn table(rows: &[ExaminedRow]) -> String {
    let width = rows.iter().map(|row| row.id.chars().count()).max().unwrap_or(0).max(3);
    let head =
        format!("{:width$}  {:10}  {:>8}  defect, detector, caught by", "row", "outcome", "time");
    let mut text = format!("\n{}\n", head.bold());
    for row in rows {
        let time = if row.pending { String::new() } else { format!("{:.1} s", row.seconds) };
        let outcome = painted(row.outcome, &format!("{:10}", row.outcome.word()));
        let (id, defect) = (on_one_line(&row.id), on_one_line(&row.defect));
        let _ = writeln!(text, "{id:width$}  {outcome}  {time:>8}  {defect}");
        for more in row.detector.iter().map(String::as_str).chain([row.evidence.as_str()]) {
            if !more.is_empty() {
                let _ = writeln!(text, "{:indent$}{}", "", shortened(more), indent = width + 26);
            }
        }
    }
    let _ = writeln!(text, "\n{}", summary(rows));
    text
}

/// One row on one line, as it is told while the ledger is examined.
pub fn progress(row: &ExaminedRow) -> String {
    let mark = match row.outcome {
        Outcome::Caught => "✓",
        Outcome::Missed | Outcome::NotSilent => "✗",
        Outcome::Broken | Outcome::Pending => "?",
    };
    let (mark, word) = (painted(row.outcome, mark), row.outcome.word());
    let (id, evidence) = (on_one_line(&row.id), shortened(&row.evidence));
    format!("{mark} {id} {word} ({:.1} s): {evidence}", row.seconds)
}

/// The rows as JSON, for people's eyes too.
pub fn json(rows: &[ExaminedRow]) -> String {
    #[derive(Serialize)]
    struct Examined<'a> {
        rows: &'a [ExaminedRow],
    }
    let text = serde_json::to_string_pretty(&Examined { rows });
    text.expect("examined rows are plain data") + "\n"
}

fn summary(rows: &[ExaminedRow]) -> String {
    let counted = OUTCOMES.map(|outcome| {
        let count = rows.iter().filter(|row| row.outcome == outcome).count();
        (count > 0).then(|| painted(outcome, &format!("{count} {}", outcome.word())))
    });
    let counted: Vec<String> = counted.into_iter().flatten().collect();
    format!("{} rows: {}", rows.len(), counted.join(", "))
}

fn painted(outcome: Outcome, text: &str) -> String {
    match outcome {
        Outcome::Caught => text.green().to_string(),
        Outcome::Missed | Outcome::NotSilent => text.red().to_string(),
        Outcome::Broken | Outcome::Pending => text.yellow().to_string(),
    }
}

fn shortened(text: &str) -> String {
    // Detectors may colour what they print.
    let text = on_one_line(&strip_str(text).to_string());
    let cut: String = text.chars().take(LONGEST_EVIDENCE).collect();
    if cut.len() < text.len() { format!("{cut} …") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::release::read::{Content, read};
    use crate::report::sample::snapshot;

    fn row(id: &str, outcome: Outcome, evidence: &str) -> ExaminedRow {
        let pending = outcome == Outcome::Pending;
        ExaminedRow {
            id: id.to_owned(),
            defect: "events are lost when the agent is killed".to_owned(),
            layer: "X".to_owned(),
            detector: (!pending).then(|| "scenario events_survive".to_owned()),
            outcome,
            pending,
            caught: (!pending).then_some(outcome == Outcome::Caught),
            silent_without: (!pending).then_some(true),
            evidence: evidence.to_owned(),
            seconds: if pending { 0.0 } else { 12.34 },
        }
    }

    fn rows() -> [ExaminedRow; 3] {
        [
            row("LOSS", Outcome::Caught, "delivery.lost: 3 events of workload-1"),
            row("ORDER-2", Outcome::Missed, "it is planted, and nothing was found"),
            row("DISK", Outcome::Pending, ""),
        ]
    }

    #[test]
    fn the_report_of_a_release_reads_it() {
        let rows = [row("A", Outcome::Caught, "lost"), row("B", Outcome::Pending, "")];
        let Content::Check(check) = read(&json(&rows)).unwrap() else { panic!("no check") };
        assert_eq!(check.why, "1 of 1 planted defects caught");
        assert_eq!(check.tables[0].rows.len(), 2);
    }

    #[test]
    fn the_table_of_a_ledger() {
        snapshot("sensitivity_terminal", &strip_str(&table(&rows())).to_string());
    }

    #[test]
    fn the_json_has_every_row() {
        let read: serde_json::Value = serde_json::from_str(&json(&rows())).unwrap();
        assert_eq!(read["rows"].as_array().map(Vec::len), Some(3));
        assert_eq!(read["rows"][0]["caught"], true);
        assert_eq!(read["rows"][1]["outcome"], "missed");
        assert_eq!(read["rows"][2]["pending"], true);
        assert!(read["rows"][2]["caught"].is_null());
    }

    #[test]
    fn hostile_words_cannot_steer_the_terminal() {
        let hostile = row("A\u{1b}[2J", Outcome::Caught, "\u{1b}]0;title\u{7}\r\u{202e}");
        for text in [table(std::slice::from_ref(&hostile)), progress(&hostile)] {
            let plain = strip_str(&text).to_string();
            assert!(
                plain.chars().all(|letter| letter == '\n' || !letter.is_control()),
                "{plain:?}"
            );
        }
    }
}
