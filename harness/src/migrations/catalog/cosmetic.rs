//! Differences that can be seen and mean nothing.
//!
//! - the order of a table's columns: it depends on what was dropped and added again;
//! - white space in the body of an SQL or PL/pgSQL function;
//! - a literal that is the time at which it was made: within a day of the catalog's reading;
//! - casts of string literals, and of arrays of them, between `text` and `character varying`:
//!   PostgreSQL writes `IN ('a')` on a varchar column in two ways, depending on whether it read the
//!   list or its own wording of it;
//! - a partition named by the date at which it was made, where the other catalog has the one of
//!   another day.
//!
//! A name that PostgreSQL chose is like any other: `jobs_state_check1` instead of
//! `jobs_state_check` is a change, since later migrations drop by name.

use std::collections::HashSet;

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};

use super::object::Object;
use crate::migrations::sql::lexer::{TokenKind, tokens};

/// Attributes that hold expressions in PostgreSQL's wording.
const EXPRESSIONS: [&str; 6] =
    ["definition", "index_definition", "default", "generated", "using", "with_check"];
/// How many days ahead partitions are made.
const DAYS_AHEAD: u64 = 40;

/// Tells what means nothing between two catalogs.
pub(super) struct Cosmetic {
    /// When the catalogs were read.
    clocks: [DateTime<Utc>; 2],
    /// Partitions that stand for those of another day.
    dated: HashSet<Box<str>>,
}

impl Cosmetic {
    /// Between these objects, read at these times.
    pub(super) fn between(
        before: &[&Object],
        after: &[&Object],
        clocks: [DateTime<Utc>; 2],
    ) -> Self {
        let days = clocks.map(|clock| clock.date_naive());
        Self { clocks, dated: dated_partitions(before, after, days) }
    }

    /// Whether an object that only one catalog has is, or belongs to, a partition named by a date.
    pub(super) fn is_for_today(&self, object: &Object) -> bool {
        self.dated.contains(relation_of(object))
    }

    /// Whether the values of an attribute say the same, apart from what other objects tell: a
    /// column that was added stands in the table's list of columns too.
    pub(super) fn is_no_difference(
        &self,
        attribute: &str,
        values: (Option<&str>, Option<&str>),
    ) -> bool {
        let (Some(before), Some(after)) = values else { return false };
        let common = |one: &str, other: &str| -> Vec<String> {
            let other: HashSet<String> = names(other).collect();
            names(one).filter(|name| other.contains(name)).collect()
        };
        attribute == "columns" && common(before, after) == common(after, before)
    }

    /// Whether two different values of an attribute mean the same.
    pub(super) fn means_nothing(
        &self,
        object: &Object,
        attribute: &str,
        values: (Option<&str>, Option<&str>),
    ) -> bool {
        let (Some(before), Some(after)) = values else { return attribute == "columns" };
        match attribute {
            "columns" => true,
            "body" => {
                matches!(object.attribute("language"), Some("sql" | "plpgsql"))
                    && words(before).eq(words(after))
            }
            _ => {
                EXPRESSIONS.contains(&attribute)
                    && meaning(before, self.clocks[0]) == meaning(after, self.clocks[1])
            }
        }
    }
}

/// The names in a list of columns, which may be quoted and hold commas.
fn names(list: &str) -> impl Iterator<Item = String> {
    let mut parts = Vec::new();
    let mut name = String::new();
    for token in tokens(list) {
        match (token.kind, token.text) {
            (TokenKind::Symbol, ",") => parts.push(std::mem::take(&mut name)),
            (TokenKind::Space, _) => {}
            (_, text) => name.push_str(text),
        }
    }
    parts.push(name);
    parts.into_iter()
}

/// What a body says, its comments among it, word by word.
fn words(text: &str) -> impl Iterator<Item = &str> {
    tokens(text).flat_map(|token| {
        let blank = token.is_blank().then(|| token.text.split_whitespace());
        let said = (!token.is_blank()).then_some(token.text);
        blank.into_iter().flatten().chain(said)
    })
}

