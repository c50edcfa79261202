//! JSON that has what expressions read out of it: `->`, `->>`, `#>` and `#>>`, with values of the
//! types that are made of them, or of those that they are compared with.

use serde_json::{Map, Value};

use super::values::plain_base;
use crate::migrations::sql::{Token, TokenKind, tokens};

/// What a place within a document is read as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    steps: Vec<Step>,
    /// The SQL type that it is cast to, first word first.
    cast: Option<String>,
    /// What it is compared with: one of these.
    allowed: Vec<String>,
    /// Whether the document goes on there.
    is_document: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Element(usize),
}

/// A document with every place that these expressions read, if they read any; another `number`
/// gives other values.
pub(super) fn document(expressions: &[&str], number: u64) -> Option<String> {
    let mut places: Vec<Place> = expressions.iter().flat_map(|text| places(text)).collect();
    // What leads further must not be overwritten by what ends there, nor what is known by a guess.
    places.sort_by_key(|place| (place.steps.len(), place.is_known()));
    let mut document = Value::Null;
    for place in &places {
        *at(&mut document, &place.steps) = place.value(number);
    }
    (!places.is_empty()).then(|| document.to_string())
}

impl Place {
    fn is_known(&self) -> bool {
        self.cast.is_some() || !self.allowed.is_empty()
    }

    fn value(&self, number: u64) -> Value {
        if !self.allowed.is_empty() {
            return self.allowed[number as usize % self.allowed.len()].as_str().into();
        }
        let base = match self.cast.as_deref() {
            None if self.is_document => return Value::Object(Map::new()),
            None | Some("text" | "character") => return format!("row {number}").into(),
            Some("boolean") => return number.is_multiple_of(2).into(),
            Some("smallint") => return (1 + number % 32_000).into(),
            Some("integer" | "bigint" | "numeric" | "real" | "double") => {
                return (1 + number).into();
            }
            Some("timestamp") => "timestamptz",
            Some("time") => "timetz",
            Some(name) => name,
        };
        plain_base(base, -1, number).into()
    }
}

/// Makes a place of a document be there.
fn at<'a>(document: &'a mut Value, steps: &[Step]) -> &'a mut Value {
    let Some((step, rest)) = steps.split_first() else { return document };
    match step {
        Step::Key(key) => {
            if !document.is_object() {
                *document = Value::Object(Map::new());
            }
            at(&mut document[key], rest)
        }
        Step::Element(place) => {
            let mut elements = document.as_array().cloned().unwrap_or_default();
            elements.resize(elements.len().max(place + 1), Value::Null);
            *document = Value::Array(elements);
            at(&mut document[*place], rest)
        }
    }
}

/// What an expression reads, as PostgreSQL writes it.
fn places(expression: &str) -> Vec<Place> {
    let tokens: Vec<Token> = tokens(expression).filter(|token| !token.is_blank()).collect();
    let mut reader = Reader { expression, tokens, next: 0, found: Vec::new() };
    while reader.next < reader.tokens.len() {
        let last = reader.group();
        reader.found.extend(last);
    }
    reader.found.retain(|place| !place.steps.is_empty());
    reader.found
}

/// What a literal of SQL says.
fn unquoted(literal: &str) -> String {
    let quoted = literal.trim_start_matches(['E', 'e']);
    let text = quoted.strip_prefix('\'').unwrap_or(quoted);
    text.strip_suffix('\'').unwrap_or(text).replace("''", "'")
}

struct Reader<'a> {
    expression: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
    found: Vec<Place>,
}

impl<'a> Reader<'a> {
    /// Up to the end of the parenthesis; with the place that its last operand is.
    fn group(&mut self) -> Option<Place> {
        let mut place: Option<Place> = None;
        while let Some(token) = self.tokens.get(self.next).copied() {
            let operator = ["->>", "->", "#>>", "#>", "::"];
            let rest = &self.expression[token.offset..];
            match operator.into_iter().find(|operator| rest.starts_with(operator)) {
                Some("::") => {
                    let cast = self.cast();
                    if let Some(place) = place.as_mut().filter(|place| place.cast.is_none()) {
                        place.cast = cast;
                    }
                    continue;
                }
                Some(operator) => {
                    self.next += operator.len();
                    let steps = self.steps(operator);
                    let place = place.get_or_insert_default();
                    place.steps.extend(steps);
                    place.cast = None;
                    place.is_document = !operator.ends_with(">>");
                    continue;
                }
                None => self.next += 1,
            }
            match token.kind {
                TokenKind::Close => return place,
                TokenKind::Open => {
                    self.found.extend(place.take());
                    place = self.group();
                }
                TokenKind::Symbol if token.text == "=" => {
                    let allowed = self.compared();
                    self.found.extend(place.take().map(|place| Place { allowed, ..place }));
                }
                _ => self.found.extend(place.take()),
            }
        }
        place
    }

