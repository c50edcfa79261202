//! Rows for every table of one version.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sqlx::PgConnection;

use super::classify::{Evidence, classify};
use super::coverage::{self, Coverage};
use super::demands::Demands;
use super::generator::{Generator, Remedy};
use super::order::{is_needed, parents_first};
use super::row::{
    Row, SILENT, bare_insertion, census, existing_keys, insertion, joint_insertion, plain_insertion,
};
use super::script::{self, Made, Step, StepResult};
use super::shape::TableShape;
use super::shape_reader::ShapeReader;
use super::sieve::sift;
use super::ties::tied;
use super::{Foresight, Population, SeedingError, SeedingOutcome, TableName, TableSeeding};
use crate::seed::Seed;

/// How many rows are taken of what a constraint lets a table's columns hold.
const MOST_CHOSEN: usize = 3;
/// How many of a parent's rows are looked up where it got too few new ones.
const PARENTS_LOOKED_UP: usize = 16;

/// Generates rows for every table, version after version.
///
/// A table's first rows, and its first after it changed, are a handful of every kind: plain ones,
/// as little as possible, values at the edges of their types, and one for each thing that a later
/// version will refuse. After that it gets one row for each version, in turn of each kind.
#[derive(Debug)]
pub struct Seeder {
    foresight: Foresight,
    excluded: BTreeSet<TableName>,
    reader: ShapeReader,
    plans: BTreeMap<u32, Plan>,
    /// Parents first; tables that need each other stand together.
    order: Vec<Vec<u32>>,
    /// Columns of tables that rows of others cannot do without.
    leant_on: BTreeMap<u32, BTreeSet<i16>>,
    number: u64,
}

/// What is known of a table from version to version.
#[derive(Debug)]
struct Plan {
    demands: Demands,
    /// Rows of ours that it has taken.
    count: u64,
    /// Those that it had when its values were picked.
    count_at_choice: u64,
    /// Whether it has not had its first rows in this shape.
    fresh: bool,
    /// Whether it ever refused a row in this shape.
    choosy: bool,
    /// What its rows were found to need.
    remedy: Remedy,
    /// Whether it refused a row whose turn it was, and then took another that was not found out.
    moody: bool,
    /// Whether it took rows of what a constraint lets its columns hold, as it stands, and no other.
    by_choice: bool,
    /// Whether it refused even the oddest rows in this shape.
    hopeless: bool,
    /// What others' partitions want of it.
    coverage: Coverage,
}

impl Plan {
    /// Whether a key is made of values that were picked beforehand, or that a sequence gives, and
    /// others may still do.
    fn may_have_used_up_its_values(&self) -> bool {
        let is_picked =
            |column: &i16| self.demands.groups.iter().any(|group| group.columns.contains(column));
        let is_counted = |column: &i16| self.demands.table.is_counted(*column);
        let mut columns = self.demands.keys.iter().flat_map(|key| &key.columns);
        !self.hopeless && columns.any(|column| is_picked(column) || is_counted(column))
    }
}

impl Seeder {
    /// A seeder that knows what later versions demand.
    pub fn new(seed: Seed, foresight: Foresight) -> Self {
        Self {
            foresight,
            excluded: BTreeSet::new(),
            reader: ShapeReader::default(),
            plans: BTreeMap::new(),
            order: Vec::new(),
            leant_on: BTreeMap::new(),
            // Different seeds begin elsewhere, and with them every value that a number decides.
            number: seed.0 % 1_000,
        }
    }

    /// Leaves these tables alone, like a migration tool's own tracking table.
    #[must_use]
    pub fn excluding(mut self, tables: impl IntoIterator<Item = TableName>) -> Self {
        self.excluded.extend(tables);
        self
    }

    /// Adds rows to every table of the user's schemas, and says how each fared. Call it outside
    /// any transaction, after a migration's commit.
    ///
    /// # Errors
    /// PostgreSQL is gone. A table that takes no row is no error.
    pub async fn seed(
        &mut self,
        connection: &mut PgConnection,
        version: &str,
    ) -> Result<Vec<TableSeeding>, SeedingError> {
        self.reader.read(connection).await?;
        let made = self.fill(connection, version).await?;
        Ok(self.outcomes(&made.results))
    }

