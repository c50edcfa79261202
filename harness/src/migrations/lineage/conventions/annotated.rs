//! Files whose comments say which lines go up and which go down, and that end a statement with the
//! line that ends in a semicolon, or between two marks.

use crate::migrations::lineage::LineageError;
use crate::migrations::sql::Statement;

/// The statements of one direction, and the lines that they stand in.
#[derive(Debug, Default)]
pub(super) struct Section {
    text: String,
    statements: Vec<Statement>,
    /// Where in the text the statement that is being read begins, and its line.
    open: Option<(usize, usize)>,
    /// Whether a mark says that semicolons end nothing.
    in_block: bool,
}

impl Section {
    /// Takes the next line, whose number in the file is given.
    pub(super) fn line(&mut self, line: &str, number: usize) {
        let nothing_yet = self.open.is_none();
        let blank = line.trim().is_empty() || line.trim_start().starts_with("--");
        if nothing_yet && !blank {
            self.open = Some((self.text.len(), number));
        }
        self.text.push_str(line);
        self.text.push('\n');
        if !self.in_block && self.open.is_some() && ends_with_semicolon(line) {
            self.finish();
        }
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
