//! Events as lines of a file.

use serde_json::Value;

use super::{Found, ReadError};
use crate::environment::Endpoint;
use crate::system::{Pattern, fill};

/// The events in a file of a part, in the order of its lines. A last line that has no end yet is
/// still being written, and left out.
///
/// # Errors
/// The file cannot be read, or there is no pattern and a line is not JSON.
pub(in crate::workload) async fn events_in_file(
    from: &Endpoint,
    path: &str,
    line: Option<&Pattern>,
) -> Result<Vec<Found>, ReadError> {
    let path = fill(path, &from.values)?;
    let refused = |what: &str, why: String| ReadError::Refused { what: what.to_owned(), why };
    let bytes = tokio::fs::read(&path).await;
    let bytes = bytes.map_err(|error| refused(&path, error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut found = Vec::new();
    for (number, text) in whole.lines().enumerate() {
        let place = format!("{path}, line {}", number + 1);
        let event = match line {
            Some(pattern) => named_groups(pattern, text),
            None => match serde_json::from_str(text) {
                Ok(event) => Some(event),
                Err(error) => return Err(refused(&place, format!("not JSON: {error}"))),
            },
        };
        found.extend(event.map(|event| Found { place, event }));
    }
    Ok(found)
}

/// What the named groups of a pattern match, if it matches.
fn named_groups(pattern: &Pattern, text: &str) -> Option<Value> {
    let matched = pattern.captures(text)?;
    let names = pattern.capture_names().flatten();
    let groups = names.filter_map(|name| Some((name, matched.name(name)?.as_str())));
    Some(groups.map(|(name, text)| (name.to_owned(), Value::from(text))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::test_server::endpoint;
    use serde_json::json;

    async fn read(text: &str, pattern: Option<&str>) -> Result<Vec<Value>, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("log"), text).unwrap();
        let mut from = endpoint("receiver", "http://127.0.0.1:1");
        from.values.set("state", folder.path().display().to_string());
        let pattern = pattern.map(|text| Pattern::try_from(text.to_owned()).unwrap());
        let found = events_in_file(&from, "{state}/log", pattern.as_ref()).await;
        let found = found.map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|found| found.event).collect())
    }

    #[tokio::test]
    async fn lines_that_match_are_events_of_their_named_groups() {
        let text = "starting\n<13> m-1 #5 ok\n<13> m-2 ok\n<13> m-3 o";
        let events = read(text, Some(r"(?<marker>m-\d+)(?: #(?<number>\d+))?")).await.unwrap();
        assert_eq!(events, [json!({"marker": "m-1", "number": "5"}), json!({"marker": "m-2"})]);
    }

    #[tokio::test]
    async fn lines_are_json_where_nothing_else_is_said() {
        let events = read("{\"a\": 1}\n{\"a\": 2}\n{\"a\"", None).await.unwrap();
        assert_eq!(events, [json!({"a": 1}), json!({"a": 2})]);
        let why = read("{\"a\": 1}\noops\n", None).await.unwrap_err();
        assert!(why.contains("line 2: not JSON"), "{why}");
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_named() {
        let from = endpoint("receiver", "http://127.0.0.1:1");
        let error = events_in_file(&from, "/nowhere/log", None).await.unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/log: "), "{error}");
    }
}
