//! The pass on an empty database: every migration applied, and then, in a [`Descent`], all of them
//! taken down.

use std::sync::Arc;

use super::cost::StatementCost;
use super::cut::Cut;
use super::drift::{Drift, against_live, against_recorded};
use super::stretches::Tries;
use super::timings::spent_on;
use super::{
    Failure, Progress, ReplayError, ReplayOptions, RoundTrip, Runner, Server, Session, Stage, Tool,
    Trials, Twice,
};
use crate::migrations::catalog::{Catalog, CatalogReader};
use crate::migrations::lineage::{Lineage, Migration, Script, Step, Tracking, Wrapping};
use crate::migrations::seeding::Foresight;

pub(super) const DATABASE: &str = "fresh";

/// What the pass on an empty database showed.
#[derive(Debug)]
pub struct FreshPass {
    /// What became of each migration, in the order of the lineage, with what its trials showed.
    pub courses: Vec<Course>,
    /// The catalog at the head, where something is compared with it.
    pub head: Option<Arc<Catalog>>,
    /// How other schemas differ from the head.
    pub drifts: Vec<Drift>,
    /// Downs that fail in the walk from the head to nothing, once that has been made.
    pub walk_failed: Vec<(usize, Failure)>,
    /// What later versions demand of data.
    pub foresight: Foresight,
    /// How many were tried which way.
    pub trials: Trials,
    /// From which migration on no record is kept, since the project's own code refused it.
    pub unrecorded: Option<(usize, Failure)>,
}

impl FreshPass {
    /// Takes over what the trials showed.
    pub fn take(&mut self, tries: Tries) {
        self.trials = tries.ways;
        for (index, course) in tries.courses {
            self.courses[index] = course;
        }
    }
}

/// What became of one migration.
#[derive(Debug)]
pub enum Course {
    /// It applied.
    Applied {
        /// The second run; none where nothing was tried.
        twice: Option<Twice>,
        /// Up, down, up; none without a down.
        round_trip: Option<RoundTrip>,
        /// Cuts that do not end as an undisturbed run does.
        cuts: Vec<Cut>,
        /// What each statement cost on empty tables, where no walk with data measures it.
        costs: Vec<StatementCost>,
    },
    /// PostgreSQL refused it.
    Failed {
        /// The failure.
        failure: Failure,
        /// What other statements of it would have said.
        hidden: Vec<Failure>,
    },
    /// Only the project's own code could run it.
    Gap,
}

/// Runs the pass on a server that has an empty database for it, and says how to go on from the
/// head.
///
/// # Errors
/// PostgreSQL goes away.
pub async fn fresh_pass<'run>(
    server: &'run Server,
    lineage: &'run Lineage,
    options: &ReplayOptions,
    progress: Progress<'_>,
) -> Result<(FreshPass, Descent<'run>), ReplayError> {
    let mut pass = Pass::open(server, lineage, options).await?;
    let mut foresight = Foresight::new();
    let mut courses = Vec::with_capacity(lineage.migrations.len());
    for (index, migration) in lineage.migrations.iter().enumerate() {
        progress(Stage::Fresh, &migration.version);
        courses.push(pass.carry(index).await?);
        if options.with_data {
            let noted = foresight.note(pass.runner.session().connection(), &migration.version);
            spent_on("shapes_ms", noted).await?;
        }
    }
    let is_compared = options.with_trials
        || options.with_data
        || options.against.is_some()
        || lineage.settings.recorded_schema.is_some();
    let (mut head, mut drifts) = (None, Vec::new());
    if is_compared {
        let catalog = CatalogReader::new().read(pass.runner.session().connection()).await?;
        drifts = drifts_of(server, lineage, options, &catalog).await?;
        head = Some(catalog);
    }
    let Pass { tool, runner, unrecorded } = pass;
    let trials = Trials { untried: courses.len(), ..Trials::default() };
    let walk_failed = Vec::new();
    let pass = FreshPass { courses, head, drifts, walk_failed, foresight, trials, unrecorded };
    Ok((pass, Descent { tool, runner }))
}

