//! Every upgrade path in one walk: at each version rows are made for every table, and all of them
//! are carried to the head.

use std::sync::Arc;

use super::data_trial::{DataInPlace, DataTrial, try_with_data};
use super::refused::{Attempts, Blame, delete};
use super::trial::Subject;
use super::{
    Course, Failure, FreshPass, Progress, ReplayError, ReplayOptions, Runner, Server, Session,
    Stage, Tool, Trials,
};
use crate::migrations::catalog::{Catalog, CatalogReader};
use crate::migrations::lineage::{Lineage, Step};
use crate::migrations::seeding::{Population, RowSet, Seeder, TableSeeding, reduce};

const DATABASE: &str = "upgrade";

/// What the walk with data showed.
#[derive(Debug)]
pub struct UpgradePass {
    /// What became of rows at each migration, by its place in the lineage.
    pub trials: Vec<(usize, DataTrial)>,
    /// How each table fared at each version, by the migration's place in the lineage.
    pub seedings: Vec<(usize, Vec<TableSeeding>)>,
    /// What was refused, by the migration's place in the lineage.
    pub blames: Vec<(usize, Blame)>,
    /// The migration at which the walk had to end, if it did not reach the head.
    pub stopped: Option<(usize, Failure)>,
    /// The catalog at the head.
    pub head: Option<Arc<Catalog>>,
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
    let tool = Tool::of(lineage, DATABASE);
    let mut session = Session::open(&server, DATABASE, options.statement_deadline).await?;
    tool.prepare(&mut session).await?;
    let tables = tool.tables();
    let mut walk = Walk {
        session: Some(session),
        seeder: Seeder::new(options.seed, fresh.foresight.clone()).excluding(tables.clone()),
        population: Population::new().excluding(tables),
        tool,
        pass: UpgradePass {
            trials: Vec::new(),
            seedings: Vec::new(),
            blames: Vec::new(),
            stopped: None,
            head: None,
            ways: Trials::default(),
        },
    };
    for (index, course) in fresh.courses.iter().enumerate() {
        progress(Stage::Upgrade, index, &lineage.migrations[index].version);
        if matches!(course, Course::Applied { .. }) && !walk.carry(index).await? {
            return Ok(walk.pass);
        }
    }
    let head = CatalogReader::new().read(walk.session().connection()).await?;
    walk.pass.head = Some(head);
    Ok(walk.pass)
}

struct Walk<'run> {
    /// None while a copy of the database is being made, which nobody may be connected to.
    session: Option<Session<'run>>,
    seeder: Seeder,
    population: Population,
    tool: Tool<'run>,
    pass: UpgradePass,
}

impl<'run> Walk<'run> {
    fn session(&mut self) -> &mut Session<'run> {
        self.session.as_mut().expect("the session is closed only while a copy is made")
    }

    /// Carries all rows over one migration, and makes new ones. False when it cannot be passed.
    async fn carry(&mut self, index: usize) -> Result<bool, ReplayError> {
        let migration = self.tool.migration(index);
        let Step::Script(up) = &migration.up else { return Ok(true) };
        let (record, removal) = (self.tool.record(index), self.tool.removal(index));
        let down = migration.down.as_ref();
        let subject = Subject { up, down, record: &record, removal: &removal };

        let mut runner = Runner::new(self.session.take().expect("no copy is being made"));
        let outcome = try_with_data(&mut runner, &mut self.population, subject).await?;
        self.session = Some(runner.into_session());
        match outcome {
            DataInPlace::Applied(trial) => {
                self.pass.ways.transaction += 1;
                self.pass.trials.push((index, trial));
            }
            DataInPlace::Elsewhere(failure) => {
                self.pass.ways.clone += 1;
                if !self.carry_elsewhere(index, subject, failure).await? {
                    return Ok(false);
                }
            }
        }
        self.seed(index).await?;
        Ok(true)
    }

    /// In a fresh session, and without the rows that the migration refuses.
    async fn carry_elsewhere(
        &mut self,
        index: usize,
        subject: Subject<'_>,
        failure: Option<Failure>,
    ) -> Result<bool, ReplayError> {
        self.session().reconnect().await?;
        let bare = failure.is_some_and(|failure| failure.refusal.wants_no_transaction());
        let mut attempts = Attempts::new(&mut self.session, subject, bare);
        if let Err(failure) = attempts.once(&RowSet::default()).await? {
            let refusal = super::refused::refusal(&failure);
            let reduction = reduce(&mut attempts, &self.population, refusal).await?;
            let blame = Blame::of(&self.tool.migration(index).version, &reduction, &failure);
            self.pass.blames.push((index, blame));
            let session = self.session.as_mut().expect("attempts give the session back");
            delete(session, &reduction.without).await?;
            // What is left out on purpose is no loss.
            self.population.compare(session.connection()).await?;
        }
        let mut runner = Runner::new(self.session.take().expect("no copy is being made"));
        let outcome = runner.run(subject.up, subject.record).await?;
        let session = self.session.insert(runner.into_session());
        if let Err(failure) = outcome {
            self.pass.stopped = Some((index, failure));
            return Ok(false);
        }
        let changes = self.population.compare(session.connection()).await?;
        self.pass.trials.push((index, DataTrial { changes, ..DataTrial::default() }));
        Ok(true)
    }

    async fn seed(&mut self, index: usize) -> Result<(), ReplayError> {
        let version = self.tool.name(index);
        let session = self.session.as_mut().expect("no copy is being made");
        let seeded = self.seeder.seed(session.connection(), &version).await?;
        self.population.capture(session.connection(), &version).await?;
        self.pass.seedings.push((index, seeded));
        Ok(())
    }
}
