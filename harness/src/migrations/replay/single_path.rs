//! A few upgrade paths alone, as a check on the walk.
//!
//! In the walk, rows of all versions stand beside each other, and a migration that asks whether
//! there are any may never take the branch that it takes on a database of one age. So a few
//! versions are drawn by seed, and the rows of each are carried to the head by themselves.

use rand::seq::IndexedRandom;
use serde::Serialize;

use super::upgrade::{DATABASE, path_alone};
use super::{Course, FreshPass, Progress, ReplayError, ReplayOptions, Server, Stage, UpgradePass};
use crate::migrations::catalog::Difference;
use crate::migrations::lineage::Lineage;
use crate::migrations::seeding::SeedingOutcome;

/// An upgrade path that was replayed alone.
#[derive(Clone, Debug, Serialize)]
pub struct SinglePath {
    /// The version in which its rows were born.
    pub from: String,
    /// Where it went otherwise than the walk says.
    pub differs: Vec<PathDifference>,
}

/// A migration that does other things to rows of one version than to those of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathDifference {
    /// The migration.
    pub at: String,
    /// What it does to the rows of this version alone.
    pub alone: Passage,
    /// What it does to them in the walk.
    pub in_walk: Passage,
    /// What PostgreSQL said, in the one that refused more.
    pub why: String,
}

/// How rows get past a migration, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Passage {
    /// All of them do.
    Passes,
    /// A shape of them is refused.
    Assumes,
    /// None do.
    Breaks,
}

/// Replays some paths alone, on a server of their own, and compares each with the walk.
///
/// # Errors
/// PostgreSQL is missing, does not start, or goes away.
pub async fn single_paths(
    lineage: &Lineage,
    fresh: &FreshPass,
    walk: &UpgradePass,
    options: &ReplayOptions,
    progress: Progress<'_>,
) -> Result<Vec<SinglePath>, ReplayError> {
    let mut paths = Vec::new();
    let starts = draw(fresh, walk, options);
    if starts.is_empty() {
        return Ok(paths);
    }
    let server = Server::start(DATABASE).await?;
    for (place, &start) in starts.iter().enumerate() {
        if place > 0 {
            server.begin_again(DATABASE).await?;
        }
        progress(Stage::SinglePath, &lineage.migrations[start].version);
        let alone = path_alone(&server, lineage, fresh, options, start).await?;
        paths.push(SinglePath {
            from: lineage.migrations[start].version.clone(),
            differs: differences(lineage, start, &alone, walk),
        });
    }
    Ok(paths)
}

/// The versions to start from, in the order of the lineage: such as had rows in the walk, and have
/// a migration before them. Rows of a dump have no version.
fn draw(fresh: &FreshPass, walk: &UpgradePass, options: &ReplayOptions) -> Vec<usize> {
    let applied = |course: &Course| matches!(course, Course::Applied { .. });
    let last = fresh.courses.iter().rposition(applied).unwrap_or(0);
    let has_rows = |outcome: &SeedingOutcome| matches!(outcome, SeedingOutcome::Seeded { .. });
    let starts: Vec<usize> = walk
        .seedings
        .iter()
        .filter(|(index, tables)| {
            *index < last && tables.iter().any(|table| has_rows(&table.outcome))
        })
        .map(|(index, _)| *index)
        .collect();
    let mut random = options.seed.stream("single paths");
    let mut drawn: Vec<usize> = starts.sample(&mut random, options.paths).copied().collect();
    drawn.sort_unstable();
    drawn
}

fn differences(
    lineage: &Lineage,
    start: usize,
    alone: &UpgradePass,
    walk: &UpgradePass,
) -> Vec<PathDifference> {
    let from = &lineage.migrations[start].version;
    let later = lineage.migrations.iter().enumerate().skip(start + 1);
    let mut found: Vec<PathDifference> = later
        .filter_map(|(index, migration)| {
            let (here, why_here) = passage(alone, index, None);
            let (of_these, why_there) = passage(walk, index, Some(from));
            let (of_any, _) = passage(walk, index, None);
            let refuses_more = here > of_any;
            let refuses_less = of_these == Passage::Breaks && here < of_these;
            (refuses_more || refuses_less).then(|| PathDifference {
                at: migration.version.clone(),
                alone: here,
                in_walk: of_these,
                why: if refuses_more { why_here } else { why_there },
            })
        })
        .collect();
    let schema = Difference::between(&walk.head, &alone.head);
    found.extend(schema.changes.first().map(|change| PathDifference {
        at: from.clone(),
        alone: Passage::Passes,
        in_walk: Passage::Passes,
        why: format!("the schema at the head is another one: {change}"),
    }));
    found
}

/// What a pass saw a migration do to rows, of one version if that is given, and PostgreSQL's words.
fn passage(pass: &UpgradePass, index: usize, from: Option<&String>) -> (Passage, String) {
    let concerns = |births: &[String]| from.is_none_or(|from| births.contains(from));
    let stopped = pass.stopped.iter().find(|(at, _)| *at == index);
    let blames = || pass.blames.iter().filter(|(at, _)| *at == index).map(|(_, blame)| blame);
    let broken = blames()
        .flat_map(|blame| &blame.broken)
        .find(|path| path.from.is_empty() || concerns(&path.from));
    let assumption =
        blames().flat_map(|blame| &blame.assumptions).find(|assumption| concerns(&assumption.from));
    match (broken, stopped, assumption) {
        (Some(path), ..) => (Passage::Breaks, format!("{}: {}", path.table, path.what)),
        (None, Some((_, failure)), _) => (Passage::Breaks, failure.to_string()),
        (None, None, Some(assumption)) => (
            Passage::Assumes,
            format!(
                "{}: {} (SQLSTATE {})",
                assumption.table, assumption.message, assumption.sqlstate
            ),
        ),
        (None, None, None) => (Passage::Passes, String::new()),
    }
}
