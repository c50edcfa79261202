//! Expressions that hand what they read to a function of the project's own, as `to_state(doc ->>
//! 'state')`: what the function casts it to is what there must be.

use serde::Deserialize;

use super::table_name::quote_literal;
use crate::migrations::sql::{Token, TokenKind, tokens};

/// A function of one argument, and what it casts that to.
#[derive(Deserialize)]
pub(super) struct FunctionCast {
    function: String,
    /// The type's first word.
    #[serde(rename = "type")]
    type_name: String,
    /// What there is of it, if it is an enum.
    labels: Vec<String>,
}

/// The expression with the cast in place of each call, or with a comparison that says as much.
pub(super) fn in_place_of_calls(expression: &str, casts: &[FunctionCast]) -> String {
    let tokens: Vec<Token> = tokens(expression).collect();
    let mut inlined = String::new();
    // The parentheses that are open, each with what is to follow it.
    let mut open: Vec<Option<&FunctionCast>> = Vec::new();
    for (place, token) in tokens.iter().enumerate() {
        let called = |place: usize| {
            let name = tokens.get(place).filter(|token| token.kind == TokenKind::Word)?;
            casts.iter().find(|cast| cast.function == name.text)
        };
        let opens =
            |place: usize| tokens.get(place).is_some_and(|token| token.kind == TokenKind::Open);
        if called(place).is_some() && opens(place + 1) {
            continue;
        }
        inlined.push_str(token.text);
        match token.kind {
            TokenKind::Open => open.push(place.checked_sub(1).and_then(called)),
            TokenKind::Close => inlined.extend(open.pop().flatten().map(FunctionCast::as_suffix)),
            _ => {}
        }
    }
    inlined
}

impl FunctionCast {
    fn as_suffix(&self) -> String {
        if self.labels.is_empty() {
            return format!("::{}", self.type_name);
        }
        let labels: Vec<String> = self.labels.iter().map(|label| quote_literal(label)).collect();
        format!(" = ANY (ARRAY[{}])", labels.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_become_what_they_cast_to() {
        let cast = |function: &str, type_name: &str, labels: &[&str]| FunctionCast {
            function: function.to_owned(),
            type_name: type_name.to_owned(),
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
        };
        let casts = [cast("to_time", "timestamp", &[]), cast("to_state", "state", &["on", "it's"])];
        for (expression, expected) in [
            ("to_time((doc ->> 'at'::text))", "((doc ->> 'at'::text))::timestamp"),
            ("to_state((doc ->> 's'::text))", "((doc ->> 's'::text)) = ANY (ARRAY['on', 'it''s'])"),
            ("(date_part('day', to_time(f(a))) > 1)", "(date_part('day', (f(a))::timestamp) > 1)"),
            ("(to_time > 1)", "(to_time > 1)"),
        ] {
            assert_eq!(in_place_of_calls(expression, &casts), expected);
        }
    }
}
