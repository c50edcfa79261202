//! What others say, in the words of a history.

use reqwest::StatusCode;
use serde_json::Value;

/// How much of a refusal's words is kept; a history holds one for every event.
const WORDS_KEPT: usize = 300;

/// The beginning of what somebody said.
pub(super) fn cut_short(words: &str) -> String {
    words.trim().chars().take(WORDS_KEPT).collect()
}

/// A refusal as a history tells it.
pub(super) fn refusal(status: StatusCode, words: &str) -> String {
    format!("{status} {}", cut_short(words)).trim_end().to_owned()
}

/// A JSON string or number as text.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A JSON number, or a text that is one.
pub(super) fn number_of(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// An error with what caused it, since reqwest's own words name only the URL.
pub(super) fn error_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
