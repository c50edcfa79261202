//! The table for a pull request or a job's summary.

use std::fmt::Write as _;

use crate::checkers::Outcome;
use crate::migrations::certify::{Certification, Row};
use crate::report::markdown::{code, escape};
use crate::report::text::seconds;

/// The certification as GitHub's Markdown. The first line says why.
pub fn render(certification: &Certification) -> String {
    let failing: Vec<&Row> =
        certification.rows.iter().filter(|row| row.outcome != Outcome::Valid).collect();
    let mut text = format!(
        "**{}: {}.** {} of {} cases hold, with {} migrations on PostgreSQL {}, in {}.\n\n",
        escape(&certification.server),
        certification.outcome.word(),
        certification.rows.len() - failing.len(),
        certification.rows.len(),
        certification.migrations,
        escape(&certification.postgresql),
        seconds(certification.duration_ms)
    );
    if !certification.defects.is_empty() {
        let _ =
            writeln!(text, "Defects asked for: {}\n", escape(&certification.defects.join(", ")));
    }
    table(&mut text, certification);
    for row in failing {
        details(&mut text, row);
    }
    if !certification.left_out.is_empty() {
        text.push_str("## Not tried\n\n");
        for left in &certification.left_out {
            let _ = writeln!(text, "- {}: {}", escape(&left.what), escape(&left.why));
        }
    }
    text
}

fn table(text: &mut String, certification: &Certification) {
    text.push_str("| case | what was done | verdict | ready while incomplete |\n");
    text.push_str("|---|---|---|--:|\n");
    for row in &certification.rows {
        let word = match row.outcome {
            Outcome::Valid => "valid".to_owned(),
            other => format!("**{}**", other.word()),
        };
        let (case, what) = (escape(&row.case), escape(&row.what));
        let early = row.ready_while_incomplete_ms;
        let _ = writeln!(text, "| {case} | {what} | {word} | {early} ms |");
    }
    text.push('\n');
}

fn details(text: &mut String, row: &Row) {
    let _ = writeln!(text, "## {}\n\nExpected: {}\n", escape(&row.case), escape(&row.expected));
    code(text, &row.problems.join("\n"));
    let logs = row.seen.iter().filter(|sighting| !sighting.log.is_empty());
    for sighting in logs.take(1) {
        text.push_str("Its log ends with:\n\n");
        code(text, &sighting.log.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::certification::sample;
    use crate::report::sample::snapshot;

    #[test]
    fn a_server_that_fails() {
        snapshot("certification_markdown", &render(&sample::red()));
    }
}
