//! The file that a history lives in: JSON Lines, a header first, then one entry a line.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Entry, History};
use crate::promises::Promises;
use crate::seed::Seed;

/// What the header's `format` says in every version.
pub const FORMAT: &str = "redflag-history";

/// The newest version that this harness writes and reads.
pub const VERSION: u32 = 1;

/// The first line of a history: which run it is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always [`FORMAT`].
    pub format: String,
    /// The version of the format, at most [`VERSION`].
    pub version: u32,
    /// The seed of the run.
    pub seed: Seed,
    /// The plan's name, as `quick`.
    pub plan: String,
    /// How the parts ran: `embedded` or `containers`.
    pub backend: String,
    /// The system under test, by name.
    pub system: String,
    /// When the run began, by the wall clock. Entries count from here.
    pub started_at: DateTime<Utc>,
    /// What the system promises.
    #[serde(default)]
    pub promises: Promises,
}

impl Header {
    /// The header of a run that begins now.
    pub fn new(seed: Seed, plan: &str, backend: &str, system: &str) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            seed,
            plan: plan.into(),
            backend: backend.into(),
            system: system.into(),
            started_at: Utc::now(),
            promises: Promises::default(),
        }
    }
}

/// Why a history could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file system refused.
    #[error("history {path}: {source}; check that the folder exists and the disk has room")]
    Io {
        /// The history's file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The first line is not a history's header.
    #[error("history {path}, line 1: not a {FORMAT} file ({reason}); pass the history of a run")]
    WrongFormat {
        /// The file.
        path: PathBuf,
        /// What is there instead.
        reason: String,
    },
    /// The file is of a later harness.
    #[error(
        "history {path}, line 1: version {found}, but this harness reads up to {VERSION}; \
         use the harness that wrote it, or a newer one"
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// A line inside the file is not an entry.
    #[error(
        "history {path}, line {line}: not an entry ({reason}); the file was changed or damaged"
    )]
    BadEntry {
        /// The file.
        path: PathBuf,
        /// Counted from 1, the header included.
        line: u64,
        /// What the parser said.
        reason: String,
    },
}

impl History {
    /// Reads a history from its file. A last line that was cut off (its run was killed) is left
    /// out, and [`History::cut_off`] then gives its number.
    pub fn read(path: &Path) -> Result<Self, HistoryError> {
        let io = |source| HistoryError::Io { path: path.into(), source };
        let mut reader = BufReader::new(File::open(path).map_err(io)?);
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).map_err(io)?;
        let header = parse_header(path, &line)?;

        let mut entries = Vec::new();
        let mut cut_off = None;
        for number in 2.. {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(io)? == 0 {
                break;
            }
            match serde_json::from_slice::<Entry>(&line) {
                Ok(entry) => entries.push(Arc::new(entry)),
                Err(_) if !line.ends_with(b"\n") => cut_off = Some(number),
                Err(error) => {
                    return Err(HistoryError::BadEntry {
                        path: path.into(),
                        line: number,
                        reason: error.to_string(),
                    });
                }
            }
        }
        Ok(Self::of_parts(header, entries, cut_off))
    }
}

/// Looks at format and version alone first, so that a later version's header is named as such
/// whatever else it holds.
fn parse_header(path: &Path, line: &[u8]) -> Result<Header, HistoryError> {
    let wrong = |reason: String| HistoryError::WrongFormat { path: path.into(), reason };
    let value: serde_json::Value =
        serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
    if value["format"] != FORMAT {
        return Err(wrong("the header's format says otherwise".into()));
    }
    let found =
        value["version"].as_u64().ok_or_else(|| wrong("the header has no version".into()))?;
    if found > u64::from(VERSION) {
        return Err(HistoryError::NewerVersion { path: path.into(), found });
    }
    serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::build::HistoryBuilder;

    const HEADER: &str = r#"{"format":"redflag-history","version":1,"seed":7,"plan":"quick","backend":"embedded","system":"sample","started_at":"2026-01-02T03:04:05Z"}"#;
    const ENTRY: &str = r#"{"at":5,"process":"harness","operation":0,"phase":"ok","action":{"action":"stage","stage":"drain"}}"#;

    fn read(text: &str) -> Result<History, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        std::fs::write(&path, text).unwrap();
        History::read(&path)
            .map_err(|error| error.to_string().replace(path.to_str().unwrap(), "history.jsonl"))
    }

    #[test]
    fn what_was_written_is_read_back() {
        let built = HistoryBuilder::new().emitted("agent-1", "m-1", 1).read_back().finish();
        let mut text = serde_json::to_string(built.header()).unwrap() + "\n";
        for entry in built.entries() {
            text += &serde_json::to_string(entry).unwrap();
            text.push('\n');
        }
        assert_eq!(read(&text).unwrap(), built);
    }

    #[test]
    fn a_cut_off_last_line_is_accepted_and_said() {
        let history = read(&format!("{HEADER}\n{ENTRY}\n{{\"at\":6,\"pro")).unwrap();
        assert_eq!((history.entries().count(), history.cut_off()), (1, Some(3)));
    }

    #[test]
    fn a_last_line_that_only_lacks_its_end_counts() {
        let history = read(&format!("{HEADER}\n{ENTRY}")).unwrap();
        assert_eq!((history.entries().count(), history.cut_off()), (1, None));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let said = |text: &str| read(text).unwrap_err();
        assert!(said("").contains("line 1: not a redflag-history file"));
        assert!(said("{\"format\":\"other\"}\n").contains("line 1: not a redflag-history file"));
        assert!(
            said(&HEADER.replace("\"version\":1", "\"version\":2"))
                .contains("line 1: version 2, but this harness reads up to 1")
        );
        assert!(
            said(&format!("{HEADER}\n{ENTRY}\nrubbish\n{ENTRY}\n"))
                .contains("line 3: not an entry")
        );
        let missing = History::read(Path::new("/nonexistent/history.jsonl")).unwrap_err();
        assert!(missing.to_string().contains("check that the folder exists"));
    }
}
