//! Every upgrade path in one walk: at each version rows are made for every table, and all of them
//! are carried to the head.

use std::sync::Arc;

use super::client_program::ClientPrograms;
use super::clone::Opening;
use super::cost::StatementCost;
use super::cut::boundaries;
use super::data_trial::{DataInPlace, DataTrial, try_with_data};
use super::drill::{Drill, drill};
use super::inflate::inflate;
use super::refused::{Attempts, Blame, delete};
use super::stretches::VACUUM_EVERY;
use super::timings::spent_on;
use super::traffic::{self, Stall};
use super::trial::{Subject, fits_a_transaction};
use super::{
    Course, Failure, FreshPass, Progress, ReplayError, ReplayOptions, Runner, Server, Session,
    Stage, Tool, Trials,
};
use crate::migrations::catalog::{Catalog, CatalogReader};
use crate::migrations::lineage::{Lineage, Step};
use crate::migrations::seeding::{
    Population, ReductionClass, RowSet, Seeder, TableSeeding, reduce,
};

pub(super) const DATABASE: &str = "upgrade";
/// What the rows of a dump are called after, in place of the version of their birth.
const DUMP: &str = "the dump";

/// What the walk with data showed.
#[derive(Debug)]
pub struct UpgradePass {
    /// What became of rows at each migration, by its place in the lineage.
    pub trials: Vec<(usize, DataTrial)>,
    /// How each table fared at each version, by the migration's place in the lineage.
    pub seedings: Vec<(usize, Vec<TableSeeding>)>,
    /// What was refused, by the migration's place in the lineage.
    pub blames: Vec<(usize, Blame)>,
    /// Migrations that rows could not pass at all: the walk went on from there without older rows.
    pub stopped: Vec<(usize, Failure)>,
    /// The catalog at the head.
    pub head: Arc<Catalog>,
    /// What statements cost at many rows, where those were asked for.
    pub costs: Vec<(usize, Vec<StatementCost>)>,
    /// How long readers and writers waited, where traffic was asked for.
    pub stalls: Vec<(usize, Vec<Stall>)>,
    /// A backup taken before the last migration, restored.
    pub drill: Option<Drill>,
    /// How many migrations were tried which way.
    pub ways: Trials,
}

/// Walks from nothing to the head, on a server of its own.
///
/// # Errors
/// PostgreSQL is missing, does not start, or goes away.
pub async fn upgrade_pass(
    lineage: &Lineage,
    fresh: &FreshPass,
    options: &ReplayOptions,
    progress: Progress<'_>,
) -> Result<UpgradePass, ReplayError> {
    let server = Server::start(DATABASE).await?;
    let (mut walk, next) = Walk::open(&server, lineage, fresh, options).await?;
    let applied = |course: &Course| matches!(course, Course::Applied { .. });
    let last = fresh.courses.iter().rposition(applied).filter(|_| options.with_drill);
    for (index, course) in fresh.courses.iter().enumerate().skip(next) {
        progress(Stage::Upgrade, &lineage.migrations[index].version);
        if index % VACUUM_EVERY == VACUUM_EVERY - 1 {
            walk.session().vacuum().await?;
        }
        match course {
            Course::Applied { .. } if Some(index) == last => {
                walk.carry_with_drill(&server, index).await?;
            }
            Course::Applied { .. } => walk.carry(index).await?,
            Course::Failed { .. } => walk.leave_half(index).await?,
            Course::Gap => {}
        }
    }
    walk.end().await
}

/// Walks to the head with rows of one version alone, that of the migration in this place. Nothing
/// is tried on the way.
///
/// # Errors
/// PostgreSQL goes away.
pub(super) async fn path_alone(
    server: &Server,
    lineage: &Lineage,
    fresh: &FreshPass,
    options: &ReplayOptions,
    start: usize,
) -> Result<UpgradePass, ReplayError> {
    let (mut walk, _) = Walk::open(server, lineage, fresh, options).await?;
    walk.run_through(start).await?;
    walk.seed(start).await?;
    for (index, course) in fresh.courses.iter().enumerate().skip(start + 1) {
        let Step::Script(up) = &lineage.migrations[index].up else { continue };
        if matches!(course, Course::Failed { .. }) {
            walk.leave_half(index).await?;
            continue;
        }
        let (record, removal) = (walk.tool.record(index), walk.tool.removal(index));
        let subject = Subject { up, down: None, record: &record, removal: &removal };
        walk.carry_untried(index, subject).await?;
    }
    walk.end().await
}

/// What has been seen so far, as [`UpgradePass`] has it.
#[derive(Default)]
struct Seen {
    trials: Vec<(usize, DataTrial)>,
    seedings: Vec<(usize, Vec<TableSeeding>)>,
    blames: Vec<(usize, Blame)>,
    stopped: Vec<(usize, Failure)>,
    costs: Vec<(usize, Vec<StatementCost>)>,
    stalls: Vec<(usize, Vec<Stall>)>,
    drill: Option<Drill>,
    ways: Trials,
}

