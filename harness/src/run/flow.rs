//! The stages of one run, in their order.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::drain::{drain, final_read, note_backlogs, probe};
use super::{Plan, Planner, RunFolder};
use crate::checkers::{Checker, Verdict, judge};
use crate::environment::{
    Built, Endpoint, Environment, EnvironmentError, EnvironmentRequest, Link, Part, Secrets,
    sample_resources,
};
use crate::faults::{FaultError, Nemesis, Targets};
use crate::history::{Action, History, HistoryError, Recorder, Stage};
use crate::seed::Seed;
use crate::system::{DATABASE, PartDescription, ReadSource, System};
use crate::workload::{Asked, Generator, ReadError, Reader, Worker, emit_for};

/// How often the producers' backlogs are sampled.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(250);

/// A run that could not be carried through. What it recorded until then is in its folder.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The environment could not be started or kept.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A fault could not be injected or healed.
    #[error("the plan could not be carried out: {0}")]
    Fault(#[from] FaultError),
    /// What should be read back is described wrongly.
    #[error("cannot read back what was stored: {0}")]
    Read(#[from] ReadError),
    /// The history cannot be written.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The plan cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody asked for an end.
    #[error("interrupted")]
    Interrupted,
}

/// What to run, and on what.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// Draws up what it does, once the environment runs.
    pub planner: Planner,
    /// What the parts are started from, which also says how they run.
    pub built: Built,
    /// Where every random choice comes from.
    pub seed: Seed,
    /// Defects that the system's programs are told to have. No checker learns of them.
    pub defects: Vec<String>,
    /// Learns every secret of the run, which must appear in no artifact.
    pub secrets: Secrets,
}

/// What came of a run.
#[derive(Debug)]
pub struct Run {
    /// What it did, schedule included.
    pub plan: Plan,
    /// The names of its parts, in the order in which they were started.
    pub parts: Vec<String>,
    /// Its links.
    pub links: Vec<Link>,
    /// Everything that happened.
    pub history: History,
    /// What the checkers say.
    pub verdicts: Vec<Verdict>,
}

/// Performs one run in its folder. Whatever its end, nothing that it started is left.
///
/// # Errors
/// When a stage before the judgement could not be carried through, or `interrupt` was cancelled.
pub async fn perform(
    system: &System,
    request: &RunRequest,
    folder: &RunFolder,
    checkers: &[Checker],
    recorder: &Recorder,
    interrupt: &CancellationToken,
) -> Result<Run, RunError> {
    recorder.note("harness", Action::Stage { stage: Stage::Start });
    let environment_request = EnvironmentRequest {
        built: request.built.clone(),
        logs: folder.logs(),
        defects: request.defects.clone(),
        seed: request.seed,
        secrets: request.secrets.clone(),
    };
    let environment = tokio::select! {
        started = Environment::start(system, &environment_request, recorder) => Arc::new(started?),
        () = interrupt.cancelled() => return Err(RunError::Interrupted),
    };
    let stages = Stages { system, request, folder, recorder, environment: &environment };
    let outcome = tokio::select! {
        outcome = stages.pass() => outcome,
        lost = environment.until_lost() => Err(lost.into()),
        never = sample_resources(&environment, recorder) => match never {},
        () = interrupt.cancelled() => Err(RunError::Interrupted),
    };
    // Noted before the parts are ended, for what they do from here on is not judged.
    recorder.note("harness", Action::Stage { stage: Stage::Judge });
    let stopped = environment.stop().await;
    // What ended the run tells more than what then went wrong in ending the parts.
    let plan = outcome?;
    stopped?;

    let history = recorder.finish()?;
    let verdicts = judge(&history, checkers);
    Ok(Run {
        plan,
        parts: environment.parts().iter().map(|part| part.name().to_owned()).collect(),
        links: environment.links().to_vec(),
        history,
        verdicts,
    })
}

/// The stages that need the running environment.
struct Stages<'a> {
    system: &'a System,
    request: &'a RunRequest,
    folder: &'a RunFolder,
    recorder: &'a Recorder,
    environment: &'a Arc<Environment>,
}

