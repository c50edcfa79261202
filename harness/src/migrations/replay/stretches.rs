//! Every migration tried on empty tables, in stretches of the lineage side by side: each on a
//! server of its own, which is brought to the beginning of its stretch without any trial.

use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;
use std::thread::available_parallelism;

use futures_util::FutureExt as _;
use futures_util::future::try_join_all;

use super::clone::{Opening, try_in_clone};
use super::fresh::{Course, DATABASE, FreshPass};
use super::trial::{InPlace, Subject, Tried, try_in_place};
use super::{Progress, ReplayError, ReplayOptions, Runner, Server, Session, Stage, Tool, Trials};
use crate::migrations::catalog::{Catalog, CatalogReader};
use crate::migrations::lineage::{Lineage, Script, Step};

/// How many migrations leave so much behind that a vacuum pays, about a millisecond each.
pub(super) const VACUUM_EVERY: usize = 50;
/// What starting a server and bringing it there is worth.
const SHORTEST: usize = 40;
/// One task speaks with all servers, and does a sixth of the work.
const MOST: usize = 4;

/// Tries every migration that applied.
///
/// # Errors
/// PostgreSQL is missing, does not start, or goes away.
pub async fn try_all(
    lineage: &Lineage,
    fresh: &FreshPass,
    options: &ReplayOptions,
    progress: Progress<'_>,
) -> Result<Tries, ReplayError> {
    let stretches = stretches(lineage.migrations.len(), options.with_data);
    try_each(lineage, fresh, options, progress, stretches).await
}

/// Tries the migrations of these stretches, in their order.
async fn try_each(
    lineage: &Lineage,
    fresh: &FreshPass,
    options: &ReplayOptions,
    progress: Progress<'_>,
    stretches: impl IntoIterator<Item = Range<usize>>,
) -> Result<Tries, ReplayError> {
    let tries = stretches.into_iter();
    let tries =
        tries.map(|stretch| try_stretch(lineage, fresh, options, progress, stretch).boxed());
    let mut all = Tries::default();
    for tries in try_join_all(tries).await? {
        all.courses.extend(tries.courses);
        all.ways.transaction += tries.ways.transaction;
        all.ways.clone += tries.ways.clone;
    }
    all.ways.untried = lineage.migrations.len() - all.ways.transaction - all.ways.clone;
    Ok(all)
}

/// What the trials showed.
#[derive(Debug, Default)]
pub struct Tries {
    /// What became of each migration that was tried, with its place in the lineage.
    pub courses: Vec<(usize, Course)>,
    /// How many were tried which way.
    pub ways: Trials,
}

/// As many stretches as there are processors that nothing else of the replay keeps busy.
fn stretches(migrations: usize, with_data: bool) -> impl Iterator<Item = Range<usize>> {
    let processors = available_parallelism().map_or(1, NonZero::get);
    let free = processors.saturating_sub(usize::from(with_data));
    let count = free.min(migrations / SHORTEST).clamp(1, MOST);
    (0..count).map(move |place| migrations * place / count..migrations * (place + 1) / count)
}

async fn try_stretch(
    lineage: &Lineage,
    fresh: &FreshPass,
    options: &ReplayOptions,
    progress: Progress<'_>,
    stretch: Range<usize>,
) -> Result<Tries, ReplayError> {
    let server = Server::start(DATABASE).await?;
    let mut tool = Tool::of(lineage, DATABASE);
    if let Some((from, _)) = fresh.unrecorded {
        tool.stop_recording(from);
    }
    let mut runner =
        Runner::new(Session::open(&server, DATABASE, options.statement_deadline).await?);
    tool.prepare(runner.session()).await?;
    for index in 0..stretch.start {
        run(&mut runner, &tool, index).await?;
    }
    let mut reader = reader_for(lineage);
    let catalog = reader.read(runner.session().connection()).await?;
    let (runner, measured, tries) = (Some(runner), !options.with_data, Tries::default());
    let mut walk = Walk { tool, runner, reader, catalog, measured, tries };
    for index in stretch {
        progress(Stage::Trial, &lineage.migrations[index].version);
        if index % VACUUM_EVERY == VACUUM_EVERY - 1 {
            walk.runner().session().vacuum().await?;
        }
        walk.carry(index, &fresh.courses[index]).await?;
    }
    Ok(walk.tries)
}

/// Runs a migration as its tool does. What it leaves where it fails is what it left before.
async fn run(runner: &mut Runner<'_>, tool: &Tool<'_>, index: usize) -> Result<(), ReplayError> {
    if let Step::Script(up) = &tool.migration(index).up {
        let _ = runner.run(up, &tool.record(index)).await?;
    }
    Ok(())
}

/// On its way through a stretch.
struct Walk<'run> {
    tool: Tool<'run>,
    /// None while a copy of the database is being made, which nobody may be connected to.
    runner: Option<Runner<'run>>,
    reader: CatalogReader,
    /// As it is now.
    catalog: Arc<Catalog>,
    /// Whether what statements cost is measured here, since no walk with data does.
    measured: bool,
    tries: Tries,
}

