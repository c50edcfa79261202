//! Performs a plan on the reference system and hands back its history and verdicts.

use std::path::PathBuf;

use harness::checkers;
use harness::environment::{BackendKind, Built};
use harness::history::{Header, Recorder};
use harness::run::{PlanName, Run, RunFolder, RunRequest, perform};
use harness::seed::Seed;
use harness::system::System;
use libtest_mimic::Failed;
use tokio_util::sync::CancellationToken;

/// The system file of the reference system.
pub fn system_file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/redflag.toml"))
}

/// One run of the quick plan on the reference system, with these defects in it. The seed and the
/// folder are printed, so that a failure can be looked at and repeated.
///
/// # Errors
/// When the run could not be carried through.
pub fn run_quick_plan(backend: BackendKind, defects: &[&str]) -> Result<Run, Failed> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(quick_plan(backend, defects))
}

async fn quick_plan(backend: BackendKind, defects: &[&str]) -> Result<Run, Failed> {
    let system = System::read(&system_file())?;
    let seed = Seed::fresh();
    let generated = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/generated");
    let plan = PlanName::Quick;
    let folder = RunFolder::create(generated.as_ref(), "scenario", seed.0)?;
    eprintln!("seed {seed}; files in {}", folder.root().display());
    let built = Built::of(&system, backend).await?;
    let request = RunRequest {
        plan,
        built,
        seed,
        defects: defects.iter().map(|&id| id.to_owned()).collect(),
        secrets: Default::default(),
    };
    let header = Header::new(seed, plan.name(), backend.name(), &system.name);
    let recorder = Recorder::create(&folder.history(), header)?;
    let interrupt = CancellationToken::new();
    Ok(perform(&system, &request, &folder, &checkers::ALL, &recorder, &interrupt).await?)
}
