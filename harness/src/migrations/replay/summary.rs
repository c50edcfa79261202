//! What a pass showed, in the lists of the outcome.

use std::collections::{BTreeMap, BTreeSet};

use super::cost::StatementCost;
use super::data_trial::loss;
use super::{
    Changed, Course, CutSummary, FailedMigration, Fresh, FreshPass, MigrationCost, MigrationStalls,
    NotRestored, Reason, RoundTrips, Seeding, Twice, TwiceSummary, Unseeded, Upgrade, UpgradePass,
};
use crate::migrations::catalog::Difference;
use crate::migrations::lineage::{Lineage, Migration};
use crate::migrations::seeding::{SeedingOutcome, TableName};

/// What applied, and what did not.
pub fn fresh(lineage: &Lineage, pass: &FreshPass) -> Fresh {
    let mut fresh = Fresh::default();
    for (Migration { version, .. }, course) in each(lineage, pass) {
        match course {
            Course::Applied { .. } => fresh.applied += 1,
            Course::Gap => fresh.gaps.push(version.clone()),
            Course::Failed { failure, hidden } => {
                fresh.failed.push(FailedMigration::of(version, failure));
                let hidden = hidden.iter().map(|failure| FailedMigration::of(version, failure));
                fresh.hidden.extend(hidden);
            }
        }
    }
    fresh
}

/// What came back, and what did not.
pub fn round_trips(lineage: &Lineage, pass: &FreshPass) -> RoundTrips {
    let mut trips = RoundTrips::default();
    for (migration, course) in each(lineage, pass) {
        let Course::Applied { round_trip: Some(trip), .. } = course else { continue };
        let reason = |why| Reason { version: migration.version.clone(), why };
        trips.tried += 1;
        if !trip.not_restored.is_empty() {
            let why: Vec<String> = trip.not_restored.iter().map(NotRestored::why).collect();
            trips.not_restored.push(reason(why.join("\n")));
        }
        trips.cosmetic.extend(trip.cosmetic.iter().cloned().map(reason));
    }
    for (index, failure) in &pass.walk_failed {
        let version = lineage.migrations[*index].version.clone();
        trips.walk_failed.push(Reason { version, why: failure.to_string() });
    }
    trips
}

/// What happened on the second run. What is quiet on empty tables may still change rows.
pub fn twice(lineage: &Lineage, pass: &FreshPass, upgrade: Option<&UpgradePass>) -> TwiceSummary {
    let trials = upgrade.iter().flat_map(|pass| &pass.trials);
    let changing: BTreeSet<usize> =
        trials.filter(|(_, trial)| !trial.twice.is_empty()).map(|(index, _)| *index).collect();
    let mut summary = TwiceSummary::default();
    for (index, (migration, course)) in each(lineage, pass).enumerate() {
        let Course::Applied { twice: Some(twice), .. } = course else { continue };
        let list = match twice {
            Twice::Refused(_) => &mut summary.refused,
            Twice::NoOp if !changing.contains(&index) => &mut summary.no_op,
            Twice::NoOp | Twice::Changed(_) => &mut summary.changed,
        };
        list.push(migration.version.clone());
    }
    summary
}

/// What became of rows on their way to the head.
pub fn upgrade(lineage: &Lineage, fresh: &FreshPass, pass: &UpgradePass) -> Upgrade {
    let version = |index: usize| lineage.migrations[index].version.clone();
    let mut upgrade = Upgrade { paths: paths(pass), ..Upgrade::default() };
    for (_, blame) in &pass.blames {
        upgrade.broken.extend(blame.broken.iter().cloned());
        upgrade.assumptions.extend(blame.assumptions.iter().cloned());
    }
    for (index, trial) in &pass.trials {
        upgrade.changes.extend(trial.changes.iter().map(|change| Changed {
            from: change.births.keys().cloned().collect(),
            at: version(*index),
            table: change.table.to_string(),
            what: loss(change),
        }));
    }
    // A dump comes before every version.
    let broken = upgrade.broken.iter_mut().map(|path| &mut path.from);
    let assumed = upgrade.assumptions.iter_mut().map(|assumption| &mut assumption.from);
    let changed = upgrade.changes.iter_mut().map(|change| &mut change.from);
    for births in broken.chain(assumed).chain(changed) {
        births.sort_by_key(|birth| lineage.position(birth));
    }
    upgrade.stopped = pass
        .stopped
        .iter()
        .map(|(index, failure)| Reason { version: version(*index), why: failure.to_string() })
        .collect();
    let drift = fresh.head.as_ref().map(|head| Difference::between(head, &pass.head).changes);
    upgrade.drift = drift.iter().flatten().map(ToString::to_string).collect();
    upgrade
}