    /// The same, of the tables as a population saw them at its last look, which is the one after
    /// the migration; the population takes the rows as born at this version.
    ///
    /// # Errors
    /// As [`Seeder::seed`].
    pub async fn seed_into(
        &mut self,
        connection: &mut PgConnection,
        version: &str,
        population: &mut Population,
    ) -> Result<Vec<TableSeeding>, SeedingError> {
        self.reader = population.shapes(connection).await?.clone();
        let made = self.fill(connection, version).await?;
        let seeded = self.outcomes(&made.results);
        population.settle_made(connection, version, made).await?;
        Ok(seeded)
    }

    async fn fill(
        &mut self,
        connection: &mut PgConnection,
        version: &str,
    ) -> Result<Made, SeedingError> {
        self.plan(connection, version).await?;
        let steps = self.steps(|_| true, false);
        let made = match script::run(connection, &steps).await? {
            Some(made) => Some(made),
            None => script::run(connection, &self.steps(|_| true, true)).await?,
        };
        let mut made = made.expect("every step has all that it may try");
        self.number += most_rows(&steps);
        self.try_last_resorts(connection, &mut made).await?;
        Ok(made)
    }

    /// Tables that took no row, and are not full, get another chance with odder rows; then those
    /// that need them are tried again.
    async fn try_last_resorts(
        &mut self,
        connection: &mut PgConnection,
        made: &mut Made,
    ) -> Result<(), SeedingError> {
        let results = &mut made.results;
        let used_up: Vec<u32> = results
            .iter()
            .filter(|result| result.is_full())
            .map(|result| result.table)
            .filter(|oid| self.plans.get(oid).is_some_and(Plan::may_have_used_up_its_values))
            .collect();
        self.ask_for_values(connection, &used_up).await?;
        let refused = results
            .iter()
            .filter(|result| result.is_refused())
            .map(|result| result.table)
            .filter(|oid| self.plans.get(oid).is_some_and(|plan| !plan.hopeless));
        let refused: BTreeSet<u32> = refused.chain(used_up).collect();
        if refused.is_empty() {
            return Ok(());
        }
        for oid in &refused {
            self.plans.entry(*oid).and_modify(|plan| plan.fresh = true);
        }
        let mut steps = self.steps(|oid| refused.contains(&oid), true);
        let before_remedies: BTreeMap<u32, usize> =
            steps.iter_mut().map(|step| (step.table, self.add_odder_rows(step))).collect();
        let again = script::run(connection, &steps).await?;
        let again = again.expect("every step has all that it may try");
        made.stirred.extend(again.stirred);
        made.horizon = again.horizon;
        for result in again.results {
            let generator = self.generator(result.table);
            let remedies = generator.as_ref().map(Generator::last_resorts);
            let chosen = generator.is_some_and(|generator| !generator.chosen_rows().is_empty());
            let Some(plan) = self.plans.get_mut(&result.table) else { continue };
            if result.taken > 0 {
                let place = result.refusals.len().checked_sub(before_remedies[&result.table]);
                match place.and_then(|place| remedies?.into_iter().nth(place)) {
                    Some(remedy) => plan.remedy = remedy,
                    None if chosen => plan.by_choice = true,
                    None => plan.moody = true,
                }
            }
            plan.hopeless = result.taken == 0;
            plan.fresh = false;
            if let Some(first) = results.iter_mut().find(|first| first.table == result.table) {
                first.taken = result.taken;
                first.made.extend(result.made);
            }
        }
        self.number += most_rows(&steps);
        Ok(())
    }

