//! The pass on an empty database: every migration applied and tried, and then, in a [`Descent`], all
//! of them taken down.

use std::sync::Arc;

use super::clone::{Opening, try_in_clone};
use super::cost::StatementCost;
use super::cut::Cut;
use super::drift::{Drift, against_live, against_recorded};
use super::timings::spent_on;
use super::trial::{InPlace, Subject, Tried, try_in_place};
use super::{
    Failure, Progress, ReplayError, ReplayOptions, RoundTrip, Runner, Server, Session, Stage, Tool,
    Trials, Twice,
};
use crate::migrations::catalog::{Catalog, CatalogReader};
use crate::migrations::lineage::{Lineage, Migration, Script, Step, Wrapping};
use crate::migrations::seeding::Foresight;

pub(super) const DATABASE: &str = "fresh";
/// How many migrations leave so much behind that a vacuum pays, about a millisecond each.
pub(super) const VACUUM_EVERY: usize = 50;

/// What the pass on an empty database showed.
#[derive(Debug)]
pub struct FreshPass {
    /// What became of each migration, in the order of the lineage.
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
        progress(Stage::Fresh, index, &migration.version);
        if index % VACUUM_EVERY == VACUUM_EVERY - 1 {
            pass.runner().session().vacuum().await?;
        }
        courses.push(pass.carry(index).await?);
        if options.with_data {
            let noted = foresight.note(pass.runner().session().connection(), &migration.version);
            spent_on("shapes_ms", noted).await?;
        }
    }
    let is_compared = options.with_trials
        || options.with_data
        || options.against.is_some()
        || lineage.settings.recorded_schema.is_some();
    let (mut head, mut drifts) = (None, Vec::new());
    if is_compared {
        let catalog = pass.head().await?;
        drifts = drifts_of(server, lineage, options, &catalog).await?;
        head = Some(catalog);
    }
    let Pass { tool, runner, trials, unrecorded, .. } = pass;
    let runner = runner.expect("no copy is being made");
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
            progress(Stage::WalkDown, index, &migration.version);
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
    let tracking = lineage.tracking().map(|tracking| format!("public.{}", tracking.plain_name()));
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
    /// None while a copy of the database is being made, which nobody may be connected to.
    runner: Option<Runner<'run>>,
    reader: CatalogReader,
    /// As it is now, where migrations are tried.
    catalog: Option<Arc<Catalog>>,
    /// Whether what statements cost is measured here, since no walk with data does.
    measured: bool,
    trials: Trials,
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
        let mut reader = reader_for(lineage);
        let catalog = match options.with_trials {
            true => Some(reader.read(runner.session().connection()).await?),
            false => None,
        };
        let runner = Some(runner);
        let trials = Trials::default();
        let measured = !options.with_data;
        Ok(Self { tool, runner, reader, catalog, measured, trials, unrecorded: None })
    }

    fn runner(&mut self) -> &mut Runner<'run> {
        self.runner.as_mut().expect("the session is closed only while a copy is made")
    }

    async fn head(&mut self) -> Result<Arc<Catalog>, ReplayError> {
        let runner = self.runner.as_mut().expect("no copy is being made");
        Ok(self.reader.read(runner.session().connection()).await?)
    }

    /// Carries the database over one migration; again, without a record, where the project's own
    /// code refuses that.
    async fn carry(&mut self, index: usize) -> Result<Course, ReplayError> {
        let trials = self.trials;
        let course = self.carry_recorded(index).await?;
        let up = &self.tool.migration(index).up;
        let undone = matches!(up, Step::Script(up) if up.wrapping == Wrapping::Transaction);
        match course {
            Course::Failed { failure, .. } if undone && failure.is_record_forbidden() => {
                self.trials = trials;
                self.tool.stop_recording(index);
                self.unrecorded = Some((index, failure));
                self.carry_recorded(index).await
            }
            course => Ok(course),
        }
    }

    async fn carry_recorded(&mut self, index: usize) -> Result<Course, ReplayError> {
        let migration = self.tool.migration(index);
        let Step::Script(up) = &migration.up else {
            self.trials.untried += 1;
            return Ok(Course::Gap);
        };
        let (record, removal) = (self.tool.record(index), self.tool.removal(index));
        let down = migration.down.as_ref();
        let subject = Subject { up, down, record: &record, removal: &removal };
        let Some(before) = self.catalog.clone() else {
            return self.carry_untried(subject).await;
        };
        let runner = self.runner.as_mut().expect("no copy is being made");
        let tried = try_in_place(runner, &mut self.reader, subject, &before, self.measured).await?;
        match tried {
            InPlace::Applied(tried) => {
                self.trials.transaction += 1;
                Ok(self.applied(tried))
            }
            InPlace::Elsewhere => self.carry_by_copy(subject, &before).await,
        }
    }

    fn applied(&mut self, tried: Tried) -> Course {
        self.catalog = Some(Arc::clone(&tried.after));
        course(tried)
    }

    /// Runs it as its tool does, and nothing else.
    async fn carry_untried(&mut self, subject: Subject<'_>) -> Result<Course, ReplayError> {
        match self.runner().run(subject.up, subject.record).await? {
            Err(failure) => self.failed(subject, failure).await,
            Ok(()) => {
                self.trials.untried += 1;
                Ok(Course::Applied {
                    twice: None,
                    round_trip: None,
                    cuts: Vec::new(),
                    costs: Vec::new(),
                })
            }
        }
    }

    /// Tries it in a copy, and then runs it as its tool does.
    async fn carry_by_copy(
        &mut self,
        subject: Subject<'_>,
        before: &Arc<Catalog>,
    ) -> Result<Course, ReplayError> {
        let runner = self.runner.take().expect("no copy is being made");
        let opening = Opening::of_closed(runner.into_session()).await?;
        let tried = try_in_clone(&opening, subject, before).await?;
        self.runner = Some(Runner::new(opening.open().await?));
        let outcome = self.runner().run(subject.up, subject.record).await?;
        let runner = self.runner.as_mut().expect("it was opened again");
        self.catalog = Some(self.reader.read(runner.session().connection()).await?);
        match (outcome, tried) {
            (Ok(()), Ok(tried)) => {
                self.trials.clone += 1;
                Ok(course(tried))
            }
            (Err(failure), _) | (Ok(()), Err(failure)) => self.failed(subject, failure).await,
        }
    }

    async fn failed(
        &mut self,
        subject: Subject<'_>,
        failure: Failure,
    ) -> Result<Course, ReplayError> {
        self.trials.untried += 1;
        let Subject { up, record, .. } = subject;
        let hidden = self.runner().what_else_fails(up, record, &failure).await?;
        Ok(Course::Failed { failure, hidden })
    }
}

/// Nobody else writes to the catalog of a pass; but a migration may keep PostgreSQL from counting.
fn reader_for(lineage: &Lineage) -> CatalogReader {
    let ways = lineage.migrations.iter().flat_map(|migration| match &migration.up {
        Step::Script(up) => [Some(up), migration.down.as_ref()],
        Step::Code { .. } => [None, migration.down.as_ref()],
    });
    let uncounted = |way: &Script| way.text.to_lowercase().contains("track_counts");
    match ways.flatten().any(uncounted) {
        true => CatalogReader::new(),
        false => CatalogReader::of_only_writer(),
    }
}

fn course(tried: Tried) -> Course {
    let Tried { twice, round_trip, cuts, costs, .. } = tried;
    Course::Applied { twice: Some(twice), round_trip, cuts, costs }
}

fn down_of<'lineage>(migration: &'lineage Migration, course: &Course) -> Option<&'lineage Script> {
    migration.down.as_ref().filter(|_| matches!(course, Course::Applied { .. }))
}
