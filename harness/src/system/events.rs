//! The event contract: how events are given in and read back, and what is promised about them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Pattern, Values, fill_json};

/// How events are given in and read back, and what the system promises about them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventContract {
    /// How often an event that was taken is stored.
    #[serde(default)]
    pub promised: Promise,
    /// Whether events stand in the order of their numbers; by default where they have numbers.
    pub ordered: Option<bool>,
    /// How an event is given to a producer.
    pub emit: EmitContract,
    /// How many events a producer still holds, if it tells.
    pub backlog: Option<BacklogContract>,
    /// How everything stored is read back.
    pub read: ReadContract,
    /// Of producers that do not tell what they hold: how long nothing new must be stored until
    /// nothing is taken to be on its way any more, in milliseconds.
    #[serde(default = "two_seconds")]
    pub quiet: u64,
}

/// How often an event that was taken is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// Once.
    #[default]
    ExactlyOnce,
    /// Once or several times.
    AtLeastOnce,
    /// Once or not at all.
    AtMostOnce,
}

/// How an event is given to a producer. Places are JSON pointers.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "EmitText")]
pub struct EmitContract {
    /// The kind of part that takes events.
    pub to: String,
    /// The way in.
    pub way: EmitWay,
    /// Where in the body the workload's marker is put. If nowhere, the body asks for `{marker}`.
    pub marker: Option<String>,
    /// Where the answer tells the event's identity.
    pub id: Option<String>,
    /// Where the answer tells its lane.
    pub lane: Option<String>,
    /// Where the answer tells its number within producer and lane.
    pub sequence: Option<String>,
    /// The kinds of events, drawn by weight.
    pub kinds: Vec<EventKind>,
}

/// The way in for events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmitWay {
    /// A POST of the body to this path. A success takes the event, a client error refuses it.
    Http(String),
    /// A program and its arguments, which may ask for the part's own values, `{body}` and
    /// `{marker}`; the body is its standard input. Exit status 0 takes the event, no other proves
    /// anything; what it prints is its answer.
    Command(Vec<String>),
    /// A line.
    Line(Channel),
}

/// Where a line goes. A path may ask for the part's own values.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The part's standard input. What its pipe has, it has taken.
    StandardInput,
    /// A connection of its own to the part's port. The part has taken it when it answers a line or,
    /// told that no more is to come, closes the connection.
    Tcp,
    /// A datagram to the part's port. What is sent is taken.
    Udp,
    /// A Unix socket, as [`Channel::Tcp`].
    Unix(String),
    /// A Unix socket for datagrams. What it accepts is taken.
    UnixDatagram(String),
}

/// As it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmitText {
    to: String,
    path: Option<String>,
    command: Option<Vec<String>>,
    line: Option<Channel>,
    marker: Option<String>,
    id: Option<String>,
    lane: Option<String>,
    sequence: Option<String>,
    kinds: Vec<EventKind>,
}

impl TryFrom<EmitText> for EmitContract {
    type Error = String;

    fn try_from(text: EmitText) -> Result<Self, String> {
        let EmitText { to, path, command, line, marker, id, lane, sequence, kinds } = text;
        let way = match (path, command, line) {
            (Some(path), None, None) => EmitWay::Http(path),
            (None, Some(command), None) if !command.is_empty() => EmitWay::Command(command),
            (None, None, Some(channel)) => EmitWay::Line(channel),
            _ => {
                let why = "events.emit needs one way in: a `path` for HTTP, a `command`, or `line`";
                return Err(why.to_owned());
            }
        };
        Ok(Self { to, way, marker, id, lane, sequence, kinds })
    }
}

/// A kind of event.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventKind {
    /// Its name in histories and reports.
    pub name: String,
    /// How often it is drawn, against the others.
    #[serde(default = "one")]
    pub weight: u32,
    /// Whether it must not wait behind events of other kinds.
    #[serde(default)]
    pub urgent: bool,
    /// The body, but for the marker: JSON, or a text.
    pub body: Value,
}

/// How many events a producer still holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BacklogContract {
    /// The path of the GET, on the producer.
    pub path: String,
    /// Where the answer tells the number.
    pub events: String,
    /// Where the answer tells what circuit breakers do: an object with `closed`, `open` or
    /// `half_open` for each of them.
    pub breakers: Option<String>,
}