struct Walk<'run> {
    lineage: &'run Lineage,
    fresh: &'run FreshPass,
    options: &'run ReplayOptions,
    /// None while a copy of the database is being made, which nobody may be connected to.
    session: Option<Session<'run>>,
    seeder: Seeder,
    population: Population,
    tool: Tool<'run>,
    seen: Seen,
}

impl<'run> Walk<'run> {
    /// At its beginning, and the place of the first migration: past those that a dump holds.
    async fn open(
        server: &'run Server,
        lineage: &'run Lineage,
        fresh: &'run FreshPass,
        options: &'run ReplayOptions,
    ) -> Result<(Self, usize), ReplayError> {
        let mut tool = Tool::of(lineage, DATABASE);
        if let Some((from, _)) = fresh.unrecorded {
            tool.stop_recording(from);
        }
        let mut session = Session::open(server, DATABASE, options.statement_deadline).await?;
        let mut population = Population::new().excluding(tool.tables());
        let next = match &options.from_dump {
            Some(dump) => {
                let next = tool.start_from(dump, &mut session).await?;
                population.capture(session.connection(), DUMP).await?;
                next
            }
            None => {
                tool.prepare(&mut session).await?;
                0
            }
        };
        let seeder = Seeder::new(options.seed, fresh.foresight.clone()).excluding(tool.tables());
        let (session, seen) = (Some(session), Seen::default());
        let walk = Self { lineage, fresh, options, session, seeder, population, tool, seen };
        Ok((walk, next))
    }

    /// What was seen, at the head.
    async fn end(mut self) -> Result<UpgradePass, ReplayError> {
        let head = CatalogReader::new().read(self.session().connection()).await?;
        let Seen { trials, seedings, blames, stopped, costs, stalls, drill, ways } = self.seen;
        Ok(UpgradePass { trials, seedings, blames, stopped, head, costs, stalls, drill, ways })
    }