/// An expression without what makes no difference: casts of string literals to string types,
/// parentheses around one thing, and the time of its making.
fn meaning(text: &str, read_at: DateTime<Utc>) -> Vec<&str> {
    let mut plain: Vec<&str> = Vec::new();
    let mut rest = tokens(text).filter(|token| !token.is_blank()).peekable();
    while let Some(token) = rest.next() {
        let casts = token.text == ":" && rest.peek().is_some_and(|next| next.text == ":");
        if casts && ends_in_strings(&plain) {
            let target: Vec<&str> = rest.clone().skip(1).take(4).map(|next| next.text).collect();
            if let Some(length) = length_of_string_type(&target) {
                rest.by_ref().take(1 + length).for_each(drop);
                continue;
            }
        }
        match token.kind {
            TokenKind::String if is_time_near(token.text, read_at) => plain.push("'now'"),
            _ => plain.push(token.text),
        }
        if token.text == ")" {
            take_parentheses_off(&mut plain);
        }
    }
    plain
}

/// How many tokens name `text`, `character varying` or an array of them, at the beginning.
fn length_of_string_type(target: &[&str]) -> Option<usize> {
    let name = match target {
        ["text", ..] => 1,
        ["character", "varying", ..] => 2,
        _ => return None,
    };
    match &target[name..] {
        ["[", "]", ..] => Some(name + 2),
        ["(", ..] => None,
        _ => Some(name),
    }
}

/// Whether the expression read so far ends in a string, or in `ARRAY[…]` of nothing but strings.
fn ends_in_strings(plain: &[&str]) -> bool {
    let is_string = |text: &&str| text.starts_with('\'') || text.starts_with("E'");
    if plain.last().is_some_and(is_string) {
        return true;
    }
    let Some(open) = start_of_array(plain) else { return false };
    plain[open + 1..plain.len() - 1].iter().all(|text| *text == "," || is_string(text))
}

/// Where the bracket opens of the `ARRAY[…]` without inner brackets that stands at the end.
fn start_of_array(plain: &[&str]) -> Option<usize> {
    let open = plain.iter().rposition(|text| *text == "[")?;
    let inner = plain.get(open + 1..plain.len().checked_sub(1)?)?;
    let flat = plain.last() == Some(&"]") && !inner.contains(&"]");
    (flat && open > 0 && plain[open - 1] == "ARRAY").then_some(open)
}

/// `(x)` at the end becomes `x` where it is one thing and not the argument of a call.
fn take_parentheses_off(plain: &mut Vec<&str>) {
    let Some(open) = plain.iter().rposition(|text| *text == "(") else { return };
    let inner = &plain[open + 1..plain.len() - 1];
    let one_thing = inner.len() == 1 || start_of_array(inner) == Some(1);
    let is_call = open > 0
        && plain[open - 1].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"');
    if one_thing && !is_call {
        plain.pop();
        plain.remove(open);
    }
}

/// Whether a literal is a date or a time within a day of another.
fn is_time_near(literal: &str, read_at: DateTime<Utc>) -> bool {
    let date = literal.get(1..11).and_then(|date| NaiveDate::parse_from_str(date, "%Y-%m-%d").ok());
    date.is_some_and(|date| (date - read_at.date_naive()).num_days().abs() <= 1)
}

/// The relation that an object is or belongs to.
fn relation_of(object: &Object) -> &str {
    match (object.attribute("table"), &*object.key.of) {
        (Some(table), _) => table,
        (None, "") => &object.key.name,
        (None, of) => of,
    }
}

/// The partitions that only one side has, where the other has one instead whose name differs in
/// the date alone, and one of the two is that of these days.
fn dated_partitions(
    before: &[&Object],
    after: &[&Object],
    days: [NaiveDate; 2],
) -> HashSet<Box<str>> {
    let lone = |own: &[&Object], others: &[&Object]| -> Vec<(Box<str>, String, bool)> {
        let others: HashSet<&str> = others.iter().map(|object| &*object.key.name).collect();
        own.iter()
            .filter(|object| object.attribute("partition_bound").is_some())
            .filter(|object| !others.contains(&*object.key.name))
            .filter_map(|object| {
                let (mask, near) = without_date(&object.key.name, days)?;
                Some((object.key.name.clone(), mask, near))
            })
            .collect()
    };
    let (before, after) = (lone(before, after), lone(after, before));
    let paired = |own: &[(Box<str>, String, bool)], others: &[(Box<str>, String, bool)]| {
        own.iter()
            .filter(|(_, mask, near)| {
                others.iter().any(|(_, other, other_near)| other == mask && (*near || *other_near))
            })
            .map(|(name, _, _)| name.clone())
            .collect::<Vec<_>>()
    };
    [paired(&before, &after), paired(&after, &before)].concat().into_iter().collect()
}

