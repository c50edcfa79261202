//! The table for a screen.

use std::fmt::Write as _;

use owo_colors::OwoColorize;

use crate::checkers::Outcome;
use crate::migrations::certify::{Certification, Row};
use crate::report::text::{on_one_line, seconds};

/// How many problems of a row are told. The files have all.
const MOST_PROBLEMS: usize = 3;
/// How long a told problem may be, in letters.
const LONGEST_PROBLEM: usize = 300;

/// The table with colours. Printed through `anstream`, it loses them where there is no terminal;
/// what other people wrote in it holds no escape sequence.
pub fn render(certification: &Certification) -> String {
    let mut text = format!("\n{}\n\n", headline(certification));
    let width = certification.rows.iter().map(|row| row.case.chars().count()).max().unwrap_or(0);
    let head = format!("{:width$}  verdict  ready too early  what was done", "case");
    let _ = writeln!(text, "{}", head.bold());
    for row in &certification.rows {
        line(&mut text, row, width);
    }
    left_out(&mut text, certification);
    text
}

/// One row on one line, as it is told while a certification goes on.
pub fn progress(row: &Row) -> String {
    let mark = match row.outcome {
        Outcome::Valid => "✓".green().to_string(),
        Outcome::Unknown => "?".yellow().to_string(),
        Outcome::Invalid => "✗".red().to_string(),
    };
    format!("{mark} {} ({})", on_one_line(&row.case), seconds(row.duration_ms))
}

fn headline(certification: &Certification) -> String {
    let counted = |outcome| certification.rows.iter().filter(|row| row.outcome == outcome).count();
    let (all, invalid, unknown) =
        (certification.rows.len(), counted(Outcome::Invalid), counted(Outcome::Unknown));
    let server = on_one_line(&certification.server);
    let about = format!(
        "{} with {} migrations on PostgreSQL {}, {}",
        cases(all),
        certification.migrations,
        on_one_line(&certification.postgresql),
        seconds(certification.duration_ms)
    );
    let verdict = match certification.outcome {
        Outcome::Valid => format!("{server} holds in every case").green().bold().to_string(),
        Outcome::Invalid => {
            format!("{server} fails in {}", cases(invalid)).red().bold().to_string()
        }
        Outcome::Unknown => {
            format!("Nobody can tell of {server} in {}", cases(unknown)).yellow().bold().to_string()
        }
    };
    format!("{verdict}: {about}")
}

fn cases(count: usize) -> String {
    if count == 1 { "1 case".to_owned() } else { format!("{count} cases") }
}

fn line(text: &mut String, row: &Row, width: usize) {
    let word = format!("{:7}", row.outcome.word());
    let word = match row.outcome {
        Outcome::Valid => word.green().to_string(),
        Outcome::Unknown => word.yellow().to_string(),
        Outcome::Invalid => word.red().to_string(),
    };
    let early = match row.ready_while_incomplete_ms {
        0 => "–".to_owned(),
        milliseconds => format!("{milliseconds} ms"),
    };
    let (case, what) = (on_one_line(&row.case), on_one_line(&row.what));
    let _ = writeln!(text, "{case:width$}  {word}  {early:>15}  {what}");
    for problem in row.problems.iter().take(MOST_PROBLEMS) {
        let problem = on_one_line(problem);
        let cut: String = problem.chars().take(LONGEST_PROBLEM).collect();
        let rest = if cut.len() < problem.len() { " …" } else { "" };
        let _ = writeln!(text, "{:width$}    {cut}{rest}", "");
    }
    let more = row.problems.len().saturating_sub(MOST_PROBLEMS);
    if more > 0 {
        let _ = writeln!(text, "{:width$}    … {more} more in the report", "");
    }
}

fn left_out(text: &mut String, certification: &Certification) {
    if certification.left_out.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", "not tried".yellow().bold());
    for left in &certification.left_out {
        let _ = writeln!(text, "  {}", on_one_line(&format!("{}: {}", left.what, left.why)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::certification::sample;
    use crate::report::sample::snapshot;

    fn plain(certification: &Certification) -> String {
        anstream::adapter::strip_str(&render(certification)).to_string()
    }

    #[test]
    fn a_server_that_fails() {
        snapshot("certification_terminal", &plain(&sample::red()));
    }

    #[test]
    fn hostile_text_cannot_steer_the_terminal() {
        let mut certification = sample::red();
        certification.server = "\u{1b}[2Jserver".to_owned();
        certification.rows[0].problems = vec!["\u{1b}]0;title\u{7}\r\n".to_owned()];
        let text = plain(&certification);
        assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
    }
}
