//! What it means that a table took no row.

use std::collections::BTreeMap;

use super::SeedingOutcome;
use super::demands::Demands;
use super::order::is_needed;
use super::script::{RowRefusal, StepResult};
use super::shape::TypeSort;

/// What is known when a table took no row.
pub(super) struct Evidence<'a, F: Fn(u32) -> Option<&'a Demands>> {
    pub result: &'a StepResult,
    pub plans: F,
    /// Of the tables before this one.
    pub outcomes: &'a BTreeMap<u32, SeedingOutcome>,
}

/// The outcome of one table.
pub(super) fn classify<'a, F>(evidence: &Evidence<'a, F>) -> SeedingOutcome
where
    F: Fn(u32) -> Option<&'a Demands>,
{
    let result = evidence.result;
    if result.taken + result.born > 0 {
        return SeedingOutcome::Seeded { rows: result.taken + result.born };
    }
    let Some(refusal) = plainest(&result.refusals) else {
        return SeedingOutcome::Failed { why: "no row was tried".to_owned() };
    };
    let why = in_words(refusal);
    if let Some(parent) = barren_parent(evidence) {
        return SeedingOutcome::Unseedable { why: format!("{why}; {parent}") };
    }
    let from_code = is_from_code(&refusal.context);
    match refusal.sqlstate.as_str() {
        "23505" | "23P01" if result.rows > 0 && is_narrow(evidence, refusal) => {
            SeedingOutcome::Saturated { why }
        }
        "P0001" | "42P01" | "42703" | "42883" | "" => SeedingOutcome::Unseedable { why },
        "23514" if refusal.message.starts_with("no partition of relation") => {
            SeedingOutcome::Unseedable { why }
        }
        _ if from_code && !refusal.sqlstate.starts_with("22") => SeedingOutcome::Unseedable { why },
        _ => SeedingOutcome::Failed { why },
    }
}

/// Whether every column of this key has only so many values: those that constraints leave, or
/// those of a parent. Where one has room for any number, the fault is ours.
fn is_narrow<'a, F>(evidence: &Evidence<'a, F>, refusal: &RowRefusal) -> bool
where
    F: Fn(u32) -> Option<&'a Demands>,
{
    if is_of_truths(&refusal.detail) {
        return true;
    }
    let Some(demands) = (evidence.plans)(evidence.result.table) else { return true };
    let Some(key) = demands.table.keys.iter().find(|key| key.name == refusal.constraint) else {
        return true;
    };
    key.columns.iter().all(|&column| {
        let few = demands.table.column(column).is_none_or(|column| {
            matches!(column.value_type.sort, TypeSort::Enum(_))
                || column.value_type.base_name() == Some("bool")
        });
        few || demands.groups.iter().any(|group| group.columns.contains(&column))
            || demands.foreign_keys.iter().any(|key| key.columns.contains(&column))
    })
}

/// Whether the key that stands in the way is made of nothing but truth values, as of an expression
/// that lets a table have one row. The detail names it: `Key ((a IS NOT NULL))=(t) already exists.`
fn is_of_truths(detail: &str) -> bool {
    let values = detail.rsplit_once(")=(").and_then(|(_, rest)| rest.split_once(')'));
    values.is_some_and(|(values, _)| values.split(", ").all(|value| matches!(value, "t" | "f")))
}

/// Whether code of the database's own refused, in a trigger or behind a default or a CHECK; the
/// block that inserts is the one function without a name.
fn is_from_code(context: &str) -> bool {
    let functions = ["PL/pgSQL function ", "SQL function "];
    context.lines().any(|line| {
        functions.iter().any(|start| {
            line.strip_prefix(start).is_some_and(|rest| !rest.starts_with("inline_code_block"))
        })
    })
}

/// The plainest row is the first one; of its alternatives the last was the last resort.
fn plainest(refusals: &[RowRefusal]) -> Option<&RowRefusal> {
    refusals.iter().find(|refusal| refusal.sqlstate == "23505").or(refusals.first())
}

fn in_words(refusal: &RowRefusal) -> String {
    let mut words = refusal.message.clone();
    if !refusal.sqlstate.is_empty() {
        words = format!("{}: {words}", refusal.sqlstate);
    }
    if !refusal.detail.is_empty() {
        words = format!("{words} ({})", refusal.detail);
    }
    words
}

/// A parent without which no row can be, and that has none itself.
fn barren_parent<'a, F>(evidence: &Evidence<'a, F>) -> Option<String>
where
    F: Fn(u32) -> Option<&'a Demands>,
{
    let demands = (evidence.plans)(evidence.result.table)?;
    let table = &demands.table;
    let needed = table.foreign_keys.iter().filter(|key| is_needed(table, key));
    needed.filter(|key| key.parent != table.oid).find_map(|key| {
        let parent = (evidence.plans)(key.parent)?.table.name.clone();
        match evidence.outcomes.get(&key.parent)? {
            SeedingOutcome::Unseedable { why } => {
                Some(format!("its parent {parent} takes no row: {why}"))
            }
            _ => None,
        }
    })
}
