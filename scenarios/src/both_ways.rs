//! A detector shown both ways: silent on the sound system, and red, with the right evidence, where
//! the defect is planted. The judge itself never learns which of the two it looks at.

use harness::environment::BackendKind;
use libtest_mimic::Failed;

use crate::expect;
use crate::system_run::ReferenceSystem;

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
    judge(ReferenceSystem::new(backend)?)?;
    let planted = ReferenceSystem::new(backend)?.with_defects(&[defect]);
    match judge(planted) {
        Ok(()) => Err(format!("{defect} is planted, and nothing was found").into()),
        Err(finding) => {
            let found = finding.message().unwrap_or_default();
            eprintln!("{defect}: {found}");
            expect::contains(&format!("what was found of {defect}"), found, evidence)
        }
    }
}
