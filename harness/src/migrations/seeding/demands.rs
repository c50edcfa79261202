//! All that the rows of one table have to meet: what their own version demands, and what later
//! versions will.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::foresight::Outlook;
use super::harvest;
use super::shape::{ColumnShape, ForeignKey, TableShape, TypeShape, TypeSort, UniqueKey};
use super::sieve::{Candidate, Condition, Problem, Sifted};
use super::table_name::{quote_identifier, quote_literal};
use super::twins::Twins;
use super::values::plain;

/// How many combinations of several columns are tried.
const MOST_COMBINATIONS: usize = 1_200;

/// How many new values a column that is a key gets at least.
const LEAST_OF_A_KEY: usize = 12;

/// What the rows of one table have to meet.
#[derive(Clone, Debug)]
pub(super) struct Demands {
    pub table: Arc<TableShape>,
    /// Those of today, and those that a later version adds.
    pub keys: Vec<UniqueKey>,
    pub foreign_keys: Vec<ForeignKey>,
    /// What later versions demand beyond today's.
    pub outlook: Outlook,
    /// Columns that constraints bind to each other or narrow, each group with what it may hold.
    pub groups: Vec<Group>,
    /// How many rows it should have at once, if many.
    pub variety: usize,
    /// Rows that are equal in keys of which a predicate says where they hold.
    pub twins: Vec<Twins>,
}

/// Columns whose values are chosen together.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub columns: Vec<i16>,
    pub choices: Vec<Candidate>,
    /// What today's version takes, and a later one does not.
    pub refused_later: Vec<Candidate>,
}

/// A CHECK, a domain or a later type, and the columns that it reads.
pub(super) struct Clause {
    pub columns: Vec<i16>,
    /// Its names and types for them.
    pub typed: BTreeMap<i16, (String, String)>,
    pub expression: String,
    /// Further expressions that candidates are read off.
    pub words: Vec<String>,
    pub required: bool,
}

impl Demands {
    /// Without any group: those need PostgreSQL's opinion.
    pub fn new(table: &Arc<TableShape>, outlook: Outlook) -> Self {
        let mut keys = table.keys.clone();
        keys.extend(outlook.keys.iter().map(|later| later.key.clone()));
        let mut foreign_keys = table.foreign_keys.clone();
        foreign_keys.extend(outlook.foreign_keys.iter().cloned());
        let (groups, twins) = (Vec::new(), Vec::new());
        let table = Arc::clone(table);
        Self { table, keys, foreign_keys, outlook, groups, variety: 0, twins }
    }

    /// What must be asked of PostgreSQL: a problem for each column that something narrows.
    pub fn problems(&self, number: u64) -> (Vec<i16>, Vec<Problem>) {
        let clauses = self.clauses();
        let narrowed: BTreeSet<i16> =
            clauses.iter().flat_map(|clause| clause.columns.iter().copied()).collect();
        let columns: Vec<&ColumnShape> =
            narrowed.iter().filter_map(|&column| self.table.column(column)).collect();
        let problems = columns.iter().map(|column| self.column_problem(column, &clauses, number));
        let problems = problems.collect();
        (columns.iter().map(|column| column.number).collect(), problems)
    }

    fn column_problem(&self, column: &ColumnShape, clauses: &[Clause], number: u64) -> Problem {
        let about: Vec<&Clause> =
            clauses.iter().filter(|clause| clause.columns.contains(&column.number)).collect();
        let expressions: Vec<&str> = about
            .iter()
            .flat_map(|clause| clause.words.iter().chain([&clause.expression]))
            .map(String::as_str)
            .collect();
        let candidates = self.column_candidates(column, &expressions, number);
        let own = [Some((column.name.as_str(), column.type_name.as_str()))];
        // The input function has the first word: what it refuses is no candidate.
        let name = quote_identifier(&column.name);
        let readable = format!("{name} IS NULL OR {name}::text IS NOT NULL");
        let mut conditions = vec![Condition::new(&own, &readable, true)];
        for clause in about.iter().filter(|clause| clause.columns.len() == 1) {
            conditions.push(clause.condition(&[column.number]));
        }
        Problem { candidates, conditions }
    }