/// How everything stored is read back, in storage order.
///
/// Places are JSON pointers into an event: an item of an answer, a row whose columns are fields, a
/// line of JSON, or the named groups of a line's pattern.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "ReadText")]
pub struct ReadContract {
    /// The kind of part that is asked or whose file is read; the database for a query.
    pub from: String,
    /// Where the events are.
    pub source: ReadSource,
    /// Where an event tells its identity; without, its position is taken for it.
    pub id: Option<String>,
    /// Where it tells its producer.
    pub producer: Option<String>,
    /// Where it tells its lane.
    pub lane: Option<String>,
    /// Where it tells its number.
    pub sequence: Option<String>,
    /// Where it tells the workload's marker.
    pub marker: String,
}

/// Where stored events are.
#[derive(Clone, Debug)]
pub enum ReadSource {
    /// In pages of JSON.
    Http(Pages),
    /// In the system's database: a query, whose rows are events.
    Query(String),
    /// In a file of a part.
    File {
        /// The file, a text that may ask for the part's own values.
        path: String,
        /// What the line of an event looks like; other lines are passed over. Without it each line
        /// is JSON.
        line: Option<Pattern>,
    },
}

/// How pages of events are asked for.
#[derive(Clone, Debug)]
pub struct Pages {
    /// The path of the first page's GET.
    pub path: String,
    /// The path of a further page, with `{cursor}`.
    pub next_path: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Where the events stand in an answer.
    pub items: String,
    /// Where the cursor of the next page stands; null or absent on the last page.
    pub next: String,
}

/// As it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadText {
    from: String,
    path: Option<String>,
    next_path: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    items: Option<String>,
    next: Option<String>,
    query: Option<String>,
    file: Option<String>,
    line: Option<Pattern>,
    id: Option<String>,
    producer: Option<String>,
    lane: Option<String>,
    sequence: Option<String>,
    marker: String,
}

impl TryFrom<ReadText> for ReadContract {
    type Error = String;

    fn try_from(text: ReadText) -> Result<Self, String> {
        let ReadText { from, id, producer, lane, sequence, marker, .. } = text;
        let for_pages = || text.next_path.is_some() || text.items.is_some() || text.next.is_some();
        let source = match (text.path, text.query, text.file) {
            (Some(path), None, None) if text.line.is_none() => {
                let missing = |name: &str| format!("events.read needs `{name}` beside `path`");
                ReadSource::Http(Pages {
                    path,
                    next_path: text.next_path.ok_or_else(|| missing("next_path"))?,
                    headers: text.headers,
                    items: text.items.ok_or_else(|| missing("items"))?,
                    next: text.next.ok_or_else(|| missing("next"))?,
                })
            }
            (None, Some(query), None) if text.line.is_none() && !for_pages() => {
                ReadSource::Query(query)
            }
            (None, None, Some(path)) if !for_pages() => ReadSource::File { path, line: text.line },
            _ => {
                let why = "events.read needs one source: a `path` for HTTP with `next_path`, \
                           `items` and `next`, a `query`, or a `file` with or without `line`";
                return Err(why.to_owned());
            }
        };
        Ok(Self { from, source, id, producer, lane, sequence, marker })
    }
}

fn one() -> u32 {
    1
}

fn two_seconds() -> u64 {
    2000
}

impl EventContract {
    /// Whether events are judged by the order of their numbers.
    pub fn is_ordered(&self) -> bool {
        self.ordered.unwrap_or(self.read.sequence.is_some())
    }

    /// # Errors
    /// What contradicts itself.
    pub(super) fn validate(&self) -> Result<(), String> {
        let emit = &self.emit;
        if emit.kinds.iter().all(|kind| kind.weight == 0) {
            return Err("events.emit.kinds gives no kind of event a weight".to_owned());
        }
        for kind in emit.kinds.iter().filter(|_| emit.marker.is_none()) {
            let filled = fill_json(&kind.body, &Values::default().with("marker", MARKED));
            let filled = filled.map_err(|error| format!("events.emit.kinds: {error}"))?;
            if !filled.to_string().contains(MARKED) {
                return Err(format!(
                    "the body of `{}` has no {{marker}}, and events.emit.marker gives it no place",
                    kind.name
                ));
            }
        }
        if self.is_ordered() && self.read.sequence.is_none() {
            return Err(
                "events.ordered needs events.read.sequence, the place of numbers".to_owned()
            );
        }
        Ok(())
    }
}

