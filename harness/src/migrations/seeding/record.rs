//! A row as PostgreSQL writes it, cut to what is needed to compare and to show it.

use sha2::{Digest, Sha256};

/// A value longer than this is kept as its beginning and a digest.
const LONGEST_KEPT: usize = 96;
const BEGINNING: usize = 40;
/// How much of a value is shown.
const LONGEST_SHOWN: usize = 40;

/// The fields of a row, in the order of its columns. Kept as one text, since there are many.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Record(Box<str>);

const BETWEEN: char = '\u{1f}';
const NULL: &str = "\u{0}";

impl Record {
    /// Of what a row is as text: `(1,"a ""b""",)`.
    pub fn parse(text: &str) -> Self {
        let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text);
        let mut record = String::with_capacity(inner.len().min(256));
        let mut letters = inner.chars().peekable();
        let (mut field, mut is_null, mut quoted, mut first) = (String::new(), true, false, true);
        let mut finish = |field: &mut String, is_null: &mut bool| {
            if !std::mem::take(&mut first) {
                record.push(BETWEEN);
            }
            if *is_null {
                record.push_str(NULL);
            } else {
                record.push_str(&shortened(field));
            }
            field.clear();
            *is_null = true;
        };
        while let Some(letter) = letters.next() {
            match letter {
                '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
                '"' => {
                    quoted = !quoted;
                    is_null = false;
                }
                '\\' => {
                    is_null = false;
                    field.extend(letters.next());
                }
                ',' if !quoted => finish(&mut field, &mut is_null),
                letter => {
                    is_null = false;
                    field.push(letter);
                }
            }
        }
        finish(&mut field, &mut is_null);
        Self(record.into_boxed_str())
    }

    /// Field by field, `None` for NULL.
    pub fn fields(&self) -> Vec<Option<&str>> {
        self.0.split(BETWEEN).map(|field| (field != NULL).then_some(field)).collect()
    }

    /// As `name = value, …`, cut, and with nothing in it that a terminal would obey.
    pub fn shown(&self, names: &[String]) -> String {
        let shown = |(name, value): (&String, Option<&str>)| match value {
            None => format!("{} = NULL", safe(name)),
            Some(value) => format!("{} = '{}'", safe(name), safe(value)),
        };
        let pairs: Vec<_> = names.iter().zip(self.fields()).map(shown).collect();
        pairs.join(", ")
    }
}

fn shortened(value: &str) -> String {
    if value.len() <= LONGEST_KEPT && !value.contains(BETWEEN) {
        return value.to_owned();
    }
    let digest: String =
        Sha256::digest(value)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let beginning: String =
        value.chars().filter(|letter| *letter != BETWEEN).take(BEGINNING).collect();
    format!("{beginning}… ({} bytes, {digest})", value.len())
}

fn safe(text: &str) -> String {
    let mut shown = String::new();
    for (place, letter) in text.chars().enumerate() {
        if place == LONGEST_SHOWN {
            shown.push('…');
            break;
        }
        let is_direction = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if letter.is_control() || is_direction {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_postgres_writes_it() {
        let record = Record::parse(r#"(1,"a ""b"", \\c",,"",x y)"#);
        let expected = [Some("1"), Some(r#"a "b", \c"#), None, Some(""), Some("x y")];
        assert_eq!(record.fields(), expected);
    }

    #[test]
    fn long_values_are_told_apart_and_nothing_reaches_a_terminal() {
        let long = |end: char| Record::parse(&format!("({}{end})", "x".repeat(5_000)));
        assert_ne!(long('a'), long('b'));
        assert_eq!(long('a'), long('a'));
        let shown = Record::parse("(\"\u{1b}[31m\u{202e}\")").shown(&["a".to_owned()]);
        assert_eq!(shown, "a = '\\u{1b}[31m\\u{202e}'");
    }
}
