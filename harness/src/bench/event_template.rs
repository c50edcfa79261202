//! Writes an event of the system file again and again, each with its own number, id and time.

use rand::Rng;
use serde_json::Value;
use uuid::{Builder, Uuid};

/// A JSON value with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventTemplate(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A number, without quotes.
    Number,
    Uuid7,
    Now,
}

/// What stands for each hole in JSON text.
const HOLES: [(&str, Piece); 3] =
    [("\"{number}\"", Piece::Number), ("{uuid7}", Piece::Uuid7), ("{now}", Piece::Now)];

impl EventTemplate {
    pub fn new(event: &Value) -> Self {
        let text = event.to_string();
        let (mut pieces, mut rest) = (Vec::new(), text.as_str());
        let first_hole = |rest: &str| {
            HOLES
                .iter()
                .filter_map(|(hole, piece)| Some((rest.find(hole)?, *hole, piece.clone())))
                .min_by_key(|(at, ..)| *at)
        };
        while let Some((at, hole, piece)) = first_hole(rest) {
            pieces.push(Piece::Text(rest[..at].to_owned()));
            pieces.push(piece);
            rest = &rest[at + hole.len()..];
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Self(pieces)
    }

    /// Appends the event with this number, as of `now`, in milliseconds since 1970 and in RFC 3339.
    /// Gives the last UUID that it drew for it.
    pub fn write(
        &self,
        number: u64,
        now: (u64, &str),
        random: &mut impl Rng,
        bytes: &mut Vec<u8>,
    ) -> Option<Uuid> {
        let mut last = None;
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Piece::Number => bytes.extend_from_slice(number.to_string().as_bytes()),
                Piece::Now => bytes.extend_from_slice(now.1.as_bytes()),
                Piece::Uuid7 => {
                    let mut drawn = [0; 10];
                    random.fill_bytes(&mut drawn);
                    let id = Builder::from_unix_timestamp_millis(now.0, &drawn).into_uuid();
                    last = Some(id);
                    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
                    bytes.extend_from_slice(id.hyphenated().encode_lower(&mut text).as_bytes());
                }
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use serde_json::json;

    #[test]
    fn each_hole_is_filled_and_the_rest_kept() {
        let event = json!({
            "id": "{uuid7}", "seq": "{number}", "at": "{now}", "text": "number {number}",
            "fixed": {"braces": "{}"}
        });
        let mut bytes = Vec::new();
        let now = (1_700_000_000_000, "2023-11-14T22:13:20Z");
        let template = EventTemplate::new(&event);
        let drawn = template.write(42, now, &mut Seed(1).stream("ids"), &mut bytes);
        let written: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(written["seq"], json!(42));
        assert_eq!(written["at"], json!("2023-11-14T22:13:20Z"));
        // Only a text that is nothing else is a number.
        assert_eq!(written["text"], json!("number {number}"));
        assert_eq!(written["fixed"], event["fixed"]);
        let id: Uuid = written["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(drawn, Some(id));
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().unwrap().to_unix().0, 1_700_000_000);
    }
}
