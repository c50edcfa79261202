//! Candidates for a column that a constraint speaks of: what its type has to offer, and what can be
//! read off the constraint's own literals.

use std::collections::HashSet;

use super::documents::document;
use super::regex_sample;
use super::shape::{ColumnShape, TypeShape, TypeSort};
use super::values::{edges, in_letters, plain, plain_base, text_room};

/// How many candidates a column gets.
const MOST: usize = 160;
/// How many different values are made of one pattern.
const VARIETY: u64 = 6;
/// The same for regular expressions, which may have to meet something else as well.
const VARIETY_OF_PATTERNS: u64 = 30;
/// A length in a constraint beyond this is a bound, not a shape.
const LONGEST: usize = 2_000;
/// What text is made to hold when a constraint, or a trigger, parses it.
pub(super) const COMMON_SHAPES: [&str; 16] = [
    "a@example.com",
    "https://example.com/path",
    "1.2.3",
    "v1.2.3",
    "2020-01-01",
    "10.0.0.1",
    "UTC",
    "en",
    "USD",
    "a-slug",
    "A",
    "1",
    "{}",
    "00000000-0000-4000-8000-000000000001",
    "#aabbcc",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

/// Another value of one of the [`COMMON_SHAPES`] for each number, where the shape has room for it.
pub(super) fn numbered(shape: &str, number: u64) -> String {
    let low = |bits: u32| number % (1 << bits);
    match shape {
        "a@example.com" => format!("a{number}@example.com"),
        "https://example.com/path" | "a-slug" | "A" => format!("{shape}{number}"),
        "1.2.3" | "v1.2.3" => format!("{}{number}", &shape[..shape.len() - 1]),
        "2020-01-01" => plain_base("date", -1, number),
        "10.0.0.1" => plain_base("inet", -1, number),
        "1" => number.to_string(),
        "00000000-0000-4000-8000-000000000001" => plain_base("uuid", -1, number),
        "#aabbcc" => format!("#{:06x}", low(24)),
        hash if hash.starts_with("sha256:") => format!("sha256:{number:064x}"),
        other => other.to_owned(),
    }
}

/// Candidates in the order of their plainness. `types` are the column's own and later ones.
pub(super) fn candidates(
    column: &ColumnShape,
    types: &[(&TypeShape, i32)],
    expressions: &[&str],
    number: u64,
) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    found.extend(column.default.as_deref().and_then(literal_default));
    let (literals, numbers) = literals_of(expressions);
    for &(value_type, modifier) in types.iter().rev() {
        found.push(plain(value_type, modifier, number));
    }
    if is_array(types) {
        found.extend(literals.iter().map(|text| in_array(&[text])));
        found.push(in_array(&literals.iter().collect::<Vec<_>>()));
    }
    found.extend(literals.iter().cloned());
    for wanted in 0..VARIETY_OF_PATTERNS {
        found.extend(literals.iter().filter_map(|text| from_pattern(text, number + wanted)));
    }
    for wanted in 0..VARIETY {
        let number = number + wanted;
        found.extend(numbers.iter().flat_map(|length| of_length(*length, number)));
        found.extend(
            types.iter().map(|(value_type, modifier)| plain(value_type, *modifier, number)),
        );
    }
    found.extend((0..VARIETY).filter_map(|wanted| document(expressions, number + wanted)));
    for around in &numbers {
        found.extend([-1, 0, 1].map(|step| around.saturating_add(step).to_string()));
    }
    for (below, above) in numbers.iter().zip(numbers.iter().skip(1)) {
        found.push(((*below as f64 + *above as f64) / 2.0).to_string());
        found.push((*above as f64 - 0.25).to_string());
    }
    found.extend(documents(&literals));
    for &(value_type, modifier) in types {
        found.extend(edges(value_type, modifier));
    }
    found.extend(COMMON_SHAPES.map(str::to_owned));
    let (own, modifier) = column.value_type.below_domains(column.modifier);
    let room = match own.base_name() {
        Some("varchar" | "bpchar") => text_room(modifier).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    let mut seen = HashSet::new();
    found.retain(|text| {
        text.chars().count() <= room && may_be_read(&own, text) && seen.insert(text.clone())
    });
    found.truncate(MOST);
    found
}

/// Spares PostgreSQL the candidates that its input functions surely refuse; one of them makes it
/// look at each alone.
fn may_be_read(value_type: &TypeShape, text: &str) -> bool {
    match &value_type.sort {
        TypeSort::Enum(labels) => labels.iter().any(|label| label == text),
        TypeSort::Array(_) => text.starts_with('{') && !text.contains(':'),
        TypeSort::Base(name) => match name.as_str() {
            "int2" => text.parse::<i16>().is_ok(),
            "int4" => text.parse::<i32>().is_ok(),
            "int8" => text.parse::<i64>().is_ok(),
            "numeric" | "float4" | "float8" => text.parse::<f64>().is_ok_and(f64::is_finite),
            "bool" => matches!(text, "true" | "false"),
            "uuid" => text.len() == 36 && text.matches('-').count() == 4,
            "json" | "jsonb" => serde_json::from_str::<serde_json::Value>(text).is_ok(),
            "bytea" => text.starts_with("\\x") && text.len().is_multiple_of(2),
            "date" | "timestamp" | "timestamptz" => {
                text.len() >= 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-'
            }
            _ => true,
        },
        _ => true,
    }
}

/// What a default is, if it is a constant.
pub(super) fn literal_default(expression: &str) -> Option<String> {
    let text = expression.trim();
    if text.starts_with('\'') {
        let (literals, _) = literals_of(&[text]);
        let only_one = text.replace("''", "").matches('\'').count() <= 2;
        // The parts of an array come before the whole.
        return literals.into_iter().next_back().filter(|_| only_one);
    }
    let plain = text.trim_matches(|letter| letter == '(' || letter == ')');
    let constant = matches!(plain, "true" | "false") || plain.parse::<f64>().is_ok();
    constant.then(|| plain.to_owned())
}

/// The texts and the whole numbers that expressions are written with.
fn literals_of(expressions: &[&str]) -> (Vec<String>, Vec<i64>) {
    let (mut texts, mut numbers) = (Vec::new(), Vec::new());
    for expression in expressions {
        let mut letters = expression.chars().peekable();
        let mut before = ' ';
        while let Some(letter) = letters.next() {
            if letter == '\'' {
                let escapes = before == 'E';
                let mut text = String::new();
                while let Some(letter) = letters.next() {
                    match letter {
                        '\'' if letters.peek() == Some(&'\'') => text.extend(letters.next()),
                        '\'' => break,
                        '\\' if escapes => text.extend(letters.next()),
                        letter => text.push(letter),
                    }
                }
                if text.starts_with('{') && text.ends_with('}') {
                    let parts = text[1..text.len() - 1].split(',');
                    texts.extend(parts.map(|part| part.trim_matches('"').to_owned()));
                }
                numbers.extend(text.parse::<i64>());
                texts.push(text);
            } else if letter == '"' {
                letters.by_ref().find(|letter| *letter == '"');
            } else if letter.is_ascii_digit() && !(before.is_alphanumeric() || before == '_') {
                let mut digits = String::from(letter);
                while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                    digits.push(digit);
                }
                let sign = if before == '-' { -1 } else { 1 };
                numbers.extend(digits.parse::<i64>().map(|number| number * sign));
            }
            before = letter;
        }
    }
    let mut seen = HashSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    numbers.sort_unstable();
    numbers.dedup();
    (texts, numbers)
}

