//! What a replay showed, as `--json` writes it and every other form renders it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::concurrently::Waited;
use super::cost::StatementCost;
use super::drift::Drift;
use super::drill::Drill;
use super::single_path::SinglePath;
use super::traffic::Stall;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Accepted, Convention, Lineage, Migration, Step, Wrapping};
use crate::seed::Seed;

/// All that one replay showed.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayOutcome {
    /// What was replayed.
    pub lineage: LineageSummary,
    /// Where every random choice came from.
    pub seed: Seed,
    /// All of it on an empty database.
    pub fresh: Fresh,
    /// Every upgrade path, with data.
    pub upgrade: Upgrade,
    /// Up, down, up; and the walk from the head down to nothing.
    pub round_trip: RoundTrips,
    /// Every migration twice.
    pub twice: TwiceSummary,
    /// How many rows could be made, and where not.
    pub seeding: Seeding,
    /// Cuts between two statements that do not end as an undisturbed run does.
    pub cut: Vec<CutSummary>,
    /// What each statement cost, of migrations that ran in a transaction.
    pub cost: Vec<MigrationCost>,
    /// How long readers and writers waited during each migration, where traffic was asked for.
    pub stalls: Vec<MigrationStalls>,
    /// How other schemas that should be the head's differ from it.
    pub drift: Vec<Drift>,
    /// A backup taken before the last migration, restored.
    pub drill: Option<Drill>,
    /// How many migrations were tried which way.
    pub trials: Trials,
    /// What the findings are about, where that is not the whole lineage.
    pub judged: Option<JudgedPart>,
    /// What running showed to be wrong, in the order of the lineage, then what the rules found.
    pub findings: Vec<MigrationFinding>,
    /// Findings that `lineage.toml` accepts.
    pub accepted: Vec<Accepted>,
    /// What each stage took, and what each part of the work took over all stages, in milliseconds.
    pub timings: BTreeMap<&'static str, u64>,
}

/// The part of a lineage that findings are about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JudgedPart {
    /// The version or commit after which it comes.
    pub since: String,
    /// How many migrations it has.
    pub migrations: usize,
}

/// The lineage that was replayed.
#[derive(Clone, Debug, Serialize)]
pub struct LineageSummary {
    /// Its folder.
    pub path: PathBuf,
    /// How its files are named and run.
    pub convention: Convention,
    /// Why this convention.
    pub reason: String,
    /// In the order in which they run.
    pub migrations: Vec<MigrationSummary>,
}

/// One migration of a lineage.
#[derive(Clone, Debug, Serialize)]
pub struct MigrationSummary {
    /// What its tool knows it by.
    pub version: String,
    /// The rest of its name.
    pub name: String,
    /// The file of its way up.
    pub up: String,
    /// The file of its way down, where there is one.
    pub down: Option<String>,
    /// Whether its tool runs it in a transaction.
    pub transactional: bool,
}

/// All of a lineage on an empty database.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fresh {
    /// How many migrations applied.
    pub applied: usize,
    /// Those that did not, in order. The first is what a user meets; what follows was tried all
    /// the same.
    pub failed: Vec<FailedMigration>,
    /// What a failed statement hid: other statements of the same migration that fail as well.
    pub hidden: Vec<FailedMigration>,
    /// Migrations that only the project's own code could run, by version.
    pub gaps: Vec<String>,
}

/// A migration that PostgreSQL refused.
#[derive(Clone, Debug, Serialize)]
pub struct FailedMigration {
    /// Its version.
    pub version: String,
    /// Its file.
    pub file: String,
    /// Five characters, as `42P01`.
    pub sqlstate: String,
    /// PostgreSQL's message.
    pub message: String,
    /// Its detail, hint and context.
    pub detail: Option<String>,
    /// The line of the file, from 1.
    pub line: Option<usize>,
    /// The statement, as the file has it.
    pub statement: String,
}

/// Every upgrade path, with data.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Upgrade {
    /// From how many versions rows were carried to the head.
    pub paths: usize,
    /// Where no row of a table passes, or a row is lost or changed on the way.
    pub broken: Vec<BrokenPath>,
    /// Where a shape of data is refused that the older schema permitted.
    pub assumptions: Vec<Assumption>,
    /// What became of rows that went through.
    pub changes: Vec<Changed>,
    /// Migrations that rows could not pass at all: the walk went on from there without older rows.
    pub stopped: Vec<Reason>,
    /// What a database that was upgraded with data has otherwise than a fresh one.
    pub drift: Vec<String>,
    /// Paths that were replayed alone, as a check on the walk.
    pub alone: Vec<SinglePath>,
}

/// A path that breaks.
#[derive(Clone, Debug, Serialize)]
pub struct BrokenPath {
    /// The versions in which the rows were born.
    pub from: Vec<String>,
    /// The migration that breaks them.
    pub at: String,
    /// Their table.
    pub table: String,
    /// What happens.
    pub what: String,
}

