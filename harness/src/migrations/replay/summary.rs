//! What a pass showed, in the lists of the outcome.

use super::{
    Course, FailedMigration, Fresh, FreshPass, NotRestored, Reason, RoundTrips, Twice, TwiceSummary,
};
use crate::migrations::lineage::{Lineage, Migration};

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

/// What happened on the second run.
pub fn twice(lineage: &Lineage, pass: &FreshPass) -> TwiceSummary {
    let mut summary = TwiceSummary::default();
    for (migration, course) in each(lineage, pass) {
        let Course::Applied { twice, .. } = course else { continue };
        let list = match twice {
            Twice::Refused(_) => &mut summary.refused,
            Twice::NoOp => &mut summary.no_op,
            Twice::Changed(_) => &mut summary.changed,
        };
        list.push(migration.version.clone());
    }
    summary
}

fn each<'a>(
    lineage: &'a Lineage,
    pass: &'a FreshPass,
) -> impl Iterator<Item = (&'a Migration, &'a Course)> {
    lineage.migrations.iter().zip(&pass.courses)
}