/// Of a regular expression, or a pattern of LIKE.
fn from_pattern(text: &str, number: u64) -> Option<String> {
    if text.contains(['^', '$', '[', '\\', '+', '*', '|']) {
        return regex_sample::sample(text, number);
    }
    text.contains('%').then(|| text.replace('%', &format!("row{number}")).replace('_', "x"))
}

/// In letters, in digits and in hexadecimal, for `length(…) = n` and its like.
fn of_length(length: i64, number: u64) -> Vec<String> {
    let Some(length) = usize::try_from(length).ok().filter(|length| (1..=LONGEST).contains(length))
    else {
        return Vec::new();
    };
    let last = |text: String| text[text.len() - length..].to_owned();
    let hexadecimal = |length: usize| format!("{number:0length$x}");
    vec![
        in_letters(length, number),
        last(format!("{number:0length$}")),
        last(hexadecimal(length)),
        in_letters(length + 1, number),
        format!("\\x{}", hexadecimal(2 * length)),
    ]
}

/// JSON that has the keys and values which a constraint names.
fn documents(literals: &[String]) -> Vec<String> {
    let words: Vec<&String> = literals.iter().filter(|text| text.len() < 64).take(6).collect();
    let mut found = Vec::new();
    let shown = |text: &str| serde_json::Value::from(text).to_string();
    for (place, key) in words.iter().enumerate() {
        for value in ["\"row\"", "1", "{}", "[]", "true"] {
            found.push(format!("{{{}: {value}}}", shown(key)));
        }
        for value in &words[place + 1..] {
            found.push(format!("{{{}: {}}}", shown(key), shown(value)));
        }
    }
    let all = |value: &str| {
        let fields: Vec<_> = words.iter().map(|key| format!("{}: {value}", shown(key))).collect();
        format!("{{{}}}", fields.join(", "))
    };
    if !words.is_empty() {
        found.extend([all("\"row\""), all("1"), all("[]")]);
    }
    found
}

fn is_array(types: &[(&TypeShape, i32)]) -> bool {
    types.iter().any(|(value_type, _)| matches!(value_type.sort, TypeSort::Array(_)))
}

fn in_array(texts: &[&String]) -> String {
    let quoted: Vec<_> =
        texts.iter().map(|text| format!("\"{}\"", text.replace('"', "\\\""))).collect();
    format!("{{{}}}", quoted.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_off_an_expression() {
        let (texts, numbers) = literals_of(&[
            "(state = ANY (ARRAY['it''s'::text, 'off'::text])) AND (length(\"a 7\") > 12) \
             AND (x2 <> '-5'::integer) AND tags <@ '{red,\"light blue\"}'::text[]",
        ]);
        assert_eq!(texts, ["it's", "off", "-5", "red", "light blue", "{red,\"light blue\"}"]);
        assert_eq!(numbers, [-5, 12]);
    }

    #[test]
    fn only_a_constant_default_is_a_literal() {
        assert_eq!(literal_default("'a''b'::character varying").as_deref(), Some("a'b"));
        assert_eq!(literal_default("'-1'::integer").as_deref(), Some("-1"));
        assert_eq!(literal_default("(-1)").as_deref(), Some("-1"));
        assert_eq!(literal_default("true").as_deref(), Some("true"));
        for computed in ["now()", "nextval('a_id_seq'::regclass)", "'a'::text || 'b'::text"] {
            assert_eq!(literal_default(computed), None, "{computed}");
        }
    }
}