/// Rows that a migration took away or changed.
#[derive(Clone, Debug, Serialize)]
pub struct Changed {
    /// The versions in which the rows were born.
    pub from: Vec<String>,
    /// The migration.
    pub at: String,
    /// Their table.
    pub table: String,
    /// What became of them.
    pub what: String,
}

/// A migration that assumes what the older schema did not guarantee.
#[derive(Clone, Debug, Serialize)]
pub struct Assumption {
    /// The versions in which the rows were born.
    pub from: Vec<String>,
    /// The migration that refuses them.
    pub at: String,
    /// Their table.
    pub table: String,
    /// One of the rows.
    pub row: String,
    /// PostgreSQL's code.
    pub sqlstate: String,
    /// PostgreSQL's message.
    pub message: String,
    /// The statement that refuses.
    pub statement: String,
    /// Its line.
    pub line: Option<usize>,
}

/// Round trips, and the walk down.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RoundTrips {
    /// How many migrations were taken up, down and up again.
    pub tried: usize,
    /// Those that did not come back.
    pub not_restored: Vec<Reason>,
    /// Differences that mean nothing.
    pub cosmetic: Vec<Reason>,
    /// Data that a round trip loses although the schema comes back.
    pub data_lost: Vec<Reason>,
    /// Downs that fail in the walk from the head down to nothing.
    pub walk_failed: Vec<Reason>,
}

/// A version, and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The version.
    pub version: String,
    /// What is to be said.
    pub why: String,
}

/// Every migration twice, by version.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TwiceSummary {
    /// The second run is refused.
    pub refused: Vec<String>,
    /// The second run changes nothing.
    pub no_op: Vec<String>,
    /// The second run passes, and changes something.
    pub changed: Vec<String>,
}

/// How the generated rows fared. A table at a version counts as one.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Seeding {
    /// Those that can take a row: seeded and unseeded ones.
    pub tables: usize,
    /// Those that hold rows of that version.
    pub seeded: usize,
    /// Those that are full by their own migration.
    pub saturated: usize,
    /// Those whose own triggers or functions refuse every row.
    pub unseedable: usize,
    /// Those that no row was found for.
    pub unseeded: Vec<Unseeded>,
    /// Why tables are saturated or unseedable, once for each table.
    pub excused: Vec<Unseeded>,
}

/// A table that got no row at a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unseeded {
    /// The version.
    pub version: String,
    /// The table, with its schema.
    pub table: String,
    /// What refused its rows.
    pub why: String,
}

/// A migration that was cut before or in this line and started again.
#[derive(Clone, Debug, Serialize)]
pub struct CutSummary {
    /// Its version.
    pub version: String,
    /// The line of the statement before which it was cut, or in which, where that waited.
    pub line: usize,
    /// What the statement waited for when it was cut; none between two statements.
    pub waited: Option<Waited>,
    /// What the half-run migration left.
    pub remains: Vec<String>,
    /// What became of the second start.
    pub why: String,
}

/// What the statements of one migration cost, with the generated rows in the tables, or with none
/// where nothing is generated.
#[derive(Clone, Debug, Serialize)]
pub struct MigrationCost {
    /// Its version.
    pub version: String,
    /// Its file.
    pub file: String,
    /// In the order of the file.
    pub statements: Vec<StatementCost>,
}

/// How long readers and writers waited during one migration.
#[derive(Clone, Debug, Serialize)]
pub struct MigrationStalls {
    /// Its version.
    pub version: String,
    /// The tables that it names.
    pub tables: Vec<Stall>,
}

/// How many migrations were tried which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trials {
    /// In one transaction with savepoints.
    pub transaction: usize,
    /// In a copy of the database.
    pub clone: usize,
    /// Not at all, because they fail or are code.
    pub untried: usize,
}

impl LineageSummary {
    /// Of a lineage.
    pub fn of(lineage: &Lineage) -> Self {
        Self {
            path: lineage.path.clone(),
            convention: lineage.convention,
            reason: lineage.reason.clone(),
            migrations: lineage.migrations.iter().map(MigrationSummary::of).collect(),
        }
    }
}

impl MigrationSummary {
    fn of(migration: &Migration) -> Self {
        let (up, transactional) = match &migration.up {
            Step::Script(script) => {
                (script.file.clone(), script.wrapping != Wrapping::EachStatement)
            }
            Step::Code { file } => (file.clone(), false),
        };
        Self {
            version: migration.version.clone(),
            name: migration.name.clone(),
            up,
            down: migration.down.as_ref().map(|down| down.file.clone()),
            transactional,
        }
    }
}

impl FailedMigration {
    /// Of a failure of this version.
    pub fn of(version: &str, failure: &super::Failure) -> Self {
        Self {
            version: version.to_owned(),
            file: failure.file.clone(),
            sqlstate: failure.refusal.sqlstate.clone(),
            message: failure.refusal.message.clone(),
            detail: failure.refusal.detail.clone(),
            line: failure.line,
            statement: failure.statement.clone(),
        }
    }
}