impl<'run> Walk<'run> {
    fn runner(&mut self) -> &mut Runner<'run> {
        self.runner.as_mut().expect("the session is closed only while a copy is made")
    }

    /// Carries the database over one migration.
    async fn carry(&mut self, index: usize, course: &Course) -> Result<(), ReplayError> {
        let migration = self.tool.migration(index);
        let (record, removal) = (self.tool.record(index), self.tool.removal(index));
        let down = migration.down.as_ref();
        let (Step::Script(up), Course::Applied { .. }) = (&migration.up, course) else {
            let runner = self.runner.as_mut().expect("no copy is being made");
            run(runner, &self.tool, index).await?;
            self.catalog = self.reader.read(runner.session().connection()).await?;
            return Ok(());
        };
        let subject = Subject { up, down, record: &record, removal: &removal };
        let runner = self.runner.as_mut().expect("no copy is being made");
        let tried =
            try_in_place(runner, &mut self.reader, subject, &self.catalog, self.measured).await?;
        match tried {
            InPlace::Applied(tried) => {
                self.tries.ways.transaction += 1;
                self.catalog = Arc::clone(&tried.after);
                self.tries.courses.push((index, course_of(tried)));
                Ok(())
            }
            InPlace::Elsewhere => self.carry_by_copy(index, subject).await,
        }
    }

    /// Tries it in a copy, and then runs it as its tool does.
    async fn carry_by_copy(
        &mut self,
        index: usize,
        subject: Subject<'_>,
    ) -> Result<(), ReplayError> {
        let runner = self.runner.take().expect("no copy is being made");
        let opening = Opening::of_closed(runner.into_session()).await?;
        let tried = try_in_clone(&opening, subject, &self.catalog).await?;
        self.runner = Some(Runner::new(opening.open().await?));
        let outcome = self.runner().run(subject.up, subject.record).await?;
        let runner = self.runner.as_mut().expect("it was opened again");
        self.catalog = self.reader.read(runner.session().connection()).await?;
        let course = match (outcome, tried) {
            (Ok(()), Ok(tried)) => {
                self.tries.ways.clone += 1;
                course_of(tried)
            }
            // It has applied before, on a database that nothing was tried on.
            (Err(failure), _) | (Ok(()), Err(failure)) => {
                Course::Failed { failure, hidden: Vec::new() }
            }
        };
        self.tries.courses.push((index, course));
        Ok(())
    }
}

/// Nobody else writes to the catalog of a stretch; but a migration may keep PostgreSQL from
/// counting.
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

fn course_of(tried: Tried) -> Course {
    let Tried { twice, round_trip, cuts, costs, .. } = tried;
    Course::Applied { twice: Some(twice), round_trip, cuts, costs }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::fresh::fresh_pass;
    use super::*;
    use crate::migrations::lineage::{Convention, ReadOptions, read};
    use crate::seed::Seed;

    /// Some that leave something to the later ones, each in its way.
    const FILES: [(&str, &str); 7] = [
        ("1_a.sql", "CREATE TABLE a (id int CHECK (id > 0)); CREATE ROLE of_the_lineage;"),
        ("2_half.sql", "CREATE TABLE half (id int); SELECT nothing;"),
        ("3_bare.sql", "CREATE INDEX CONCURRENTLY bare ON a (id);"),
        ("4_doubled.sql", "ALTER TABLE a ADD CHECK (id < 9); GRANT SELECT ON a TO of_the_lineage;"),
        ("5_rows.sql", "INSERT INTO a VALUES (1);"),
        ("6_of_half.sql", "ALTER TABLE half ADD COLUMN b int;"),
        ("7_drop.sql", "DROP TABLE IF EXISTS half;"),
    ];

    #[tokio::test]
    async fn stretches_show_what_one_walk_shows() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in FILES {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let convention = Some(Convention::Plain);
        let lineage = read(folder.path(), &ReadOptions { convention, ..ReadOptions::default() });
        let lineage = lineage.unwrap();
        let options = ReplayOptions { with_data: false, seed: Seed(1), ..ReplayOptions::default() };
        let server = Server::start(DATABASE).await.unwrap();
        let silent: Progress<'_> = &|_, _| ();
        let (fresh, _) = fresh_pass(&server, &lineage, &options, silent).await.unwrap();
        let shown = async |bounds: &[usize]| {
            let stretches = bounds.windows(2).map(|bounds| bounds[0]..bounds[1]);
            let mut tries = try_each(&lineage, &fresh, &options, silent, stretches).await.unwrap();
            for (_, course) in &mut tries.courses {
                let Course::Applied { costs, .. } = course else { continue };
                // What is written depends a little on what was there.
                costs.iter_mut().for_each(|cost| cost.wal_bytes = 0);
            }
            tries
        };
        let (one, three) = (shown(&[0, 7]).await, shown(&[0, 2, 4, 7]).await);
        assert_eq!(one.courses.len(), 6, "all but the half one");
        assert_eq!(format!("{:#?}", one.courses), format!("{:#?}", three.courses));
        assert_eq!(one.ways, Trials { transaction: 5, clone: 1, untried: 1 });
        assert_eq!(three.ways, one.ways);
    }

    #[test]
    fn stretches_are_all_of_the_lineage_and_none_too_short() {
        for migrations in [0, 1, 79, 80, 300, 1_201] {
            let all: Vec<Range<usize>> = stretches(migrations, false).collect();
            assert!(all.len() == 1 || all.iter().all(|one| one.len() >= SHORTEST), "{all:?}");
            assert!(all.iter().cloned().flatten().eq(0..migrations), "{all:?}");
        }
    }
}