    /// What a column might hold, the plainest first; NULL among them where all versions take it.
    pub fn column_candidates(
        &self,
        column: &ColumnShape,
        expressions: &[&str],
        number: u64,
    ) -> Vec<Candidate> {
        let mut types: Vec<(&TypeShape, i32)> = vec![(&column.value_type, column.modifier)];
        let later = self.outlook.types.get(&column.number).into_iter().flatten();
        types.extend(later.map(|(value_type, modifier, _)| (value_type.as_ref(), *modifier)));
        let texts = harvest::candidates(column, &types, expressions, number);
        let mut candidates: Vec<Candidate> =
            texts.into_iter().map(|text| vec![Some(text)]).collect();
        if self.table.is_key(column.number) {
            // Those first that no row has had before.
            let count = self.variety.max(LEAST_OF_A_KEY) as u64;
            let numbered = (number..number + count)
                .map(|number| vec![Some(plain(&column.value_type, column.modifier, number))]);
            candidates.splice(..0, numbered);
            let mut seen = BTreeSet::new();
            candidates.retain(|candidate| seen.insert(candidate.clone()));
        }
        if !column.not_null && !self.outlook.not_null.contains(&column.number) {
            candidates.insert(candidates.len().min(3), vec![None]);
        }
        candidates
    }

    /// Given what is left of each column, the groups, and a problem for each that has clauses over
    /// several columns.
    pub fn group(
        &mut self,
        columns: &[i16],
        sifted: Vec<Sifted>,
        number: u64,
    ) -> Vec<(usize, Problem)> {
        let clauses = self.clauses();
        let mut left: BTreeMap<i16, Sifted> = columns.iter().copied().zip(sifted).collect();
        self.groups.clear();
        let mut problems = Vec::new();
        for members in connected(columns, &clauses) {
            let mut group = Group { columns: members.clone(), ..Group::default() };
            if let [only] = members[..] {
                let Some(sifted) = left.remove(&only) else { continue };
                group.choices = self.unlike_first(&members, sifted.passed);
                group.refused_later = sifted.failing.into_iter().filter_map(first).collect();
            } else {
                let choices: Vec<Vec<Option<String>>> = members
                    .iter()
                    .map(|column| {
                        let passed = left.get(column).map(|sifted| sifted.passed.as_slice());
                        passed
                            .unwrap_or_default()
                            .iter()
                            .map(|candidate| candidate[0].clone())
                            .collect()
                    })
                    .collect();
                let conditions = clauses
                    .iter()
                    .filter(|clause| {
                        clause.columns.len() > 1 && members.contains(&clause.columns[0])
                    })
                    .map(|clause| clause.condition(&members))
                    .collect();
                let candidates = combinations(&choices, number);
                problems.push((self.groups.len(), Problem { candidates, conditions }));
            }
            self.groups.push(group);
        }
        problems
    }

    /// Takes the answer to one of the problems that [`Self::group`] posed.
    pub fn settle(&mut self, group: usize, sifted: Sifted) {
        let choices = self.unlike_first(&self.groups[group].columns, sifted.passed);
        self.groups[group].choices = choices;
        self.groups[group].refused_later = sifted.failing.into_iter().filter_map(first).collect();
    }

    /// The choices with those first that no key keeps from standing beside each other.
    fn unlike_first(&self, columns: &[i16], choices: Vec<Candidate>) -> Vec<Candidate> {
        let place = |column: &i16| columns.iter().position(|other| other == column);
        let whole =
            self.keys.iter().filter(|key| key.predicate.is_none() && !key.columns.is_empty());
        let keys: Vec<Vec<usize>> =
            whole.filter_map(|key| key.columns.iter().map(place).collect()).collect();
        let mut taken: Vec<BTreeSet<Vec<String>>> = vec![BTreeSet::new(); keys.len()];
        let (mut unlike, rest): (Vec<_>, Vec<_>) = choices.into_iter().partition(|choice| {
            let values = |key: &Vec<usize>| -> Option<Vec<String>> {
                key.iter().map(|&place| choice[place].clone()).collect()
            };
            let values: Vec<_> = keys.iter().map(values).collect();
            let is_taken = |(taken, values): (&BTreeSet<_>, &Option<_>)| {
                values.as_ref().is_some_and(|values| taken.contains(values))
            };
            if taken.iter().zip(&values).any(is_taken) {
                return false;
            }
            for (taken, values) in taken.iter_mut().zip(values) {
                taken.extend(values);
            }
            true
        });
        unlike.extend(rest);
        unlike
    }