    fn session(&mut self) -> &mut Session<'run> {
        self.session.as_mut().expect("the session is closed only while a copy is made")
    }

    /// As [`Walk::carry`], with a backup taken before it and restored after it.
    async fn carry_with_drill(&mut self, server: &Server, index: usize) -> Result<(), ReplayError> {
        let programs = ClientPrograms::of(server.cluster());
        let deadline = self.options.statement_deadline;
        let migrate = async || self.carry(index).await;
        let drilled = drill(server, DATABASE, &programs, deadline, migrate).await?;
        self.seen.drill = Some(drilled);
        Ok(())
    }

    /// Carries all rows over one migration, and makes new ones.
    async fn carry(&mut self, index: usize) -> Result<(), ReplayError> {
        let migration = self.tool.migration(index);
        let Step::Script(up) = &migration.up else { return Ok(()) };
        let (record, removal) = (self.tool.record(index), self.tool.removal(index));
        let down = migration.down.as_ref();
        let subject = Subject { up, down, record: &record, removal: &removal };

        self.burden(index, subject).await?;
        let mut runner = Runner::new(self.session.take().expect("no copy is being made"));
        let outcome = try_with_data(&mut runner, &mut self.population, subject).await?;
        self.session = Some(runner.into_session());
        match outcome {
            DataInPlace::Applied(trial) => {
                self.seen.ways.transaction += 1;
                self.seen.trials.push((index, trial));
            }
            DataInPlace::Elsewhere(failure) => {
                self.seen.ways.clone += 1;
                self.carry_elsewhere(index, subject, failure).await?;
            }
        }
        self.seed(index).await
    }

    /// Leaves behind what a migration leaves that fails on an empty database already, since later
    /// ones may rest on it. What it does to rows is nobody's question.
    async fn leave_half(&mut self, index: usize) -> Result<(), ReplayError> {
        let Step::Script(up) = &self.tool.migration(index).up else { return Ok(()) };
        if boundaries(up).is_empty() && fits_a_transaction(up) {
            return Ok(());
        }
        let mut runner = Runner::new(self.session.take().expect("no copy is being made"));
        let _ = runner.run(up, &self.tool.record(index)).await?;
        let session = self.session.insert(runner.into_session());
        self.population.compare(session.connection(), None).await?;
        Ok(())
    }

    /// Runs a migration over the rows, and finds those to blame where it is refused. Nobody asks
    /// what becomes of the others.
    async fn carry_untried(
        &mut self,
        index: usize,
        subject: Subject<'_>,
    ) -> Result<(), ReplayError> {
        let mut failure = None;
        if fits_a_transaction(subject.up) {
            let mut runner = Runner::new(self.session.take().expect("no copy is being made"));
            let outcome = runner.run_in_transaction(subject.up, subject.record).await?;
            self.session = Some(runner.into_session());
            match outcome {
                Ok(()) => return Ok(()),
                Err(refused) => failure = Some(refused),
            }
        }
        let session = self.session.as_mut().expect("no copy is being made");
        self.population.compare(session.connection(), None).await?;
        self.carry_elsewhere(index, subject, failure).await
    }

    /// Runs the migration in a copy with many rows, with traffic on its tables, or with both,
    /// where that is asked for.
    async fn burden(&mut self, index: usize, subject: Subject<'_>) -> Result<(), ReplayError> {
        let ReplayOptions { rows, traffic, measured, .. } = self.options;
        let file = self.tool.migration(index).file();
        let is_measured = measured.as_ref().is_none_or(|files| files.contains(file));
        if !is_measured || rows.is_none() && traffic.is_none() {
            return Ok(());
        }
        let session = self.session.take().expect("no copy is being made");
        let opening = Opening::of_closed(session).await?;
        let mut copy = opening.open_copy().await?;
        if let Some(rows) = rows {
            inflate(&mut copy, subject.up, *rows).await?;
            let mut runner = Runner::new(copy);
            let costs = runner.costs_of(subject.up).await?;
            self.seen.costs.push((index, costs));
            copy = runner.into_session();
        }
        if let Some(traffic) = traffic {
            let stalls;
            (copy, stalls) = traffic::stalls(copy, subject.up, *traffic).await?;
            self.seen.stalls.push((index, stalls));
        }
        opening.remove(copy).await?;
        self.session = Some(opening.open().await?);
        Ok(())
    }

    /// In a fresh session, and without the rows that the migration refuses.
    async fn carry_elsewhere(
        &mut self,
        index: usize,
        subject: Subject<'_>,
        failure: Option<Failure>,
    ) -> Result<(), ReplayError> {
        self.session().reconnect().await?;
        let bare = failure.is_some_and(|failure| failure.refusal.wants_no_transaction());
        let mut attempts = Attempts::new(&mut self.session, subject, bare);
        if let Err(failure) = attempts.once(&RowSet::default()).await? {
            let refusal = super::refused::refusal(&failure);
            let mut reduction = reduce(&mut attempts, &self.population, refusal.clone()).await?;
            if reduction.class == ReductionClass::AlwaysRefused && attempts.leave_the_transaction()
            {
                reduction = reduce(&mut attempts, &self.population, refusal).await?;
            }
            let blame = Blame::of(&self.tool.migration(index).version, &reduction, &failure);
            self.seen.blames.push((index, blame));
            let session = self.session.as_mut().expect("attempts give the session back");
            delete(session, &reduction.without).await?;
            // What is left out on purpose is no loss.
            self.population.compare(session.connection(), None).await?;
        }
        let mut runner = Runner::new(self.session.take().expect("no copy is being made"));
        let outcome = runner.run(subject.up, subject.record).await?;
        let session = self.session.insert(runner.into_session());
        if let Err(failure) = outcome {
            self.seen.stopped.push((index, failure));
            return self.start_over(index).await;
        }
        let changes = self.population.compare(session.connection(), None).await?;
        self.seen.trials.push((index, DataTrial { changes, ..DataTrial::default() }));
        Ok(())
    }

    /// Goes on from a database that never had a row of ours, with this migration applied.
    async fn start_over(&mut self, through: usize) -> Result<(), ReplayError> {
        let session = self.session.take().expect("no copy is being made");
        let (server, deadline) = (session.server(), session.deadline());
        session.close().await?;
        server.begin_again(DATABASE).await?;
        let mut session = Session::open(server, DATABASE, deadline).await?;
        self.tool.prepare(&mut session).await?;
        self.session = Some(session);
        self.run_through(through).await?;
        let tables = self.tool.tables();
        self.seeder =
            Seeder::new(self.options.seed, self.fresh.foresight.clone()).excluding(tables.clone());
        self.population = Population::new().excluding(tables);
        Ok(())
    }

    /// Runs the migrations up to this place and that one, on a database that has no row of ours.
    async fn run_through(&mut self, last: usize) -> Result<(), ReplayError> {
        let mut runner = Runner::new(self.session.take().expect("no copy is being made"));
        for index in 0..=last {
            let Step::Script(up) = &self.lineage.migrations[index].up else { continue };
            // It passes or fails as it did before, on an empty database.
            let _ = runner.run(up, &self.tool.record(index)).await?;
        }
        self.session = Some(runner.into_session());
        Ok(())
    }

    async fn seed(&mut self, index: usize) -> Result<(), ReplayError> {
        if self.options.from_dump.is_some() {
            return Ok(());
        }
        let version = self.tool.name(index);
        let session = self.session.as_mut().expect("no copy is being made");
        let population = &mut self.population;
        let seeded = self.seeder.seed_into(session.connection(), &version, population);
        let seeded = spent_on("seeding_ms", seeded).await?;
        self.seen.seedings.push((index, seeded));
        Ok(())
    }
}
