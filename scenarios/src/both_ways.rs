//! A detector shown both ways: silent on the sound system, and red, with the right evidence, where
//! the defect is planted. The judge itself never learns which of the two it looks at.
//!
//! `harness sensitivity` asks for the two looks one by one: it names the defects to plant in
//! [`DEFECTS`], none of them for the sound system, and the trial fails with what it finds.

use harness::environment::BackendKind;
use libtest_mimic::Failed;

use crate::expect;
use crate::system_run::ReferenceSystem;

/// The variable that asks for one look, with commas between the defects.
const DEFECTS: &str = "SCENARIO_DEFECTS";

/// Has `judge` look at the sound system, then at one with `defect`, and expects its finding there
/// to hold `evidence`.
///
/// # Errors
/// It finds something on the sound system, nothing on the other, or something else.
pub fn both_ways(
    backend: BackendKind,
    defect: &str,
    evidence: &str,
    judge: impl Fn(ReferenceSystem) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let look = |defects: &[&str]| judge(ReferenceSystem::new(backend)?.with_defects(defects));
    one_look_or(defect, evidence, look, || {
        look(&[])?;
        found(defect, evidence, look(&[defect]))
    })
}

/// The one look that somebody asks for, or all that the scenario does by itself.
///
/// # Errors
/// What the look finds, with [`caught`] before it if it is the evidence of the defect; or what the
/// scenario says.
pub fn one_look_or(
    defect: &str,
    evidence: &str,
    look: impl FnOnce(&[&str]) -> Result<(), Failed>,
    all: impl FnOnce() -> Result<(), Failed>,
) -> Result<(), Failed> {
    let Some(defects) = asked_for() else { return all() };
    let defects: Vec<&str> = defects.iter().map(String::as_str).collect();
    look(&defects).map_err(|finding| {
        let words = finding.message().unwrap_or_default();
        match words.contains(evidence) {
            true => caught(defect, words).into(),
            false => finding,
        }
    })
}

/// The defects that one look is asked for with, if one is.
pub fn asked_for() -> Option<Vec<String>> {
    let defects = std::env::var(DEFECTS).ok()?;
    Some(defects.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect())
}

/// What says that a defect was found, on one line.
pub fn caught(defect: &str, words: &str) -> String {
    format!("caught {defect}: {}", words.replace('\n', " "))
}

/// A look at the planted defect ended with its evidence.
///
/// # Errors
/// It found nothing, or something else.
pub fn found(defect: &str, evidence: &str, look: Result<(), Failed>) -> Result<(), Failed> {
    match look {
        Ok(()) => Err(format!("{defect} is planted, and nothing was found").into()),
        Err(finding) => {
            let found = finding.message().unwrap_or_default();
            eprintln!("{defect}: {found}");
            expect::contains(&format!("what was found of {defect}"), found, evidence)
        }
    }
}
