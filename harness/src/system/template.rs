//! Fills `{name}` in the texts of a system file.

use std::collections::BTreeMap;

/// A text of the system file asks for something that nobody gives.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TemplateError {
    /// No such name.
    #[error("`{text}` asks for {{{name}}}, which is not known here; known are: {known}")]
    Unknown {
        /// The whole text.
        text: String,
        /// The name between the braces.
        name: String,
        /// Every name that would do.
        known: String,
    },
    /// A brace that is not closed.
    #[error("`{0}` opens a brace that it does not close")]
    Unclosed(String),
}

/// The values that a text can ask for, by name.
#[derive(Clone, Debug, Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// Gives `name` a value, in place of an earlier one.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// The same values and those of `others`, which take the place of values of the same name.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.0.extend(others.0.clone());
        self
    }

    /// The same values and one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }
}

/// Replaces every `{name}` in `text`; `{{` stands for a brace.
///
/// # Errors
/// When a name is unknown or a brace is left open.
///
/// ```
/// use harness::system::{Values, fill};
/// let values = Values::default().with("server.port", "8080");
/// assert_eq!(fill("http://localhost:{server.port}/", &values).unwrap(), "http://localhost:8080/");
/// ```
pub fn fill(text: &str, values: &Values) -> Result<String, TemplateError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        rest = &rest[open + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            filled.push('{');
            rest = after;
            continue;
        }
        let close = rest.find('}').ok_or_else(|| TemplateError::Unclosed(text.to_owned()))?;
        let name = &rest[..close];
        filled.push_str(values.0.get(name).ok_or_else(|| unknown(text, name, values))?);
        rest = &rest[close + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Fills every string within a JSON value.
///
/// # Errors
/// As [`fill`].
pub fn fill_json(
    value: &serde_json::Value,
    values: &Values,
) -> Result<serde_json::Value, TemplateError> {
    use serde_json::Value;
    Ok(match value {
        Value::String(text) => Value::String(fill(text, values)?),
        Value::Array(items) => Value::Array(
            items.iter().map(|item| fill_json(item, values)).collect::<Result<_, _>>()?,
        ),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| Ok((name.clone(), fill_json(field, values)?)))
                .collect::<Result<_, TemplateError>>()?,
        ),
        other => other.clone(),
    })
}

fn unknown(text: &str, name: &str, values: &Values) -> TemplateError {
    let known: Vec<&str> = values.0.keys().map(String::as_str).collect();
    TemplateError::Unknown { text: text.to_owned(), name: name.to_owned(), known: known.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        Values::default().with("a", "1").with("b", "{a}")
    }

    #[test]
    fn names_are_replaced_once() {
        assert_eq!(fill("x{a}y{b}z", &values()).unwrap(), "x1y{a}z");
    }

    #[test]
    fn a_doubled_brace_is_a_brace() {
        assert_eq!(fill("{{a}", &values()).unwrap(), "{a}");
    }

    #[test]
    fn an_unknown_name_is_refused_with_what_is_known() {
        let message = fill("{c}", &values()).unwrap_err().to_string();
        assert!(message.contains("{c}") && message.contains("a, b"), "{message}");
    }

    #[test]
    fn an_open_brace_is_refused() {
        assert_eq!(fill("{a", &values()), Err(TemplateError::Unclosed("{a".into())));
    }

    #[test]
    fn strings_within_json_are_filled() {
        let filled = fill_json(&serde_json::json!({"k": ["{a}", 2]}), &values()).unwrap();
        assert_eq!(filled, serde_json::json!({"k": ["1", 2]}));
    }
}
