//! Files whose comments say which lines go up and which go down, and that end a statement with the
//! line that ends in a semicolon, or between two marks.
//!
//! Their tools cut a body in quotes at its semicolons, too, unless marks stand around it, and then
//! nothing applies. Where such a file has others after it, it must have run: by a runner of the
//! project's own, which takes the same marks and heeds quotes.

use super::{Context, Reading};
use crate::migrations::lineage::{LineageError, Script};
use crate::migrations::sql::{Statement, TokenKind, tokens};

/// At which semicolons at the end of a line a statement ends, outside of marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Cutting {
    /// At all of them, as the tools do.
    #[default]
    Everywhere,
    /// Not within quotes.
    OutsideQuotes,
}

/// The statements of one direction, and the lines that they stand in.
#[derive(Debug, Default)]
pub(super) struct Section {
    text: String,
    statements: Vec<Statement>,
    /// Where in the text the statement that is being read begins, and its line.
    open: Option<(usize, usize)>,
    /// Whether a mark says that semicolons end nothing.
    in_block: bool,
    cutting: Cutting,
    /// The line of the first statement that was cut within quotes.
    torn: Option<usize>,
}

/// What an annotated file holds.
pub(super) struct Sections {
    pub up: Script,
    pub down: Option<Script>,
    /// The line of the first statement of the way up that was cut within quotes.
    pub torn: Option<usize>,
}

/// Reads a folder as its tool cuts its files, or, where it shows that another runner must have run
/// them, as that one does. `read_with` notes in [`Reading::torn`] what was cut within quotes.
///
/// # Errors
/// As `read_with`.
pub(super) fn read_by_either(
    tool: &str,
    context: &Context<'_>,
    read_with: fn(&Context<'_>, Cutting) -> Result<Reading, LineageError>,
) -> Result<Reading, LineageError> {
    let reading = read_with(context, Cutting::Everywhere)?;
    let last = reading.migrations.last().map(|last| last.file().to_owned());
    let Some((file, line)) = reading.torn.iter().find(|(file, _)| Some(file) != last.as_ref())
    else {
        return Ok(reading);
    };
    let note = format!(
        "{tool} would cut {file}:{line} within quotes, and files come after it, so whatever runs \
         them heeds quotes, and so is it done here"
    );
    let whole = read_with(context, Cutting::OutsideQuotes)?;
    Ok(Reading { note: Some(note), ..whole })
}

impl Section {
    /// Nothing yet, to be cut in this way.
    pub(super) fn new(cutting: Cutting) -> Self {
        Self { cutting, ..Self::default() }
    }

    /// The line of the first statement that was cut within quotes.
    pub(super) fn torn(&self) -> Option<usize> {
        self.torn
    }

    /// Takes the next line, whose number in the file is given.
    pub(super) fn line(&mut self, line: &str, number: usize) {
        let nothing_yet = self.open.is_none();
        let blank = line.trim().is_empty() || line.trim_start().starts_with("--");
        if nothing_yet && !blank {
            self.open = Some((self.text.len(), number));
        }
        self.text.push_str(line);
        self.text.push('\n');
        let Some((begin, first)) = self.open else { return };
        if self.in_block || !ends_with_semicolon(line) {
            return;
        }
        if ends_within_quotes(&self.text[begin..]) {
            if self.cutting == Cutting::OutsideQuotes {
                return;
            }
            self.torn = self.torn.or(Some(first));
        }
        self.finish();
    }

    /// Begins a statement that goes up to [`Section::end_block`].
    pub(super) fn begin_block(&mut self) {
        self.in_block = true;
    }

    /// Ends it.
    pub(super) fn end_block(&mut self) {
        self.in_block = false;
        self.finish();
    }

    /// Whether a block was begun and not ended.
    pub(super) fn is_in_block(&self) -> bool {
        self.in_block
    }

    /// The line of a statement that no semicolon ended.
    pub(super) fn unfinished(&self) -> Option<usize> {
        self.open.map(|(_, line)| line)
    }

    /// What it came to. A statement that no semicolon ended is one nevertheless.
    pub(super) fn into_parts(mut self) -> (String, Vec<Statement>) {
        self.finish();
        (self.text, self.statements)
    }

    fn finish(&mut self) {
        if let Some((offset, line)) = self.open.take() {
            self.statements.extend(Statement::of_block(&self.text[offset..], offset, line));
        }
    }
}

/// Whether the last word before a comment ends in a semicolon.
fn ends_with_semicolon(line: &str) -> bool {
    line.split_whitespace()
        .take_while(|word| !word.starts_with("--"))
        .last()
        .is_some_and(|word| word.ends_with(';'))
}

/// Whether a quote, or a comment, that is open at the end of these lines goes on after them.
fn ends_within_quotes(lines: &str) -> bool {
    tokens(lines).last().is_some_and(|token| token.kind != TokenKind::Space)
}

/// A mark that stands where its tool refuses it.
pub(super) fn malformed(file: &str, line: usize, message: impl Into<String>) -> LineageError {
    LineageError::Malformed { file: file.to_owned(), line, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::sql::StatementKind;

    #[test]
    fn semicolons_at_the_end_of_a_line_end_a_statement() {
        for yes in ["a;", "a ; -- b", "a; b;"] {
            assert!(ends_with_semicolon(yes), "{yes}");
        }
        for no in ["", "a; b", "-- a;", "a --b;"] {
            assert!(!ends_with_semicolon(no), "{no}");
        }
    }

    #[test]
    fn what_is_cut_within_quotes_is_told_or_left_whole() {
        let body =
            ["CREATE FUNCTION f() RETURNS int AS $$ -- it's", "SELECT 1;", "$$;", "SELECT 2;"];
        let cut = |cutting| {
            let mut section = Section::new(cutting);
            (1..).zip(body).for_each(|(number, line)| section.line(line, number));
            let torn = section.torn();
            (torn, section.into_parts().1.iter().map(|one| one.line).collect::<Vec<_>>())
        };
        assert_eq!(cut(Cutting::Everywhere), (Some(1), vec![1, 3, 4]));
        assert_eq!(cut(Cutting::OutsideQuotes), (None, vec![1, 4]));
    }

    #[test]
    fn blocks_hold_semicolons() {
        let mut section = Section::default();
        section.line("-- first", 3);
        section.line("SELECT 1; SELECT 2;", 4);
        section.begin_block();
        section.line("DO $$ BEGIN", 6);
        section.line("END; $$;", 7);
        section.end_block();
        section.line("SELECT 3", 9);
        assert_eq!(section.unfinished(), Some(9));
        let (text, statements) = section.into_parts();
        let seen: Vec<_> = statements.iter().map(|one| (one.line, one.text.as_str())).collect();
        assert_eq!(
            seen,
            [(4, "SELECT 1; SELECT 2"), (6, "DO $$ BEGIN\nEND; $$"), (9, "SELECT 3"),]
        );
        for statement in &statements {
            assert!(text[statement.offset..].starts_with(&statement.text));
        }
    }

    #[test]
    fn a_block_that_ends_its_transaction_is_told_apart() {
        let mut section = Section::default();
        section.begin_block();
        section.line("ALTER TABLE t ADD a int;", 2);
        section.line("COMMIT;", 3);
        section.end_block();
        let (text, statements) = section.into_parts();
        let seen: Vec<_> = statements.iter().map(|one| (one.line, one.kind)).collect();
        assert_eq!(seen, [(2, StatementKind::Ordinary), (3, StatementKind::Commit)]);
        assert!(text[statements[1].offset..].starts_with("COMMIT"));
    }
}