impl Stages<'_> {
    async fn pass(&self) -> Result<Plan, RunError> {
        let events = &self.system.events;
        let seed = self.request.seed;
        let environment = self.environment;
        let plan = self.request.planner.draw_up(&self.targets().await, seed);
        self.write_plan(&plan)?;
        let producers: Vec<Endpoint> =
            environment.parts_of(&events.emit.to).map(|part| environment.endpoint(part)).collect();
        let worker = Worker::new(
            environment.http().clone(),
            self.recorder.clone(),
            events.emit.clone(),
            producers.clone(),
        );
        let reader = Reader::new(environment.http().clone(), self.asked()?, events, producers);

        self.stage(Stage::Disturb);
        self.disturb(&plan, &worker, &reader).await?;
        self.stage(Stage::Heal);
        environment.proxy().reset().await.map_err(EnvironmentError::from)?;
        for part in environment.parts() {
            part.start().await?;
        }
        self.stage(Stage::Drain);
        let bound = Duration::from_millis(plan.drain_bound);
        let quiet = Duration::from_millis(events.quiet);
        drain(&reader, self.recorder, worker.producers(), quiet, bound).await;
        self.stage(Stage::Probe);
        let mut probes = Generator::new(&events.emit, worker.producers(), seed, "probe");
        probe(&worker, &mut probes, bound).await;
        drain(&reader, self.recorder, worker.producers(), quiet, bound).await;
        final_read(&reader, self.recorder, bound).await;
        Ok(plan)
    }

    /// Where what is stored is read back from.
    fn asked(&self) -> Result<Asked, ReadError> {
        let (environment, read) = (self.environment, &self.system.events.read);
        let asked = match read.source {
            ReadSource::Query(_) => {
                environment.superuser_options().cloned().map(Box::new).map(Asked::Database)
            }
            _ => environment
                .parts_of(&read.from)
                .next()
                .map(|part| Asked::Part(environment.endpoint(part))),
        };
        asked.ok_or_else(|| ReadError::NoPart(read.from.clone()))
    }

    /// Workload and nemesis side by side, with the backlogs sampled.
    async fn disturb(&self, plan: &Plan, worker: &Worker, reader: &Reader) -> Result<(), RunError> {
        let emit = &self.system.events.emit;
        let mut generator = Generator::new(emit, worker.producers(), self.request.seed, "workload");
        let nemesis = Nemesis::new(Arc::clone(self.environment), self.recorder.clone());
        let start = Instant::now();
        let work = async {
            let (disturbed, ()) = tokio::join!(
                nemesis.carry_out(&plan.schedule, start),
                emit_for(worker, &mut generator, plan.pace, start),
            );
            disturbed
        };
        tokio::select! {
            disturbed = work => Ok(disturbed?),
            error = self.sample(reader) => Err(error),
        }
    }

    /// Samples the backlogs until the history can no longer be written, which ends the run: what
    /// is not recorded cannot be judged.
    async fn sample(&self, reader: &Reader) -> RunError {
        let mut ticks = interval(SAMPLE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            note_backlogs(reader, self.recorder).await;
            if let Err(error) = self.recorder.check() {
                return error.into();
            }
        }
    }

    /// What the plan can disturb: the parts that take events, the others, the database, and the
    /// links.
    async fn targets(&self) -> Targets {
        let producing = |part: &&Part| part.kind() == self.system.events.emit.to;
        let (producers, services): (Vec<&Part>, Vec<&Part>) =
            self.environment.parts().iter().partition(producing);
        let named = |parts: Vec<&Part>| parts.iter().map(|part| part.name().to_owned()).collect();
        let of = |chosen: &dyn Fn(&PartDescription) -> bool| -> BTreeSet<String> {
            let chosen = self.system.parts.iter().filter(|part| chosen(part));
            chosen.flat_map(PartDescription::instances).collect()
        };
        let disrupts_resources = self.environment.disrupts_resources().await;
        Targets {
            producers: named(producers),
            services: named(services),
            spared: of(&|part| part.spared),
            stores: match self.environment.disrupts_database().await {
                true => vec![DATABASE.to_owned()],
                false => Vec::new(),
            },
            links: self.environment.links().to_vec(),
            resources: disrupts_resources,
            containers: self.environment.runs_containers().await,
            clocks: of(&|part| part.clock_faults && disrupts_resources),
            disks: of(&|part| part.disk.is_some() && disrupts_resources),
            slow_disks: of(&|part| part.slow_disk && disrupts_resources),
        }
    }

    fn stage(&self, stage: Stage) {
        self.recorder.note("harness", Action::Stage { stage });
    }

    fn write_plan(&self, plan: &Plan) -> Result<(), RunError> {
        let path = self.folder.plan();
        let text = serde_json::to_string_pretty(plan).unwrap_or_default();
        std::fs::write(&path, text).map_err(|source| RunError::Write { path, source })
    }
}