    /// The literals behind an equals sign: one, or those of `ANY (ARRAY[…])`.
    fn compared(&self) -> Vec<String> {
        let mut rest = self.tokens[self.next..].iter();
        match rest.next() {
            Some(token) if token.kind == TokenKind::String => return vec![unquoted(token.text)],
            Some(token) if token.is_word("any") => {}
            _ => return Vec::new(),
        }
        let within = rest.skip_while(|token| token.text != "[");
        let within = within.take_while(|token| token.kind != TokenKind::Close);
        let literals = within.filter(|token| token.kind == TokenKind::String);
        literals.map(|token| unquoted(token.text)).collect()
    }

    /// What an operator's literal says; anything else leads to no place that is known.
    fn steps(&mut self, operator: &str) -> Vec<Step> {
        let Some(token) = self.tokens.get(self.next).copied() else { return Vec::new() };
        let text = match token.kind {
            TokenKind::String => unquoted(token.text),
            TokenKind::Number => token.text.to_owned(),
            _ => return Vec::new(),
        };
        self.next += 1;
        let by_number =
            token.kind == TokenKind::Number || self.cast().is_some_and(|cast| cast == "integer");
        if operator.starts_with('#') {
            let parts = text.trim_matches(['{', '}']).split(',');
            return parts.map(|part| Step::Key(part.trim_matches('"').to_owned())).collect();
        }
        match text.parse() {
            Ok(place) if by_number => vec![Step::Element(place)],
            _ => vec![Step::Key(text)],
        }
    }

    /// The first word of the type that comes next, if one does.
    fn cast(&mut self) -> Option<String> {
        let token = self.tokens.get(self.next)?;
        if !self.expression[token.offset..].starts_with("::") {
            return None;
        }
        self.next += 2;
        let first = self.tokens.get(self.next)?.text.to_owned();
        while self.tokens.get(self.next).is_some_and(|token| token.kind == TokenKind::Word) {
            self.next += 1;
        }
        if self.tokens.get(self.next).is_some_and(|token| token.text == "[") {
            self.next += 2;
        }
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expressions: &[&str], expected: Option<&str>) {
        assert_eq!(document(expressions, 4).as_deref(), expected, "{expressions:?}");
    }

    #[test]
    fn each_way_to_read_a_place_makes_it_be_there() {
        check(&["((doc)::json ->> 'a'::text)"], Some(r#"{"a":"row 4"}"#));
        check(
            &["(((doc -> 'a'::text) -> 'b'::text) ->> 'c'::text)"],
            Some(r#"{"a":{"b":{"c":"row 4"}}}"#),
        );
        check(&["((doc)::json #>> '{a,\"b c\"}'::text[])"], Some(r#"{"a":{"b c":"row 4"}}"#));
        check(&["((doc -> 'a'::text) ->> 1)"], Some(r#"{"a":[null,"row 4"]}"#));
        check(&["(doc -> 'it''s'::text) IS NOT NULL"], Some(r#"{"it's":{}}"#));
    }

    #[test]
    fn a_value_is_of_the_type_that_its_cast_wants() {
        check(&["(((doc)::json ->> 'a'::text))::bigint"], Some(r#"{"a":5}"#));
        check(&["((doc ->> 'a'::text))::double precision"], Some(r#"{"a":5}"#));
        check(&["((doc ->> 'a'::text))::boolean"], Some(r#"{"a":true}"#));
        check(&["((doc ->> 'a'::text))::character varying(9)"], Some(r#"{"a":"row 4"}"#));
        let id = r#"{"a":"000278dc-0000-4000-8000-000000000004"}"#;
        check(&["(((doc ->> 'a'::text))::uuid) IS NOT NULL"], Some(id));
    }

    #[test]
    fn a_value_is_one_of_those_that_it_is_compared_with() {
        check(&["((doc ->> 'a'::text) = 'on'::text)"], Some(r#"{"a":"on"}"#));
        let one_of = "((doc ->> 'a'::text) = ANY (ARRAY['on'::text, 'off'::text, 'it''s'::text]))";
        check(&[one_of, "(doc ->> 'a'::text)"], Some(r#"{"a":"off"}"#));
        check(
            &["((doc ->> 'a'::text) = (doc ->> 'b'::text))"],
            Some(r#"{"a":"row 4","b":"row 4"}"#),
        );
    }

    #[test]
    fn all_places_of_all_expressions_are_in_one_document() {
        let (id, end) = ("(doc ->> 'id'::text)", "((doc #>> '{range,end}'::text[]))::integer");
        let start = "COALESCE(((doc -> 'range'::text) ->> 'start'::text), 'none'::text)";
        let expected = r#"{"id":"row 4","range":{"end":5,"start":"row 4"}}"#;
        check(&[id, end, start, "(doc -> 'range'::text)"], Some(expected));
    }

    #[test]
    fn what_reads_no_document_asks_for_none() {
        check(
            &["((a - 1) > 0)", "(b = 'x -> y'::text)", "(a -> b)", "((c)::text <> ''::text)"],
            None,
        );
    }
}