    /// All that narrows columns: checks, domains, and what comes later.
    pub fn clauses(&self) -> Vec<Clause> {
        let table = &self.table;
        let mut clauses: Vec<Clause> = table
            .checks
            .iter()
            .filter(|check| !check.columns.is_empty())
            .map(|check| Clause {
                columns: check.columns.clone(),
                typed: table.typed(&check.columns),
                expression: check.expression.clone(),
                words: check.words.clone(),
                required: true,
            })
            .collect();
        let domains = table
            .columns
            .iter()
            .filter(|column| !column.computed && has_checks(&column.value_type));
        clauses.extend(domains.map(|column| Clause {
            columns: vec![column.number],
            typed: table.typed(&[column.number]),
            // The cast itself refuses.
            expression: "true".to_owned(),
            words: domain_checks(&column.value_type),
            required: true,
        }));
        clauses.extend(self.outlook.checks.iter().map(|check| Clause {
            columns: check.check.columns.clone(),
            typed: check.typed.clone(),
            expression: check.check.expression.clone(),
            words: Vec::new(),
            required: false,
        }));
        for (&column, later) in &self.outlook.types {
            for (value_type, _, type_name) in later {
                clauses.push(type_clause(table, column, value_type, type_name));
            }
        }
        clauses
            .retain(|clause| clause.columns.iter().all(|&number| table.column(number).is_some()));
        clauses
    }
}

impl Clause {
    pub fn condition(&self, columns: &[i16]) -> Condition {
        let typed: Vec<Option<(&str, &str)>> = columns
            .iter()
            .map(|column| self.typed.get(column).map(|(name, of)| (name.as_str(), of.as_str())))
            .collect();
        Condition::new(&typed, &self.expression, self.required)
    }
}

/// Wishes that the text of a value be one that a later type reads too.
fn type_clause(table: &TableShape, column: i16, later: &TypeShape, type_name: &str) -> Clause {
    let name = table.column(column).map(|column| column.name.clone()).unwrap_or_default();
    let quoted = quote_identifier(&name);
    let (as_type, expression) = match &later.sort {
        // It may not exist yet.
        TypeSort::Enum(labels) => {
            let labels: Vec<_> = labels.iter().map(|label| quote_literal(label)).collect();
            ("text".to_owned(), format!("{quoted} IN ({})", labels.join(", ")))
        }
        _ => (type_name.to_owned(), format!("{quoted} IS NULL OR {quoted}::text IS NOT NULL")),
    };
    Clause {
        columns: vec![column],
        typed: BTreeMap::from([(column, (name, as_type))]),
        expression,
        words: Vec::new(),
        required: false,
    }
}

fn has_checks(value_type: &TypeShape) -> bool {
    match &value_type.sort {
        TypeSort::Domain { base, checks, .. } => !checks.is_empty() || has_checks(base),
        TypeSort::Array(element) => has_checks(element),
        _ => false,
    }
}

fn domain_checks(value_type: &TypeShape) -> Vec<String> {
    match &value_type.sort {
        TypeSort::Domain { base, checks, .. } => {
            checks.iter().cloned().chain(domain_checks(base)).collect()
        }
        TypeSort::Array(element) => domain_checks(element),
        _ => Vec::new(),
    }
}

fn first(list: Vec<Candidate>) -> Option<Candidate> {
    list.into_iter().next()
}

/// The columns in groups that clauses bind together.
fn connected(columns: &[i16], clauses: &[Clause]) -> Vec<Vec<i16>> {
    let mut groups: Vec<BTreeSet<i16>> =
        columns.iter().map(|&column| BTreeSet::from([column])).collect();
    for clause in clauses.iter().filter(|clause| clause.columns.len() > 1) {
        let touches =
            |group: &BTreeSet<i16>| clause.columns.iter().any(|column| group.contains(column));
        let (bound, rest): (Vec<_>, Vec<_>) = groups.into_iter().partition(touches);
        groups = rest;
        groups.push(bound.into_iter().flatten().collect());
    }
    groups
        .into_iter()
        .filter(|group| !group.is_empty())
        .map(|group| group.into_iter().collect())
        .collect()
}