/// A marker that no body has by chance.
const MARKED: &str = "marked-to-see-where-it-goes";

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest contract there is, with these lines beside `emit` and `read`.
    fn contract(emit: &str, read: &str) -> Result<EventContract, String> {
        let text = format!(
            "[emit]\nto = \"sender\"\nkinds = [{{ name = \"plain\", body = \"<{{marker}}>\" }}]\n\
             {emit}\n[read]\nfrom = \"receiver\"\nmarker = \"/marker\"\n{read}"
        );
        let contract: EventContract = toml::from_str(&text).map_err(|error| error.to_string())?;
        contract.validate().map(|()| contract)
    }

    const FILE: &str = "file = \"{state}/log\"";

    #[test]
    fn every_way_in_is_told_by_its_field() {
        let way = |emit: &str| contract(emit, FILE).unwrap().emit.way;
        assert_eq!(way("path = \"/events\""), EmitWay::Http("/events".into()));
        assert_eq!(way("command = [\"logger\"]"), EmitWay::Command(vec!["logger".into()]));
        assert_eq!(way("line = \"tcp\""), EmitWay::Line(Channel::Tcp));
        assert_eq!(way("line = \"udp\""), EmitWay::Line(Channel::Udp));
        assert_eq!(way("line = \"standard_input\""), EmitWay::Line(Channel::StandardInput));
        let unix = Channel::UnixDatagram("{state}/log".into());
        assert_eq!(way("line = { unix_datagram = \"{state}/log\" }"), EmitWay::Line(unix));
    }

    #[test]
    fn every_source_is_told_by_its_fields() {
        let source = |read: &str| contract("line = \"tcp\"", read).unwrap().read.source;
        assert!(matches!(source(FILE), ReadSource::File { line: None, .. }));
        let pattern = format!("{FILE}\nline = '(?<marker>m-\\d+)'");
        assert!(matches!(source(&pattern), ReadSource::File { line: Some(_), .. }));
        assert!(matches!(source("query = \"SELECT 1 AS marker\""), ReadSource::Query(_)));
        let pages = "path = \"/e\"\nnext_path = \"/e?{cursor}\"\nitems = \"/e\"\nnext = \"/n\"";
        assert!(matches!(source(pages), ReadSource::Http(_)));
    }

    #[test]
    fn what_is_promised_is_exactly_once_and_ordered_by_numbers_unless_it_says_otherwise() {
        let plain = contract("line = \"tcp\"", FILE).unwrap();
        assert_eq!((plain.promised, plain.is_ordered()), (Promise::ExactlyOnce, false));
        let numbered = format!("{FILE}\nsequence = \"/number\"");
        assert!(contract("line = \"tcp\"", &numbered).unwrap().is_ordered());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let cases = [
            (contract("", FILE), "one way in"),
            (contract("path = \"/e\"\nline = \"tcp\"", FILE), "one way in"),
            (contract("line = \"pigeon\"", FILE), "pigeon"),
            (contract("line = \"tcp\"", ""), "one source"),
            (contract("line = \"tcp\"", "path = \"/e\""), "`next_path`"),
            (contract("line = \"tcp\"", &format!("{FILE}\nline = '('")), "regex"),
            (contract("line = \"tcp\"", &format!("{FILE}\nitems = \"/e\"")), "one source"),
        ];
        for (contract, expected) in cases {
            let message = contract.unwrap_err();
            assert!(message.contains(expected), "{message} should name {expected}");
        }
        let mut unmarked = contract("line = \"tcp\"", FILE).unwrap();
        unmarked.emit.kinds[0].body = "always the same".into();
        assert!(unmarked.validate().unwrap_err().contains("no {marker}"));
        let mut unnumbered = contract("line = \"tcp\"", FILE).unwrap();
        unnumbered.ordered = Some(true);
        assert!(unnumbered.validate().unwrap_err().contains("events.ordered"));
    }
}
