//! The audited faults of the migrations, planted one by one: each is a patch on the repaired
//! lineage, and the replay must find it, and find nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::migrations::lineage::{ReadOptions, read};
use harness::migrations::replay::{ReplayOptions, replay};
use harness::seed::Seed;
use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::both_ways::one_look_or;
use crate::ledger::{Layer, Ledger};

/// A trial for each row of the ledger that the replay finds.
///
/// # Panics
/// When there is no ledger.
pub fn trials() -> Vec<Trial> {
    let ledger = Ledger::read().unwrap_or_else(|error| panic!("{:?}", error.message()));
    let rows = ledger.rows.into_iter().filter(|row| row.layer == Layer::Migrations);
    let planted = rows.filter_map(|row| {
        let finding = row.finding()?.to_owned();
        let name = format!("migrations::{}_yields_{finding}_alone", row.id);
        Some(Trial::test(name, move || yields_alone(&row.id, &finding)))
    });
    planted.collect()
}

/// The patched lineage yields this finding, and no other that the repaired one does not.
fn yields_alone(id: &str, finding: &str) -> Result<(), Failed> {
    one_look_or(id, finding, yields_nothing, || {
        let found = yields(&[id])?;
        let ids: BTreeSet<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
        match ids.iter().eq([&finding]) {
            true => Ok(()),
            false => Err(format!("found {ids:?}, not {finding} alone: {found:#?}").into()),
        }
    })
}

fn yields_nothing(patches: &[&str]) -> Result<(), Failed> {
    let found = yields(patches)?;
    let told = found.iter().map(|(id, evidence)| format!("{id}: {evidence}"));
    match found.is_empty() {
        true => Ok(()),
        false => Err(told.collect::<Vec<_>>().join("\n").into()),
    }
}

/// What the lineage with these patches yields, and the repaired one does not.
fn yields(patches: &[&str]) -> Result<BTreeSet<(String, String)>, Failed> {
    let folder = patched(patches)?;
    let seed = Seed::fresh();
    eprintln!("seed {seed}");
    let runtime = Runtime::new()?;
    let found = runtime.block_on(findings(folder.path(), seed))?;
    let known = runtime.block_on(findings(&repaired(), seed))?;
    Ok(found.difference(&known).cloned().collect())
}

/// What tells of generated rows, which differ from lineage to lineage.
const OF_ROWS: [&str; 2] = ["upgrade.rows-changed", "round-trip.data-lost"];

/// The findings of a lineage, by id and by the words of the evidence.
async fn findings(folder: &Path, seed: Seed) -> Result<BTreeSet<(String, String)>, Failed> {
    let lineage = read(folder, &ReadOptions::default())?;
    let options = ReplayOptions { seed, ..ReplayOptions::default() };
    let outcome = replay(&lineage, &options, &|_, _| ()).await?;
    let findings = outcome.findings.into_iter();
    Ok(findings
        .filter(|finding| !OF_ROWS.contains(&finding.id.as_str()))
        .map(|finding| (finding.id, finding.evidence))
        .collect())
}

fn repaired() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations-under-test/repaired")
}

/// A copy of the repaired lineage with the patches of these rows.
fn patched(ids: &[&str]) -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    for entry in fs::read_dir(repaired())? {
        let entry = entry?;
        fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
    }
    ids.iter().try_for_each(|id| patch(folder.path(), id))?;
    Ok(folder)
}

fn patch(folder: &Path, id: &str) -> Result<(), Failed> {
    let patch = repaired().join(format!("../patches/{id}.patch")).canonicalize()?;
    // Git would not touch what lies in a repository that it happens to find above.
    let parent = folder.parent().unwrap_or(folder);
    let applied = Command::new("git")
        .arg("apply")
        .arg(patch)
        .current_dir(folder)
        .env("GIT_CEILING_DIRECTORIES", parent)
        .output()?;
    match applied.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&applied.stderr).into_owned().into()),
    }
}