/// A database at the head, from which everything can be taken down.
#[derive(Debug)]
pub struct Descent<'run> {
    tool: Tool<'run>,
    runner: Runner<'run>,
}

impl Descent<'_> {
    /// From the head to nothing, and what failed of it. A down that fails is left out, and the walk
    /// goes on.
    ///
    /// # Errors
    /// PostgreSQL goes away.
    pub async fn walk_down(
        mut self,
        courses: &[Course],
        progress: Progress<'_>,
    ) -> Result<Vec<(usize, Failure)>, ReplayError> {
        let mut failed = Vec::new();
        for (index, course) in courses.iter().enumerate().rev() {
            let migration = self.tool.migration(index);
            let Some(down) = down_of(migration, course) else { continue };
            progress(Stage::WalkDown, &migration.version);
            let removal = self.tool.removal(index);
            if let Err(failure) = self.runner.run(down, &removal).await? {
                failed.push((index, failure));
            }
        }
        Ok(failed)
    }
}

/// The head against the lineage's own record of its schema, and against a live database.
async fn drifts_of(
    server: &Server,
    lineage: &Lineage,
    options: &ReplayOptions,
    head: &Catalog,
) -> Result<Vec<Drift>, ReplayError> {
    let name = |own: Tracking| format!("{}.{}", own.schema(), own.plain_name());
    let tracking = lineage.tracking().map(name);
    let left_out: Vec<&str> = tracking.as_deref().into_iter().collect();
    let deadline = options.statement_deadline;
    let mut drifts = Vec::new();
    if let Some(recorded) = &lineage.settings.recorded_schema {
        let beside = lineage.settings.path.parent().unwrap_or(&lineage.path);
        let path = beside.join(recorded);
        let drift = against_recorded(server, &path, head, &left_out, deadline).await;
        drifts.push(drift.map_err(|error| ReplayError::Drift(Box::new(error)))?);
    }
    if let Some(url) = &options.against {
        let drift = against_live(url, head, &left_out, deadline).await;
        drifts.push(drift.map_err(|error| ReplayError::Drift(Box::new(error)))?);
    }
    Ok(drifts)
}

struct Pass<'run> {
    tool: Tool<'run>,
    runner: Runner<'run>,
    unrecorded: Option<(usize, Failure)>,
}

impl<'run> Pass<'run> {
    async fn open(
        server: &'run Server,
        lineage: &'run Lineage,
        options: &ReplayOptions,
    ) -> Result<Self, ReplayError> {
        let tool = Tool::of(lineage, DATABASE);
        let session = Session::open(server, DATABASE, options.statement_deadline).await?;
        let mut runner = Runner::new(session);
        tool.prepare(runner.session()).await?;
        Ok(Self { tool, runner, unrecorded: None })
    }

    /// Carries the database over one migration; again, without a record, where the project's own
    /// code refuses that.
    async fn carry(&mut self, index: usize) -> Result<Course, ReplayError> {
        let Step::Script(up) = &self.tool.migration(index).up else { return Ok(Course::Gap) };
        let course = self.run(index, up).await?;
        match course {
            Course::Failed { failure, .. }
                if up.wrapping == Wrapping::Transaction && failure.is_record_forbidden() =>
            {
                self.tool.stop_recording(index);
                self.unrecorded = Some((index, failure));
                self.run(index, up).await
            }
            course => Ok(course),
        }
    }

    /// Runs it as its tool does.
    async fn run(&mut self, index: usize, up: &Script) -> Result<Course, ReplayError> {
        let record = self.tool.record(index);
        match self.runner.run(up, &record).await? {
            Ok(()) => Ok(Course::Applied {
                twice: None,
                round_trip: None,
                cuts: Vec::new(),
                costs: Vec::new(),
            }),
            Err(failure) => {
                let hidden = self.runner.what_else_fails(up, &record, &failure).await?;
                Ok(Course::Failed { failure, hidden })
            }
        }
    }
}

fn down_of<'lineage>(migration: &'lineage Migration, course: &Course) -> Option<&'lineage Script> {
    migration.down.as_ref().filter(|_| matches!(course, Course::Applied { .. }))
}