    /// Lets the step go on with odder rows until one is taken, and says how many refusals come
    /// before the first that tries a remedy: with a moody table, none.
    fn add_odder_rows(&self, step: &mut Step) -> usize {
        step.enough = 1;
        let (Some(plan), Some(generator)) =
            (self.plans.get(&step.table), self.generator(step.table))
        else {
            return 0;
        };
        let table = &generator.demands.table;
        let remedies = (0..).zip(generator.last_resorts());
        let cured = remedies.map(|(place, remedy)| generator.row_with(&remedy, place));
        let cured = self.each_alone(table, cured);
        let (strewn, chosen) = (generator.strewn_rows(), generator.chosen_rows());
        if !strewn.is_empty() {
            step.wanted = strewn.len();
        }
        if !chosen.is_empty() {
            step.enough = MOST_CHOSEN;
        }
        let most = strewn.len().max(PARENTS_LOOKED_UP);
        step.parents = self.lookups(generator.all_parents(), &self.returned_columns(), most);
        let elsewhere = generator.spread_rows().into_iter().chain(chosen);
        // A sequence may lie behind the rows that a migration copied.
        let elsewhere = elsewhere.chain([generator.row_with_keys()]);
        step.rows.extend(self.each_alone(table, elsewhere.chain(strewn)));
        let usual = std::mem::take(&mut step.rows);
        let before = if plan.moody { 0 } else { usual.iter().map(Vec::len).sum() };
        if let (true, Some(first)) = (plan.moody, cured.first()) {
            step.all.clone_from(&first[0]);
        }
        step.rows = if plan.moody { [cured, usual] } else { [usual, cured] }.concat();
        before
    }

    /// Rows without alternatives, as a step has them.
    fn each_alone(
        &self,
        table: &TableShape,
        rows: impl IntoIterator<Item = Row>,
    ) -> Vec<Vec<String>> {
        let returned = self.returned_columns();
        let columns = self.returned_of(table, &returned);
        rows.into_iter().map(|row| vec![insertion(table, &[row], columns)]).collect()
    }

    async fn plan(
        &mut self,
        connection: &mut PgConnection,
        version: &str,
    ) -> Result<(), SeedingError> {
        let tables: BTreeMap<u32, Arc<TableShape>> = self
            .reader
            .tables()
            .iter()
            .filter(|(_, table)| !self.excluded.contains(&table.name))
            .map(|(oid, table)| (*oid, Arc::clone(table)))
            .collect();
        self.plans.retain(|oid, _| tables.contains_key(oid));
        let oids: BTreeMap<&TableName, u32> =
            tables.iter().map(|(oid, table)| (&table.name, *oid)).collect();
        let tied = tied(&tables);
        let mut fresh = Vec::new();
        for (declared, table) in tables.values().zip(tied.values()) {
            if self.plans.get(&table.oid).is_some_and(|plan| plan.demands.table == *table) {
                continue;
            }
            let outlook = self.foresight.outlook(version, declared, |name| oids.get(name).copied());
            let before = self.plans.remove(&table.oid);
            let plan = Plan {
                demands: Demands::new(table, outlook),
                count: before.as_ref().map_or(0, |plan| plan.count),
                count_at_choice: 0,
                fresh: true,
                choosy: false,
                remedy: before.as_ref().map(|plan| plan.remedy.clone()).unwrap_or_default(),
                moody: false,
                by_choice: false,
                hopeless: false,
                coverage: before.map(|plan| plan.coverage).unwrap_or_default(),
            };
            self.plans.insert(table.oid, plan);
            fresh.push(table.oid);
        }
        self.cover_partitions(connection, &tied, &mut fresh).await?;
        if !fresh.is_empty() || self.order.iter().flatten().count() != tables.len() {
            self.order = parents_first(&tied);
            self.leant_on = leant_on(tied.values());
        }
        self.ask_for_values(connection, &fresh).await
    }

    /// Tables of which partitions want other rows than before get their first rows again, with
    /// these.
    async fn cover_partitions(
        &mut self,
        connection: &mut PgConnection,
        tables: &BTreeMap<u32, Arc<TableShape>>,
        fresh: &mut Vec<u32>,
    ) -> Result<(), SeedingError> {
        let wanted = coverage::wanted(tables);
        for (oid, plan) in &mut self.plans {
            let table = &plan.demands.table;
            let of_table = wanted.get(&table.root);
            if of_table == plan.coverage.wanted.as_ref() && !fresh.contains(oid) {
                continue;
            }
            let mut coverage = Coverage::default();
            if let Some(wanted) = of_table {
                let is_part = |other: &&Arc<TableShape>| {
                    other.root == table.root && other.oid != other.root && !other.partitioned
                };
                coverage.rows = wanted.rows(tables.values().filter(is_part).count());
                let refers = coverage::widest_key(table, wanted.column, tables).is_some();
                if !refers && table.root == *oid {
                    coverage.values = coverage::values(connection, table, wanted).await?;
                    coverage.rows = 0;
                }
                coverage.wanted = Some(wanted.clone());
                plan.fresh = true;
                if !fresh.contains(oid) {
                    fresh.push(*oid);
                }
            }
            plan.demands.variety = coverage.rows.max(coverage.values.len());
            plan.coverage = coverage;
        }
        Ok(())
    }

