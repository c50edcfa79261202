//! Pairs of rows that are equal in a unique key which holds for a part of the rows only: some that a
//! later version refuses, and some that lie outside of it and may stay.

use std::collections::{BTreeMap, BTreeSet};

use super::demands::{Clause, Demands, combinations};
use super::shape::UniqueKey;
use super::sieve::{Candidate, Problem, Sifted};

/// A pair of rows that today's version takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Twins {
    /// Where the two are equal.
    pub key: Vec<i16>,
    /// The columns that predicates read, and those bound to them, with what both rows have there.
    pub columns: Vec<i16>,
    pub values: Candidate,
}

/// Asks for twins in one key, on one side of its predicate.
#[derive(Debug)]
pub(super) struct Question {
    pub problem: Problem,
    key: Vec<i16>,
    columns: Vec<i16>,
}

/// A key that is partial, or takes the place of one that is.
struct Partial<'a> {
    key: &'a UniqueKey,
    /// Its names and types for the columns that its predicate reads.
    typed: BTreeMap<i16, (String, String)>,
    /// Today's keys in which its twins are equal, too.
    shared: Vec<&'a UniqueKey>,
    /// What all these predicates read.
    read: BTreeSet<i16>,
}

impl Question {
    /// The twins, if PostgreSQL let any candidate pass.
    pub fn answered(self, sifted: Sifted) -> Option<Twins> {
        let values = sifted.passed.into_iter().next()?;
        Some(Twins { key: self.key, columns: self.columns, values })
    }
}

impl Demands {
    /// For each key that is partial, or that was so until now: twins within its predicate, which
    /// today's keys take, twins outside, and twins of which the predicate reads nothing but NULL.
    pub fn questions_for_twins(&self, number: u64) -> Vec<Question> {
        self.partial_keys().iter().flat_map(|partial| self.questions(partial, number)).collect()
    }

    /// Whether a later key gets its refused rows as twins.
    pub fn has_twins_in(&self, key: &UniqueKey) -> bool {
        self.twins.iter().any(|twins| twins.key == key.columns)
    }

    fn partial_keys(&self) -> Vec<Partial<'_>> {
        let later = self.outlook.keys.iter().map(|later| (&later.key, later.typed.clone()));
        let today = self.table.keys.iter().map(|key| (key, self.table.typed(key.read())));
        let keys = later.chain(today).filter(|(key, _)| !key.primary && !key.exclusion);
        keys.filter_map(|(key, typed)| self.partial(key, typed)).collect()
    }

    fn partial<'a>(
        &'a self,
        key: &'a UniqueKey,
        typed: BTreeMap<i16, (String, String)>,
    ) -> Option<Partial<'a>> {
        let within = |other: &&UniqueKey| {
            !other.columns.is_empty() && other.columns.iter().all(|it| key.columns.contains(it))
        };
        let shared: Vec<&UniqueKey> = self.table.keys.iter().filter(within).collect();
        let always = shared.iter().any(|other| other.predicate.is_none());
        let read = shared.iter().chain([&key]).flat_map(|key| key.read());
        let read: BTreeSet<i16> = read.copied().collect();
        (!always && !read.is_empty()).then_some(Partial { key, typed, shared, read })
    }

    /// With those that constraints bind to them.
    fn bound_to(&self, read: &BTreeSet<i16>) -> Vec<i16> {
        let touched =
            self.groups.iter().filter(|group| group.columns.iter().any(|it| read.contains(it)));
        let all: BTreeSet<i16> =
            touched.flat_map(|group| &group.columns).chain(read).copied().collect();
        all.into_iter().collect()
    }

    fn questions(&self, partial: &Partial, number: u64) -> Vec<Question> {
        let Partial { key, typed, shared, read } = partial;
        let columns = self.bound_to(read);
        let mut clauses = self.clauses();
        clauses.retain(|clause| clause.columns.iter().all(|column| columns.contains(column)));
        let taken_today =
            |other: &&UniqueKey| on_side(other, &self.table.typed(other.read()), "IS NOT TRUE");
        clauses.extend(shared.iter().map(taken_today));
        let values: Vec<Vec<Option<String>>> =
            columns.iter().map(|&column| self.values_for(column, &clauses, key, number)).collect();
        let ask = |candidates: Vec<Candidate>, side: Option<Clause>| {
            let asked = clauses.iter().chain(&side);
            let conditions = asked.map(|clause| clause.condition(&columns)).collect();
            let problem = Problem { candidates, conditions };
            Question { problem, key: key.columns.clone(), columns: columns.clone() }
        };
        let all = combinations(&values, number);
        let nothing_read = columns.iter().zip(&values).map(|(column, list)| {
            let is_kept = |value: &&Option<String>| !read.contains(column) || value.is_none();
            list.iter().filter(is_kept).cloned().collect()
        });
        let nothing_read: Vec<Vec<Option<String>>> = nothing_read.collect();
        let nothing = combinations(&nothing_read, number);
        vec![
            ask(all.clone(), Some(on_side(key, typed, "IS TRUE"))),
            ask(all, Some(on_side(key, typed, "IS NOT TRUE"))),
            ask(nothing, None),
        ]
    }

    /// What a column that a predicate reads may hold.
    fn values_for(
        &self,
        column: i16,
        clauses: &[Clause],
        key: &UniqueKey,
        number: u64,
    ) -> Vec<Option<String>> {
        let group = self.groups.iter().find_map(|group| {
            let place = group.columns.iter().position(|it| *it == column)?;
            Some(group.choices.iter().map(|choice| choice[place].clone()).collect::<Vec<_>>())
        });
        if let Some(mut values) = group {
            let mut seen = BTreeSet::new();
            values.retain(|value| seen.insert(value.clone()));
            return values;
        }
        let Some(shape) = self.table.column(column) else { return Vec::new() };
        let own = key.predicate.iter().map(|it| it.expression.as_str());
        let about = clauses.iter().filter(|clause| clause.columns.contains(&column));
        let expressions = about.map(|clause| clause.expression.as_str()).chain(own);
        let expressions: Vec<&str> = expressions.collect();
        let candidates = self.column_candidates(shape, &expressions, number);
        candidates.into_iter().flatten().collect()
    }
}

/// Holds for rows of which a key's predicate says so.
fn on_side(key: &UniqueKey, typed: &BTreeMap<i16, (String, String)>, side: &str) -> Clause {
    let predicate = key.predicate.as_ref().map_or("true", |it| it.expression.as_str());
    Clause {
        columns: key.read().to_vec(),
        typed: typed.clone(),
        expression: format!("({predicate}) {side}"),
        words: Vec::new(),
        required: true,
    }
}
