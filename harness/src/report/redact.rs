//! Takes secrets out of text, where text enters reports and logs.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

/// What stands where a secret stood.
const PLACEHOLDER: &str = "[redacted]";

/// The shortest known secret that is looked for. Shorter ones would tear harmless words apart.
const SHORTEST: usize = 6;

/// Knows the secrets of a run and the forms that unknown ones come in: bearer tokens and
/// passwords in URLs.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Vec<String>,
}

impl Redactor {
    /// Redacts these values, which must be at least six bytes long to count, and the known forms.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut known: Vec<String> =
            secrets.into_iter().filter(|secret| secret.len() >= SHORTEST).collect();
        // A secret that holds another goes first, or its rest would stay.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { known }
    }

    /// The text without its secrets.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.known {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), PLACEHOLDER);
            }
        }
        passwords_in_urls(&bearer_tokens(&text))
    }
}

impl Redactor {
    /// Takes secrets out of every file in a folder and in the folders below it.
    ///
    /// # Errors
    /// When a file cannot be read or written; it is then as it was.
    pub fn redact_folder(&self, folder: &Path) -> std::io::Result<()> {
        for item in fs::read_dir(folder)? {
            let item = item?;
            let kind = item.file_type()?;
            if kind.is_dir() {
                self.redact_folder(&item.path())?;
            } else if kind.is_file() {
                self.redact_file(&item.path())?;
            }
        }
        Ok(())
    }

    /// Takes secrets out of a file, line by line. Bytes that are not UTF-8 become replacement
    /// characters. A file without secrets is left alone.
    ///
    /// # Errors
    /// When it cannot be read or written; it is then as it was.
    pub fn redact_file(&self, path: &Path) -> std::io::Result<()> {
        let mut reader = BufReader::new(File::open(path)?);
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut clean = BufWriter::new(tempfile::NamedTempFile::new_in(folder)?);
        let mut changed = false;
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line);
            let redacted = self.redact(&text);
            changed |= redacted != text;
            clean.write_all(redacted.as_bytes())?;
            line.clear();
        }
        if changed {
            let clean = clean.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            fs::set_permissions(clean.path(), fs::metadata(path)?.permissions())?;
            clean.persist(path)?;
        }
        Ok(())
    }
}

/// Never shows the secrets themselves.
impl std::fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Redactor({} secrets)", self.known.len())
    }
}

/// Replaces what follows the word "bearer", however it is written.
fn bearer_tokens(text: &str) -> String {
    const WORD: &str = "bearer ";
    let lower = text.to_ascii_lowercase();
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    while let Some(found) = lower[done..].find(WORD) {
        let token = done + found + WORD.len();
        let length = text[token..]
            .find(|letter: char| !is_token_letter(letter))
            .unwrap_or(text.len() - token);
        clean.push_str(&text[done..token]);
        if length > 0 {
            clean.push_str(PLACEHOLDER);
        }
        done = token + length;
    }
    clean.push_str(&text[done..]);
    clean
}

/// The letters of RFC 6750's tokens.
fn is_token_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-._~+/=".contains(letter)
}

/// Replaces the password in `scheme://user:password@host`. An `@` in the password itself belongs
/// to it, so the last one before the path ends it.
fn passwords_in_urls(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find("://") {
        let (before, authority) = rest.split_at(found + 3);
        clean.push_str(before);
        let end = authority
            .find(|letter: char| letter.is_whitespace() || "/?#\"'<>".contains(letter))
            .unwrap_or(authority.len());
        let credentials = authority[..end].rfind('@');
        rest = match credentials.map(|at| (at, authority[..at].find(':'))) {
            Some((at, Some(colon))) => {
                clean.push_str(&authority[..=colon]);
                clean.push_str(PLACEHOLDER);
                &authority[at..]
            }
            _ => authority,
        };
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str) -> String {
        Redactor::new(["hunter22".into(), "hunter22-and-more".into(), "abc".into()]).redact(text)
    }

    #[test]
    fn known_secrets_go_wherever_they_stand() {
        assert_eq!(redacted("key=hunter22, again hunter22!"), "key=[redacted], again [redacted]!");
        assert_eq!(redacted("hunter22-and-more"), "[redacted]");
    }

    #[test]
    fn short_values_do_not_tear_words_apart() {
        assert_eq!(redacted("abc abcdef"), "abc abcdef");
    }

    #[test]
    fn bearer_tokens_go() {
        assert_eq!(
            redacted("Authorization: Bearer eyJ.ab-c_d.x=, next"),
            "Authorization: Bearer [redacted], next"
        );
        assert_eq!(redacted("BEARER x y bearer "), "BEARER [redacted] y bearer ");
    }

    #[test]
    fn passwords_in_urls_go_and_the_rest_stays() {
        assert_eq!(
            redacted("postgres://user:s3cr@t@db:5432/x and http://host/a@b:c"),
            "postgres://user:[redacted]@db:5432/x and http://host/a@b:c"
        );
        assert_eq!(redacted("ftp://user@host ://"), "ftp://user@host ://");
        assert_eq!(redacted("http://:pw@h"), "http://:[redacted]@h");
    }

    #[test]
    fn text_that_is_not_ascii_is_left_whole() {
        assert_eq!(redacted("Bearer ключ İ bearer é"), "Bearer ключ İ bearer é");
    }

    #[test]
    fn files_lose_their_secrets_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("logs/server.log");
        fs::create_dir(folder.path().join("logs")).unwrap();
        fs::write(&log, b"first\nkey=hunter22\n\xff last without an end").unwrap();
        Redactor::new(["hunter22".into()]).redact_folder(folder.path()).unwrap();
        let clean = fs::read_to_string(&log).unwrap();
        assert_eq!(clean, "first\nkey=[redacted]\n\u{fffd} last without an end");
        assert_eq!(fs::read_dir(folder.path().join("logs")).unwrap().count(), 1);
    }

    #[test]
    fn a_line_of_json_stays_json() {
        let line = r#"{"detail":"postgres://u:p\nx:y@h, Bearer abc","next":"a@b"}"#;
        let clean: serde_json::Value = serde_json::from_str(&redacted(line)).unwrap();
        assert_eq!(clean["detail"], "postgres://u:[redacted]@h, Bearer [redacted]");
        assert_eq!(clean["next"], "a@b");
    }

    #[test]
    fn its_own_debug_text_keeps_the_secrets() {
        let redactor = Redactor::new(["hunter22".into()]);
        assert!(!format!("{redactor:?}").contains("hunter22"));
    }
}