/// How many versions had rows of their own on the way to the head.
fn paths(pass: &UpgradePass) -> usize {
    let seeded = |outcome: &SeedingOutcome| matches!(outcome, SeedingOutcome::Seeded { .. });
    let versions = pass.seedings.iter();
    versions.filter(|(_, tables)| tables.iter().any(|table| seeded(&table.outcome))).count()
}

/// How the tables fared at each version.
pub fn seeding(lineage: &Lineage, pass: &UpgradePass) -> Seeding {
    let mut seeding = Seeding::default();
    let mut excused = BTreeSet::new();
    for (index, tables) in &pass.seedings {
        for table in tables {
            let name = TableName::new(table.schema.as_str(), table.table.as_str()).to_string();
            let version = lineage.migrations[*index].version.clone();
            let entry = |why: &String| Unseeded { version, table: name.clone(), why: why.clone() };
            match &table.outcome {
                SeedingOutcome::Seeded { .. } => seeding.seeded += 1,
                SeedingOutcome::Failed { why } => seeding.unseeded.push(entry(why)),
                SeedingOutcome::Saturated { why } | SeedingOutcome::Unseedable { why } => {
                    match &table.outcome {
                        SeedingOutcome::Saturated { .. } => seeding.saturated += 1,
                        _ => seeding.unseedable += 1,
                    }
                    if excused.insert(name.clone()) {
                        seeding.excused.push(entry(why));
                    }
                }
            }
        }
    }
    seeding.tables = seeding.seeded + seeding.unseeded.len();
    seeding
}

/// What becomes of migrations that are cut.
pub fn cuts(lineage: &Lineage, pass: &FreshPass) -> Vec<CutSummary> {
    let mut summaries = Vec::new();
    for (migration, course) in each(lineage, pass) {
        let Course::Applied { cuts, .. } = course else { continue };
        summaries.extend(cuts.iter().map(|cut| CutSummary {
            version: migration.version.clone(),
            line: cut.line,
            waited: cut.waited,
            remains: cut.remains.clone(),
            why: cut.why(),
        }));
    }
    summaries
}

/// What each statement cost, where it cost anything: at many rows, if those were asked for; on empty
/// tables, if there was no walk with data.
pub fn costs(
    lineage: &Lineage,
    fresh: &FreshPass,
    upgrade: Option<&UpgradePass>,
) -> Vec<MigrationCost> {
    let mut costs: BTreeMap<usize, &Vec<StatementCost>> = BTreeMap::new();
    for (index, course) in fresh.courses.iter().enumerate() {
        if let Course::Applied { costs: statements, .. } = course {
            costs.insert(index, statements);
        }
    }
    if let Some(pass) = upgrade {
        costs.extend(pass.trials.iter().map(|(index, trial)| (*index, &trial.costs)));
        costs.extend(pass.costs.iter().map(|(index, costs)| (*index, costs)));
    }
    let costs = costs.into_iter().map(|(index, statements)| MigrationCost {
        version: lineage.migrations[index].version.clone(),
        file: lineage.migrations[index].file().to_owned(),
        statements: statements.clone(),
    });
    costs.filter(|cost| !cost.statements.is_empty()).collect()
}

/// How long readers and writers waited.
pub fn stalls(lineage: &Lineage, pass: &UpgradePass) -> Vec<MigrationStalls> {
    let stalls = pass.stalls.iter().map(|(index, tables)| MigrationStalls {
        version: lineage.migrations[*index].version.clone(),
        tables: tables.clone(),
    });
    stalls.filter(|stalls| !stalls.tables.is_empty()).collect()
}

/// What a way down loses although the schema comes back.
pub fn data_lost(lineage: &Lineage, pass: &UpgradePass) -> Vec<Reason> {
    let lost = pass.trials.iter().flat_map(|(index, trial)| {
        let version = &lineage.migrations[*index].version;
        trial.lost.iter().map(|why| Reason { version: version.clone(), why: why.clone() })
    });
    lost.collect()
}

fn each<'a>(
    lineage: &'a Lineage,
    pass: &'a FreshPass,
) -> impl Iterator<Item = (&'a Migration, &'a Course)> {
    lineage.migrations.iter().zip(&pass.courses)
}
