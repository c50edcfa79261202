//! Text that parts, files and servers wrote, made safe to show; and numbers as people read them.

use crate::checkers::Outcome;

/// The text with every control character made visible, line ends kept. Escape sequences,
/// carriage returns and characters that turn the direction of writing can then do nothing.
pub fn neutralise(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => safe.push('\n'),
            '\t' => safe.push(' '),
            letter if letter.is_control() || turns_direction(letter) => {
                safe.extend(letter.escape_unicode());
            }
            letter => safe.push(letter),
        }
    }
    safe
}

/// The same on one line.
pub fn on_one_line(text: &str) -> String {
    neutralise(text).replace('\n', " ")
}

fn turns_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// So many of something, as `1 error` or `2 errors`.
pub fn counted(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}

/// Milliseconds in seconds, to the tenth.
pub fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

/// Bytes of memory.
pub fn gibibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 30;
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

/// Bytes of a part's memory.
pub fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// A count that may not be known.
pub fn count(count: Option<u64>) -> String {
    count.map_or_else(|| "not known".into(), |count| count.to_string())
}

/// What an outcome means to somebody who wants to release.
pub fn headline(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Valid => "Valid: everything that was checked held",
        Outcome::Unknown => "Unknown: nobody can tell whether it held",
        Outcome::Invalid => "Invalid: the system did not hold",
    }
}

/// A word as a shell takes it.
pub fn shell_word(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+=:,@%".contains(letter);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        assert_eq!(shell_word("a/b.toml"), "a/b.toml");
        assert_eq!(shell_word("my system's.toml"), r"'my system'\''s.toml'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(neutralise("a\u{1b}[31m\r\nb\t\u{202e}c"), "a\\u{1b}[31m\\u{d}\nb \\u{202e}c");
        assert_eq!(on_one_line("a\nb"), "a b");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(seconds(38_299), "38.2 s");
        assert_eq!(gibibytes(25_000_000_000), "23.2 GiB");
        assert_eq!(mebibytes(50_000_000), "47.6 MiB");
    }
}
