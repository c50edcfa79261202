//! How a part is seen to be ready.

use serde::Deserialize;

use super::Pattern;

/// How a part is seen to be ready.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "ReadyText")]
pub enum Ready {
    /// A GET of this path is answered with success: `"/ready"`.
    Http(String),
    /// Its port takes connections: `"port"`.
    Port,
    /// Its program runs: `"running"`.
    Running,
    /// A line that it has written to a file since it was started: `{ file = "…", line = "…" }`.
    Line {
        /// The file, a text that may ask for the part's own values.
        file: String,
        /// What the line looks like.
        line: Pattern,
    },
}

/// As it stands in the file.
#[derive(Deserialize)]
#[serde(untagged)]
enum ReadyText {
    Word(String),
    Line { file: String, line: Pattern },
}

impl TryFrom<ReadyText> for Ready {
    type Error = String;

    fn try_from(text: ReadyText) -> Result<Self, String> {
        match text {
            ReadyText::Line { file, line } => Ok(Self::Line { file, line }),
            ReadyText::Word(path) if path.starts_with('/') => Ok(Self::Http(path)),
            ReadyText::Word(word) if word == "port" => Ok(Self::Port),
            ReadyText::Word(word) if word == "running" => Ok(Self::Running),
            ReadyText::Word(word) => Err(format!(
                "ready = {word:?} is no path that begins with a slash, and neither \"port\" nor \
                 \"running\""
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ready(text: serde_json::Value) -> Result<Ready, String> {
        serde_json::from_value(text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_way_is_told_by_its_words() {
        assert!(matches!(ready(json!("/ready")), Ok(Ready::Http(path)) if path == "/ready"));
        assert!(matches!(ready(json!("port")), Ok(Ready::Port)));
        assert!(matches!(ready(json!("running")), Ok(Ready::Running)));
        let line = json!({"file": "{state}/log", "line": "^listening"});
        assert!(matches!(ready(line), Ok(Ready::Line { file, .. }) if file == "{state}/log"));
        assert!(ready(json!("soon")).unwrap_err().contains("\"soon\""));
    }
}