    /// Lets PostgreSQL say what narrowed columns may hold: each for itself, then those together
    /// that constraints bind to each other.
    async fn ask_for_values(
        &mut self,
        connection: &mut PgConnection,
        fresh: &[u32],
    ) -> Result<(), SeedingError> {
        let mut problems = Vec::new();
        let mut asked = Vec::new();
        for oid in fresh {
            let (columns, own) = self.plans[oid].demands.problems(self.number);
            problems.extend(own);
            asked.push((*oid, columns));
        }
        let mut answers = sift(connection, &problems).await?.into_iter();
        let mut joint = Vec::new();
        let mut joint_problems = Vec::new();
        for (oid, columns) in asked {
            let own: Vec<_> = answers.by_ref().take(columns.len()).collect();
            let Some(plan) = self.plans.get_mut(&oid) else { continue };
            plan.count_at_choice = plan.count;
            for (group, problem) in plan.demands.group(&columns, own, self.number) {
                joint.push((oid, group));
                joint_problems.push(problem);
            }
        }
        let answers = sift(connection, &joint_problems).await?;
        for ((oid, group), sifted) in joint.into_iter().zip(answers) {
            if let Some(plan) = self.plans.get_mut(&oid) {
                plan.demands.settle(group, sifted);
            }
        }
        self.ask_for_twins(connection, fresh).await
    }

    /// Lets PostgreSQL say what puts rows on either side of a partial key's predicate.
    async fn ask_for_twins(
        &mut self,
        connection: &mut PgConnection,
        fresh: &[u32],
    ) -> Result<(), SeedingError> {
        let mut asked = Vec::new();
        for oid in fresh {
            let Some(plan) = self.plans.get_mut(oid) else { continue };
            plan.demands.twins.clear();
            let questions = plan.demands.questions_for_twins(self.number);
            asked.extend(questions.into_iter().map(|question| (*oid, question)));
        }
        let problems: Vec<_> = asked.iter().map(|(_, question)| question.problem.clone()).collect();
        let answers = sift(connection, &problems).await?;
        for ((oid, question), sifted) in asked.into_iter().zip(answers) {
            let Some(plan) = self.plans.get_mut(&oid) else { continue };
            let twins = question.answered(sifted);
            plan.demands.twins.extend(twins);
        }
        Ok(())
    }

    /// A step for each of these tables, with all that may be tried in it, or without what tables
    /// that took every row so far are not likely to need.
    fn steps(&self, wanted: impl Fn(u32) -> bool, everything: bool) -> Vec<Step> {
        let returned = self.returned_columns();
        let tables = self.reader.tables();
        let split: BTreeSet<u32> = tables
            .values()
            .filter(|table| table.root != table.oid)
            .map(|table| table.root)
            .collect();
        // A partitioned table gets its rows with its partitions.
        let is_filled_by_parts = |oid: u32| {
            let middle =
                tables.get(&oid).is_some_and(|table| table.partitioned && table.root != oid);
            middle || split.contains(&oid)
        };
        let mut steps = Vec::new();
        let mut plain = BTreeSet::new();
        for circle in &self.order {
            let chosen =
                circle.iter().copied().filter(|&oid| wanted(oid) && !is_filled_by_parts(oid));
            for (place, oid) in chosen.enumerate() {
                if circle.len() == 1
                    && !everything
                    && let Some(step) = self.plain_step(oid, &returned, &plain)
                {
                    plain.insert(oid);
                    steps.push(step);
                    continue;
                }
                let Some(mut step) = self.step(oid, &returned, everything) else { continue };
                if circle.len() > 1 && place == 0 {
                    let joint = self.joint_rows(circle);
                    step.all.clone_from(&joint);
                    step.rows = vec![vec![joint]];
                }
                steps.push(step);
            }
        }
        steps
    }

