//! What a replay showed that somebody should do something about.

use super::cut::{Cut, CutEnd};
use super::data_trial::DataTrial;
use super::deployment;
use super::traffic::Stall;
use super::{
    Course, Failure, FreshPass, NotRestored, Passage, PathDifference, Reason, ReplayOutcome,
    RoundTrip, Twice, Upgrade, UpgradePass,
};
use crate::finding::Severity;
use crate::migrations::catalog::Catalog;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Lineage, Migration, Script};

/// SQLSTATEs that say that something is not there: after a failure they may be its consequence.
const NOT_THERE: [&str; 5] = ["42P01", "42703", "42704", "42883", "3F000"];

/// All findings of a replay: those of the pass on an empty database in the order of the lineage,
/// then those of the walk with data.
pub fn of(
    lineage: &Lineage,
    (pass, upgrade): (&FreshPass, Option<&UpgradePass>),
    outcome: &ReplayOutcome,
) -> Vec<MigrationFinding> {
    let mut findings = Vec::new();
    let mut failed_before = false;
    for (index, (migration, course)) in lineage.migrations.iter().zip(&pass.courses).enumerate() {
        match course {
            Course::Gap => findings.push(gap(migration)),
            Course::Failed { failure, hidden } => {
                findings.push(failed(migration, failure, failed_before, pass.head.as_deref()));
                findings.extend(hidden.iter().map(|failure| self::hidden(migration, failure)));
                failed_before = true;
            }
            Course::Applied { twice, round_trip, cuts, .. } => {
                findings.extend(twice.iter().filter_map(|twice| second_run(migration, twice)));
                findings.extend(cuts.iter().map(|cut| self::cut(migration, cut)));
                findings.extend(round_trip.iter().flat_map(|trip| trips(migration, trip)));
            }
        }
        let unrecorded = pass.unrecorded.iter().filter(|(from, _)| *from == index);
        findings.extend(unrecorded.map(|(_, failure)| unrecorded_from(migration, failure)));
        let walked = pass.walk_failed.iter().find(|(walked, _)| *walked == index);
        // A down that is refused by itself stops the walk as well: that is one defect.
        if let Some((_, failure)) = walked
            && !findings.iter().any(|told| is_refused_down(told, failure))
        {
            findings.push(walk(lineage, index, failure));
        }
    }
    let trials = upgrade.iter().flat_map(|pass| &pass.trials);
    findings.extend(trials.filter_map(|(index, trial)| {
        second_run_with_rows(&lineage.migrations[*index], &pass.courses[*index], trial)
    }));
    findings.extend(with_data(lineage, outcome));
    findings
}