/// One value of each list, in all ways if these are few; else in ways spread over all of them, and
/// with each value beside the first ones of the other lists.
pub(super) fn combinations(choices: &[Vec<Option<String>>], number: u64) -> Vec<Candidate> {
    if choices.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    let mut sizes: Vec<usize> = choices.iter().map(|list| list.len().min(2)).collect();
    let product =
        |sizes: &[usize]| sizes.iter().fold(1_usize, |all, size| all.saturating_mul(*size));
    let mut place = 0;
    let mut stuck = 0;
    while stuck < sizes.len() && product(&sizes) <= MOST_COMBINATIONS {
        let mut larger = sizes.clone();
        larger[place] = (larger[place] + 1).min(choices[place].len());
        let grows = larger != sizes && product(&larger) <= MOST_COMBINATIONS;
        stuck = if grows { 0 } else { stuck + 1 };
        sizes = if grows { larger } else { sizes };
        place = (place + 1) % sizes.len();
    }
    let preferred: Vec<Vec<&Option<String>>> =
        choices.iter().map(|list| nulls_second(list)).collect();
    let total = product(&sizes);
    let count = total.min(MOST_COMBINATIONS);
    // Beyond what can be tried one after the other, steps by a number prime to most totals.
    let step = if total > MOST_COMBINATIONS { 7_919 + 2 * number as usize % 1_000 } else { 1 };
    (0..count)
        .map(|index| {
            let mut rest = index.wrapping_mul(step) % total;
            let pick = |(list, size): (&Vec<&Option<String>>, &usize)| {
                let chosen = list[rest % size].clone();
                rest /= size;
                chosen
            };
            preferred.iter().zip(&sizes).map(pick).collect()
        })
        .chain((total > MOST_COMBINATIONS).then(|| one_at_a_time(&preferred)).into_iter().flatten())
        .chain((total > MOST_COMBINATIONS).then(|| one_of_all(choices)).into_iter().flatten())
        .chain(side_by_side(&preferred))
        .collect()
}

/// The first value of each list but one, of which every value has its turn, the first ones first.
fn one_at_a_time(lists: &[Vec<&Option<String>>]) -> Vec<Candidate> {
    let first: Candidate = lists.iter().map(|list| list[0].clone()).collect();
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    let turns = (1..longest).flat_map(|rank| (0..lists.len()).map(move |place| (rank, place)));
    let candidates = turns.filter_map(|(rank, place)| {
        let mut candidate = first.clone();
        candidate[place].clone_from(lists[place].get(rank)?);
        Some(candidate)
    });
    candidates.take(MOST_COMBINATIONS).collect()
}

/// The first of each list, the second of each, and so on: of columns that are keys, each for
/// itself, only such ones go together.
fn side_by_side<'a>(lists: &'a [Vec<&Option<String>>]) -> impl Iterator<Item = Candidate> + 'a {
    let shortest = lists.iter().map(Vec::len).min().unwrap_or(0);
    (0..shortest).map(|rank| lists.iter().map(|list| list[rank].clone()).collect())
}

/// NULL wherever it may be, but in one column in turn: what must hold exactly one of many is met by
/// next to no other combination.
fn one_of_all(choices: &[Vec<Option<String>>]) -> Vec<Candidate> {
    let value = |list: &[Option<String>]| list.iter().find(|value| value.is_some()).cloned();
    let least = |list: &Vec<Option<String>>| match list.contains(&None) {
        true => None,
        false => list[0].clone(),
    };
    let nothing: Candidate = choices.iter().map(least).collect();
    let with_one = |place: usize| {
        let mut candidate = nothing.clone();
        candidate[place] = value(&choices[place])?;
        Some(candidate)
    };
    (0..choices.len()).filter_map(with_one).collect()
}

fn nulls_second(list: &[Option<String>]) -> Vec<&Option<String>> {
    let (nulls, mut others): (Vec<_>, Vec<_>) = list.iter().partition(|value| value.is_none());
    if let Some(null) = nulls.first() {
        others.insert(others.len().min(1), *null);
    }
    others
}