    /// One row for each table of a circle, which refer to each other by keys that are known
    /// beforehand.
    fn joint_rows(&self, circle: &[u32]) -> String {
        let mut rows: BTreeMap<u32, Row> = BTreeMap::new();
        for &oid in circle {
            if let Some(generator) = self.generator(oid) {
                rows.insert(oid, generator.row_with_keys());
            }
        }
        let tables = self.reader.tables();
        for &oid in circle {
            for key in tables[&oid].foreign_keys.iter().filter(|key| circle.contains(&key.parent)) {
                for (own, theirs) in key.columns.iter().zip(&key.parent_columns) {
                    let cell = rows.get(&key.parent).and_then(|row| row.get(theirs)).cloned();
                    if let (Some(row), Some(cell)) = (rows.get_mut(&oid), cell) {
                        row.insert(*own, cell);
                    }
                }
            }
        }
        let rows: Vec<_> =
            rows.into_iter().map(|(oid, row)| (tables[&oid].as_ref(), row)).collect();
        joint_insertion(&rows)
    }

    fn generator(&self, oid: u32) -> Option<Generator<'_>> {
        let plan = self.plans.get(&oid)?;
        Some(Generator {
            demands: &plan.demands,
            tables: self.reader.tables(),
            number: self.number,
            leant_on: self.leant_on.get(&oid),
            remedy: &plan.remedy,
            count: plan.count,
            choice: plan.count - plan.count_at_choice,
            coverage: &plan.coverage,
        })
    }

    /// The step of a table that took every row so far and refers to none but such tables, here in
    /// `parents`.
    fn plain_step(
        &self,
        oid: u32,
        returned: &BTreeMap<u32, BTreeSet<String>>,
        parents: &BTreeSet<u32>,
    ) -> Option<Step> {
        let plan = self.plans.get(&oid)?;
        let generator = self.generator(oid)?;
        let table = &generator.demands.table;
        let known = |oid| parents.contains(&oid) || !self.reader.tables().contains_key(&oid);
        let is_plain = !plan.fresh
            && !plan.choosy
            && table.root == oid
            && generator.most_staggered() == 0
            && generator.demands.foreign_keys.iter().all(|key| known(key.parent));
        if !is_plain {
            return None;
        }
        let [row] = generator.next_row().try_into().ok()?;
        Some(Step {
            table: oid,
            plain: Some(plain_insertion(table, row.first()?, returned.get(&oid))),
            registers: Vec::new(),
            all: String::new(),
            rows: Vec::new(),
            enough: 1,
            wanted: 1,
            census: String::new(),
            parents: BTreeMap::new(),
        })
    }

    fn step(
        &self,
        oid: u32,
        returned: &BTreeMap<u32, BTreeSet<String>>,
        everything: bool,
    ) -> Option<Step> {
        let generator = self.generator(oid)?;
        let demands = generator.demands;
        let table = &demands.table;
        let plan = self.plans.get(&oid)?;
        let rows = match plan {
            Plan { by_choice: true, .. } => {
                generator.chosen_rows().into_iter().map(|row| vec![row]).collect()
            }
            Plan { fresh: true, .. } => generator.first_rows(),
            _ => generator.next_row(),
        };
        let tried: &[Vec<Row>] = if everything || plan.fresh || plan.choosy { &rows } else { &[] };
        let own = self.returned_of(table, returned);
        let first: Vec<Row> = rows.iter().map(|row| row[0].clone()).collect();
        let alternatives = |alternatives: &Vec<Row>| -> Vec<String> {
            let answering =
                alternatives.iter().map(|row| insertion(table, std::slice::from_ref(row), own));
            let bare = alternatives
                .last()
                .map(|row| format!("{SILENT}{}", bare_insertion(table, std::slice::from_ref(row))));
            answering.chain(bare.filter(|_| table.rules)).collect()
        };
        Some(Step {
            table: oid,
            plain: None,
            registers: BTreeSet::from([oid, table.root])
                .into_iter()
                .filter(|oid| returned.contains_key(oid))
                .collect(),
            all: insertion(table, &first, own),
            rows: tried.iter().map(alternatives).collect(),
            enough: if plan.by_choice { MOST_CHOSEN } else { rows.len() },
            wanted: rows.len() + generator.most_staggered(),
            census: census(table),
            parents: match plan.by_choice {
                true => self.lookups(generator.all_parents(), returned, PARENTS_LOOKED_UP),
                false => self.lookups(generator.parents(), returned, PARENTS_LOOKED_UP),
            },
        })
    }

    /// For each parent what fetches the keys of so many of its rows.
    fn lookups(
        &self,
        parents: BTreeSet<u32>,
        returned: &BTreeMap<u32, BTreeSet<String>>,
        most: usize,
    ) -> BTreeMap<u32, [String; 1]> {
        let lookup = |oid: u32| {
            let parent = self.reader.tables().get(&oid)?;
            Some((oid, [existing_keys(parent, returned.get(&oid)?, most, self.number)]))
        };
        parents.into_iter().filter_map(lookup).collect()
    }

    /// A partition answers with what its root is referred to by.
    fn returned_of<'a>(
        &self,
        table: &TableShape,
        returned: &'a BTreeMap<u32, BTreeSet<String>>,
    ) -> &'a BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        returned.get(&table.root).or(returned.get(&table.oid)).unwrap_or(&NONE)
    }

    /// For each parent the columns that are referred to.
    fn returned_columns(&self) -> BTreeMap<u32, BTreeSet<String>> {
        let tables = self.reader.tables();
        let mut returned: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
        for key in self.plans.values().flat_map(|plan| &plan.demands.foreign_keys) {
            let Some(parent) = tables.get(&key.parent) else { continue };
            let names = key.parent_columns.iter().filter_map(|&number| parent.column(number));
            let names = names.map(|column| column.name.clone());
            returned.entry(key.parent).or_default().extend(names);
        }
        returned
    }

    fn outcomes(&mut self, results: &[StepResult]) -> Vec<TableSeeding> {
        let mut outcomes: BTreeMap<u32, SeedingOutcome> = BTreeMap::new();
        for result in results {
            if let Some(plan) = self.plans.get_mut(&result.table) {
                plan.count += result.taken as u64;
                plan.fresh = plan.fresh && result.taken == 0;
                plan.choosy |= result.taken == 0 || !result.refusals.is_empty();
                plan.by_choice &= result.taken > 0;
            }
            let evidence = Evidence {
                result,
                plans: |oid: u32| self.plans.get(&oid).map(|plan| &plan.demands),
                outcomes: &outcomes,
            };
            let outcome = classify(&evidence);
            outcomes.insert(result.table, outcome);
        }
        let mut all = Vec::new();
        for table in self.order.iter().flatten().filter_map(|oid| self.plans.get(oid)) {
            let table = &table.demands.table;
            let outcome = match outcomes.get(&table.oid) {
                Some(outcome) => outcome.clone(),
                None => self.outcome_of_parts(table, &outcomes),
            };
            let TableName { schema, table } = table.name.clone();
            all.push(TableSeeding { schema, table, outcome });
        }
        all
    }

    /// A partitioned table holds what its partitions do.
    fn outcome_of_parts(
        &self,
        whole: &TableShape,
        outcomes: &BTreeMap<u32, SeedingOutcome>,
    ) -> SeedingOutcome {
        let parts = self.reader.tables().values().filter(|part| part.root == whole.root);
        let of_parts: Vec<_> = parts.filter_map(|part| outcomes.get(&part.oid)).collect();
        let rows = of_parts
            .iter()
            .map(|outcome| if let SeedingOutcome::Seeded { rows } = outcome { *rows } else { 0 })
            .sum();
        match of_parts.first() {
            Some(&first) if rows == 0 => first.clone(),
            Some(_) => SeedingOutcome::Seeded { rows },
            None => SeedingOutcome::Unseedable { why: "it has no partition".to_owned() },
        }
    }
}

fn leant_on<'a>(tables: impl Iterator<Item = &'a Arc<TableShape>>) -> BTreeMap<u32, BTreeSet<i16>> {
    let mut leant_on: BTreeMap<u32, BTreeSet<i16>> = BTreeMap::new();
    for table in tables {
        for key in table.foreign_keys.iter().filter(|key| is_needed(table, key)) {
            leant_on.entry(key.parent).or_default().extend(&key.parent_columns);
        }
    }
    leant_on
}

/// How many rows a step has at most.
fn most_rows(steps: &[Step]) -> u64 {
    steps.iter().map(|step| step.rows.len().max(1) as u64).max().unwrap_or(0)
}