/// A name with its date masked (`2026_11_22`, `20261122`, `2026-11`), and whether that date is
/// one for which partitions are made in these days.
fn without_date(name: &str, days: [NaiveDate; 2]) -> Option<(String, bool)> {
    let digits = |c: char| c.is_ascii_digit();
    let start = name.char_indices().map(|(at, _)| at).find(|at| {
        let before = name[..*at].chars().next_back();
        name[*at..].starts_with("20") && !before.is_some_and(digits)
    })?;
    let rest = &name[start..];
    let end = rest.find(|c: char| !digits(c) && c != '_' && c != '-').unwrap_or(rest.len());
    let end = rest[..end].trim_end_matches(['_', '-']).len();
    let number: String = rest[..end].chars().filter(|c| digits(*c)).collect();
    let (date, is_month) = match number.len() {
        8 => (NaiveDate::parse_from_str(&number, "%Y%m%d").ok()?, false),
        6 => (NaiveDate::parse_from_str(&format!("{number}01"), "%Y%m%d").ok()?, true),
        _ => return None,
    };
    let near = days.into_iter().any(|day| {
        let last = day + Days::new(DAYS_AHEAD);
        let first = if is_month { day.with_day(1) } else { day.pred_opt() };
        first.is_some_and(|first| (first..=last).contains(&date))
    });
    Some((format!("{}#{}", &name[..start], &rest[end..]), near))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> DateTime<Utc> {
        "2026-11-22T03:00:00Z".parse().unwrap()
    }

    #[track_caller]
    fn check(same: bool, one: &str, other: &str) {
        assert_eq!(meaning(one, clock()) == meaning(other, clock()), same, "{one}\n{other}");
    }

    #[test]
    fn white_space_in_a_body_is_no_difference_and_a_comment_or_a_text_is() {
        let body = "BEGIN\n  -- raises it\n  x := 'a  b'; END";
        let same = |other: &str| words(body).eq(words(other));
        assert!(same("BEGIN -- raises   it \n x := 'a  b';\nEND"));
        assert!(!same("BEGIN x := 'a  b'; END"));
        assert!(!same("BEGIN -- raises it\n x := 'a b'; END"));
    }

    #[test]
    fn casts_of_equal_meaning_are_equal() {
        check(
            true,
            "CHECK (((state)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
            "CHECK (((state)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))",
        );
        check(true, "'new'::text", "'new'::character varying");
        check(false, "'new'::text", "'old'::text");
        check(false, "'new'::character varying(2)", "'new'::text");
        check(false, "((id)::text)", "id");
        check(false, "lower(state)", "lower state");
        check(false, "(a OR b) AND c", "a OR (b AND c)");
        check(false, "ARRAY['a'::text]", "ARRAY['a'::text, 'b'::text]");
    }

    #[test]
    fn the_time_of_its_making_is_no_difference_and_any_other_is() {
        check(
            true,
            "'2026-11-22 02:59:59.5+00'::timestamp with time zone",
            "'2026-11-21 23:00:00+00'::timestamp with time zone",
        );
        check(false, "'2025-01-01'::date", "'2025-01-02'::date");
        check(false, "'2026-11-22'::date", "'2025-01-02'::date");
    }

    #[test]
    fn dates_in_names_are_found() {
        let days = [clock().date_naive(); 2];
        for (name, expected) in [
            ("public.events_2026_11_22", Some(("public.events_#", true))),
            ("public.events_20261123_default", Some(("public.events_#_default", true))),
            ("public.events_2026_12", Some(("public.events_#", true))),
            ("public.events_2026_10", Some(("public.events_#", false))),
            ("public.events_y2024m01", None),
            ("public.events_1", None),
            ("public.events_20", None),
        ] {
            let found = without_date(name, days);
            let found = found.as_ref().map(|(mask, near)| (mask.as_str(), *near));
            assert_eq!(found, expected, "{name}");
        }
    }
}
