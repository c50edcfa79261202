//! The reference system: started for a scenario that looks at it itself, or put through a plan
//! that ends in verdicts.

use std::path::{Path, PathBuf};

use harness::checkers::{Checker, Outcome, Verdict, judge};
use harness::environment::{
    BackendKind, Built, Environment, EnvironmentError, EnvironmentRequest, Secrets,
};
use harness::history::{Header, Recorder};
use harness::run::{PlanName, Planner, Run, RunFolder, RunRequest, checkers_of, perform};
use harness::seed::Seed;
use harness::system::System;
use libtest_mimic::Failed;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The system file of the reference system.
pub fn system_file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/redflag.toml"))
}

/// The reference system, ready to be started as often as a scenario wants.
#[derive(Debug)]
pub struct ReferenceSystem {
    /// What its file says; a scenario may change it before the start.
    pub system: System,
    /// Where its history is recorded.
    pub recorder: Recorder,
    request: EnvironmentRequest,
    folder: TempDir,
}

impl ReferenceSystem {
    /// The reference system as its file describes it. Its logs lie in a folder that goes with it;
    /// the seed is printed.
    ///
    /// # Errors
    /// When its file cannot be read or its programs cannot be built.
    pub fn new(backend: BackendKind) -> Result<Self, Failed> {
        let system = System::read(&system_file())?;
        let built = Runtime::new()?.block_on(Built::of(&system, backend))?;
        let seed = Seed::fresh();
        eprintln!("seed {seed}");
        let folder = tempfile::tempdir()?;
        let header = Header {
            promises: system.promises.clone(),
            ..Header::new(seed, "none", backend.name(), &system.name)
        };
        let recorder = Recorder::create(&folder.path().join("history.jsonl"), header)?;
        let request = EnvironmentRequest {
            built,
            logs: folder.path().to_owned(),
            defects: Vec::new(),
            seed,
            secrets: Secrets::default(),
        };
        Ok(Self { system, recorder, request, folder })
    }

    /// The same with these defects in it.
    #[must_use]
    pub fn with_defects(mut self, defects: &[&str]) -> Self {
        self.request.defects = defects.iter().map(|&id| id.to_owned()).collect();
        self
    }

    /// The same without its agents, for a scenario that looks at the server only.
    #[must_use]
    pub fn without_agents(mut self) -> Self {
        self.system.parts.retain(|part| part.name != "agent");
        self
    }

    /// Brings the system up.
    ///
    /// # Errors
    /// As [`Environment::start`].
    pub async fn start(&self) -> Result<Environment, EnvironmentError> {
        Environment::start(&self.system, &self.request, &self.recorder).await
    }

    /// Brings the system up, looks at it, and ends it, whatever was seen.
    ///
    /// # Errors
    /// When it cannot be started or ended, or what was seen is wrong.
    pub fn observe(
        &self,
        look: impl AsyncFnOnce(&Environment) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        Runtime::new()?.block_on(async {
            let environment = self.start().await?;
            let outcome = look(&environment).await;
            let ended = environment.stop().await;
            outcome.and(ended.map_err(Failed::from))
        })
    }

    /// What a part has logged until now.
    ///
    /// # Errors
    /// When it has no log.
    pub fn log_of(&self, part: &str) -> Result<String, Failed> {
        let path: &Path = &self.folder.path().join(format!("{part}.log"));
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

/// One run of the quick plan on the reference system, with these defects in it. The seed and the
/// folder are printed, so that a failure can be looked at and repeated.
///
/// # Errors
/// When the run could not be carried through.
pub fn run_quick_plan(backend: BackendKind, defects: &[&str]) -> Result<Run, Failed> {
    let plan = PlanName::Quick;
    run_plan(backend, plan.name(), plan.planner(), defects)
}

/// As [`run_quick_plan`], with a plan of the scenario's own.
///
/// # Errors
/// When the run could not be carried through.
pub fn run_plan(
    backend: BackendKind,
    name: &str,
    planner: Planner,
    defects: &[&str],
) -> Result<Run, Failed> {
    run_plan_on(&system_file(), backend, name, planner, defects)
}

/// As [`run_plan`], on the system of another file.
///
/// # Errors
/// When the run could not be carried through.
pub fn run_plan_on(
    file: &Path,
    backend: BackendKind,
    name: &str,
    planner: Planner,
    defects: &[&str],
) -> Result<Run, Failed> {
    run_plan_of(&System::read(file)?, backend, name, planner, defects)
}

/// As [`run_plan`], on a system that the scenario has read and may have changed.
///
/// # Errors
/// When the run could not be carried through.
pub fn run_plan_of(
    system: &System,
    backend: BackendKind,
    name: &str,
    planner: Planner,
    defects: &[&str],
) -> Result<Run, Failed> {
    let seed = Seed::fresh();
    let generated = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/generated");
    let folder = RunFolder::create(generated.as_ref(), "scenario", seed.0)?;
    eprintln!("seed {seed}; files in {}", folder.root().display());
    let runtime = Runtime::new()?;
    let built = runtime.block_on(Built::of(system, backend))?;
    let request = RunRequest {
        planner,
        built,
        seed,
        defects: defects.iter().map(|&id| id.to_owned()).collect(),
        secrets: Default::default(),
    };
    let header = Header {
        promises: system.promises.clone(),
        ..Header::new(seed, name, backend.name(), &system.name)
    };
    let recorder = Recorder::create(&folder.history(), header)?;
    let interrupt = CancellationToken::new();
    let checkers = checkers_of(system, backend);
    let run = perform(system, &request, &folder, &checkers, &recorder, &interrupt);
    Ok(runtime.block_on(run)?)
}

/// A checker says valid of what was recorded until now.
///
/// # Errors
/// It does not.
pub fn holds(recorder: &Recorder, checker: Checker) -> Result<(), Failed> {
    all_valid(&judge(&recorder.history(), &[checker]))
}

/// Every checker says valid.
///
/// # Errors
/// One of them does not.
pub fn every_verdict_is_valid(run: &Run) -> Result<(), Failed> {
    all_valid(&run.verdicts)
}

fn all_valid(verdicts: &[Verdict]) -> Result<(), Failed> {
    match verdicts.iter().find(|verdict| verdict.outcome != Outcome::Valid) {
        None => Ok(()),
        Some(verdict) => {
            let (checker, summary) = (&verdict.checker, &verdict.summary);
            Err(format!("{checker}: {summary} {:#?}", verdict.findings).into())
        }
    }
}