/// What the walk with data showed. Seeding and assumptions are for information: the rows are made
/// up, and the real ones may be better.
fn with_data(lineage: &Lineage, outcome: &ReplayOutcome) -> Vec<MigrationFinding> {
    let Upgrade { broken, assumptions, changes, stopped, drift, .. } = &outcome.upgrade;
    let at = |id, severity, version: &str| match lineage.position(version) {
        Some(index) => finding(id, severity, &lineage.migrations[index]),
        None => of_lineage(id, severity),
    };
    let broken = broken.iter().map(|path| MigrationFinding {
        evidence: format!("{}: {}; rows of {}", path.table, path.what, born_in(&path.from)),
        advice: "mend the migration: a database that holds any such row does not upgrade".into(),
        ..at("upgrade.broken", Severity::Error, &path.at)
    });
    let assumptions = assumptions.iter().map(|assumption| MigrationFinding {
        line: assumption.line,
        statement: Some(assumption.statement.clone()),
        evidence: format!(
            "{} (SQLSTATE {}); {} held {}",
            assumption.message, assumption.sqlstate, assumption.table, assumption.row
        ),
        advice: "make sure that no database holds such a row, or mend it before".into(),
        ..at("upgrade.assumption", Severity::Info, &assumption.at)
    });
    let changes = changes.iter().map(|change| MigrationFinding {
        evidence: format!("{}, born in {}", change.what, born_in(&change.from)),
        advice: "make sure that this is meant".into(),
        ..at("upgrade.rows-changed", Severity::Info, &change.at)
    });
    let told =
        |reason: &&Reason| outcome.upgrade.broken.iter().all(|path| path.at != reason.version);
    let stopped = stopped.iter().filter(told).map(|reason| MigrationFinding {
        evidence: format!("rows cannot pass, whichever are left out: {}", reason.why),
        advice: "mend the migration: no upgrade path with rows gets past it".into(),
        ..at("upgrade.broken", Severity::Error, &reason.version)
    });
    let drift = (!drift.is_empty()).then(|| MigrationFinding {
        evidence: format!("upgraded with rows, the schema is not a fresh one's: {}", some(drift)),
        advice: "find the migration that does different things on empty and on filled tables"
            .into(),
        ..of_lineage("upgrade.drift", Severity::Warning)
    });
    let alone = outcome.upgrade.alone.iter().flat_map(|path| {
        path.differs.iter().map(|difference| MigrationFinding {
            evidence: format!(
                "rows of {} alone are {} here, and in the walk, beside rows of all versions, {}: {}",
                path.from,
                words(difference.alone),
                words(difference.in_walk),
                difference.why
            ),
            advice: "look for what the migration asks of other rows: whether there are any, or \
                     which come first"
                .into(),
            ..at("upgrade.path-differs", severity_of(difference), &difference.at)
        })
    });
    let unseeded = outcome.seeding.unseeded.iter().map(|table| MigrationFinding {
        evidence: format!("no row was found for {}: {}", table.table, table.why),
        advice: "what happens to its rows on an upgrade is not known".into(),
        ..at("seeding.unseeded", Severity::Info, &table.version)
    });
    let rewrites = outcome.cost.iter().flat_map(|migration| {
        let statements = migration.statements.iter();
        statements.filter_map(move |cost| Some((migration, cost, cost.rewritten()?)))
    });
    let rewrites = rewrites.map(|(migration, cost, table)| MigrationFinding {
        line: Some(cost.line),
        evidence: format!("every row of {table} is copied, and nobody reads it meanwhile"),
        advice: "on a big table, add a new column and fill it in batches".into(),
        ..at("cost.rewrite", Severity::Info, &migration.version)
    });
    let lost = outcome.round_trip.data_lost.iter().map(|lost| MigrationFinding {
        evidence: format!("up and down again: {}", lost.why),
        advice: "say so in the down, or keep the data".into(),
        ..at("round-trip.data-lost", Severity::Info, &lost.version)
    });
    broken
        .chain(stopped)
        .chain(alone)
        .chain(drift)
        .chain(assumptions)
        .chain(changes)
        .chain(lost)
        .chain(rewrites)
        .chain(unseeded)
        .collect()
}

/// A path that breaks alone would break a user's database.
fn severity_of(difference: &PathDifference) -> Severity {
    match (difference.alone, difference.in_walk) {
        (Passage::Breaks, _) => Severity::Error,
        (Passage::Assumes, Passage::Passes) => Severity::Info,
        _ => Severity::Warning,
    }
}

fn words(passage: Passage) -> &'static str {
    match passage {
        Passage::Passes => "let pass",
        Passage::Assumes => "refused in part",
        Passage::Breaks => "all refused",
    }
}

/// The finding that nobody could look whether a backup restores. Alone it makes a replay neither
/// good nor bad.
pub const DRILL_UNKNOWN: &str = "drill.unknown";

/// Other schemas that are not the head's, and a backup that did not bring everything back.
pub fn of_comparisons(outcome: &ReplayOutcome) -> Vec<MigrationFinding> {
    let differing = outcome.drift.iter().filter(|drift| !drift.changes.is_empty());
    let drifts = differing.map(|drift| {
        let changes: Vec<String> = drift.changes.iter().map(ToString::to_string).collect();
        MigrationFinding {
            evidence: format!(
                "{} is not what the migrations make: {}",
                drift.against,
                some(&changes)
            ),
            advice: "bring it in line, or write the migration that is missing".into(),
            ..of_lineage("drift.schema", Severity::Warning)
        }
    });
    let faults = outcome.drill.iter().flat_map(|drill| &drill.faults);
    let faults = faults.map(|fault| MigrationFinding {
        evidence: fault.clone(),
        advice: "a backup that does not restore is none: mend this before a release".into(),
        ..of_lineage("drill.failed", Severity::Error)
    });
    let unknown = outcome.drill.iter().filter_map(|drill| drill.unknown.as_ref());
    let unknown = unknown.map(|why| MigrationFinding {
        evidence: why.clone(),
        advice: "make it possible, or leave it out: --without-drill".into(),
        ..of_lineage(DRILL_UNKNOWN, Severity::Warning)
    });
    let empty = outcome.drill.iter().filter(|drill| drill.rows == 0);
    let empty = empty.map(|_| MigrationFinding {
        evidence: "no table held a row before the last migration".into(),
        advice: "nothing: the schema was restored, and whether rows are is not shown".into(),
        ..of_lineage("drill.empty", Severity::Info)
    });
    drifts.chain(faults).chain(unknown).chain(empty).collect()
}

/// Waits of readers and writers that are longer than the budget.
pub fn over_budget(
    lineage: &Lineage,
    budget: Option<u64>,
    outcome: &ReplayOutcome,
) -> Vec<MigrationFinding> {
    let Some(budget) = budget else { return Vec::new() };
    let mut findings = Vec::new();
    for stalls in &outcome.stalls {
        let Some(index) = lineage.position(&stalls.version) else { continue };
        let over = |stall: &&Stall| stall.reader_ms.max(stall.writer_ms) > budget;
        findings.extend(stalls.tables.iter().filter(over).map(|stall| MigrationFinding {
            evidence: format!(
                "on {}, a reader waited {} ms and a writer {} ms; the budget is {budget} ms",
                stall.table, stall.reader_ms, stall.writer_ms
            ),
            advice: "set a lock_timeout, split the migration, or do its work CONCURRENTLY".into(),
            ..finding("cost.stall", Severity::Error, &lineage.migrations[index])
        }));
    }
    findings
}

fn of_lineage(id: &str, severity: Severity) -> MigrationFinding {
    MigrationFinding {
        id: id.to_owned(),
        severity,
        version: None,
        file: None,
        line: None,
        statement: None,
        evidence: String::new(),
        advice: String::new(),
    }
}

/// The versions in which rows were born, which may be most of a lineage.
fn born_in(versions: &[String]) -> String {
    match versions {
        [first, _, _, _, _, _, .., last] => {
            format!("{} versions from {first} to {last}", versions.len())
        }
        few => few.join(", "),
    }
}

/// The first few of many.
pub(super) fn some(texts: &[String]) -> String {
    const FEW: usize = 10;
    let more = texts.len().saturating_sub(FEW);
    let few = texts.iter().take(FEW).cloned().collect::<Vec<_>>().join("; ");
    match more {
        0 => few,
        more => format!("{few}; and {more} more"),
    }
}

fn gap(migration: &Migration) -> MigrationFinding {
    MigrationFinding {
        evidence: "a step in another language, which only the project itself can run; what it \
                   does to the schema is missing from here on"
            .into(),
        advice: format!(
            "write what it does to the schema as SQL and name it: --stub {}=FILE.sql",
            migration.version
        ),
        ..finding("fresh.gap", Severity::Warning, migration)
    }
}

fn failed(
    migration: &Migration,
    failure: &Failure,
    failed_before: bool,
    head: Option<&Catalog>,
) -> MigrationFinding {
    let (id, severity, advice) = match failed_before {
        false => (
            "fresh.failed",
            Severity::Error,
            "mend the migration: no new database gets past it, and none that stops before it",
        ),
        true => (
            "fresh.would-fail",
            Severity::Warning,
            "mend the failure before it first: this one may be its consequence",
        ),
    };
    let refusal = &failure.refusal;
    let on_schema = || deployment::advice_on_schema(refusal, head?);
    let advice =
        deployment::advice(refusal).or_else(on_schema).unwrap_or_else(|| advice.to_owned());
    at(failure, &advice, finding(id, severity, migration))
}

fn hidden(migration: &Migration, failure: &Failure) -> MigrationFinding {
    let may_follow = NOT_THERE.contains(&failure.refusal.sqlstate.as_str());
    let (severity, advice) = match may_follow {
        false => (Severity::Error, "mend it together with the statement that fails before it"),
        true => (Severity::Info, "mend what fails before it: this may be its consequence"),
    };
    at(failure, advice, finding("fresh.hidden", severity, migration))
}

fn unrecorded_from(migration: &Migration, failure: &Failure) -> MigrationFinding {
    let advice = "nothing, if the project brings a tool of its own: no record is kept from here on";
    at(failure, advice, finding("fresh.unrecorded", Severity::Info, migration))
}

fn second_run(migration: &Migration, twice: &Twice) -> Option<MigrationFinding> {
    match twice {
        Twice::NoOp => None,
        Twice::Refused(failure) => Some(at(
            failure,
            "a run that was cut cannot be started again; IF NOT EXISTS and the like make it so",
            finding("twice.refused", Severity::Info, migration),
        )),
        Twice::Changed(changes) => Some(MigrationFinding {
            evidence: format!("a second run passes, and: {}", some(changes)),
            advice: "make the second run a no-op, or let it be refused".into(),
            ..finding("twice.changed", Severity::Warning, migration)
        }),
    }
}

/// What is quiet on empty tables may still change rows.
fn second_run_with_rows(
    migration: &Migration,
    course: &Course,
    trial: &DataTrial,
) -> Option<MigrationFinding> {
    let quiet = matches!(course, Course::Applied { twice: Some(Twice::NoOp), .. });
    let changed = (quiet && !trial.twice.is_empty()).then(|| Twice::of_rows(&trial.twice))?;
    second_run(migration, &changed)
}

fn cut(migration: &Migration, cut: &Cut) -> MigrationFinding {
    let (id, severity, advice) = match cut.end {
        CutEnd::Refused(_) => (
            "cut.refused",
            Severity::Info,
            "whoever is cut here mends the database by hand; let the migration be started again",
        ),
        CutEnd::Differs(_) => (
            "cut.differs",
            Severity::Warning,
            "let a second start end where the first would have: drop what a cut may have left",
        ),
    };
    MigrationFinding {
        line: Some(cut.line),
        evidence: format!("{}, {}; left behind: {}", cut.place(), cut.why(), some(&cut.remains)),
        advice: advice.into(),
        ..finding(id, severity, migration)
    }
}

fn trips(migration: &Migration, trip: &RoundTrip) -> Vec<MigrationFinding> {
    trip.not_restored.iter().map(|way| not_restored(migration, way)).collect()
}

fn not_restored(migration: &Migration, way: &NotRestored) -> MigrationFinding {
    let down = |id, severity| in_down(migration, finding(id, severity, migration));
    match way {
        NotRestored::DownRefused(failure) => at(
            failure,
            "mend the down: a release that is taken back stops here",
            down("round-trip.down-refused", Severity::Error),
        ),
        NotRestored::UpRefused(failure) => at(
            failure,
            "let the down take back all that the up makes",
            finding("round-trip.up-refused", Severity::Warning, migration),
        ),
        NotRestored::DownEmpty(_) => MigrationFinding {
            evidence: way.why(),
            advice: "write the way back: a release that is taken back leaves all of it".into(),
            ..down("round-trip.not-restored", Severity::Warning)
        },
        NotRestored::Catalog(_) | NotRestored::CatalogAgain(_) => MigrationFinding {
            evidence: way.why(),
            advice: "let the down take back all that the up makes, and nothing else".into(),
            ..down("round-trip.not-restored", Severity::Warning)
        },
    }
}

/// Whether a finding tells of this down that it is refused, and for the same statement.
fn is_refused_down(told: &MigrationFinding, failure: &Failure) -> bool {
    told.id == "round-trip.down-refused"
        && (told.file.as_ref(), told.line) == (Some(&failure.file), failure.line)
}

fn walk(lineage: &Lineage, index: usize, failure: &Failure) -> MigrationFinding {
    let migration = &lineage.migrations[index];
    let missing = lineage.migrations[index..].iter().filter(|later| later.down.is_none()).count();
    let (severity, advice) = match missing {
        0 => (
            Severity::Warning,
            "mend it, or the down of a later migration that left this behind".into(),
        ),
        _ => {
            (Severity::Info, format!("{missing} later migrations have no down: write those first"))
        }
    };
    let finding = in_down(migration, finding("round-trip.walk-failed", severity, migration));
    at(failure, &advice, finding)
}

fn finding(id: &str, severity: Severity, migration: &Migration) -> MigrationFinding {
    MigrationFinding {
        version: Some(migration.version.clone()),
        file: Some(migration.file().to_owned()),
        ..of_lineage(id, severity)
    }
}

/// The same finding in the file of the way down.
fn in_down(migration: &Migration, finding: MigrationFinding) -> MigrationFinding {
    let file = |script: &Script| script.file.clone();
    MigrationFinding { file: migration.down.as_ref().map(file).or(finding.file), ..finding }
}

/// The same finding where a failure was.
fn at(failure: &Failure, advice: &str, finding: MigrationFinding) -> MigrationFinding {
    MigrationFinding {
        file: Some(failure.file.clone()),
        line: failure.line,
        statement: Some(failure.statement.clone()),
        evidence: failure.refusal.to_string(),
        advice: advice.to_owned(),
        ..finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_versions_are_named_and_of_many_the_first_and_the_last() {
        let versions: Vec<String> = (1..=8).map(|version| version.to_string()).collect();
        assert_eq!(born_in(&versions[..6]), "1, 2, 3, 4, 5, 6");
        assert_eq!(born_in(&versions[..7]), "7 versions from 1 to 7");
        assert_eq!(born_in(&versions), "8 versions from 1 to 8");
    }
}
