//! The server is interrupted in mid-migration, at each statement: its link to the database is cut,
//! or it is killed, or PostgreSQL is. Started again where it has ended, it must come to what an
//! undisturbed run comes to.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::migrations::certify::CertifyError;
use crate::migrations::certify::goal::Goal;
use crate::migrations::certify::ground::Ground;
use crate::migrations::certify::instance::{Instance, Launch};
use crate::migrations::certify::release::Release;
use crate::migrations::certify::scene::{Scene, with_last_words};
use crate::migrations::certify::sighting::{End, Sighting};
use crate::migrations::certify::tap::{Moment, Point};

/// How many migrations are pending when the server is interrupted: one, the gap, another.
const PENDING: usize = 2;
/// How many interruptions go on at once.
const AT_ONCE: usize = 3;

/// What happens to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// The link is cut before a statement reaches PostgreSQL.
    CutBefore,
    /// The link is cut after PostgreSQL has done a statement, before the answer arrives.
    CutAfter,
    /// The same, where the statement is a COMMIT.
    CutAfterCommit,
    /// The server is killed.
    KillServer,
    /// PostgreSQL is killed.
    KillPostgres,
}

/// What is interrupted, over and over.
struct Attempt<'g, 'a> {
    scene: Scene<'g, 'a>,
    release: Release,
    from: usize,
    interruption: Interruption,
}

/// Interrupts the server at each statement of its last migrations.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn interrupt(
    scene: Scene<'_, '_>,
    interruption: Interruption,
) -> Result<Vec<Sighting>, CertifyError> {
    if interruption != Interruption::KillPostgres {
        return interrupt_on(scene, interruption, AT_ONCE).await;
    }
    // On PostgreSQL of its own: the other cases need theirs.
    let ground = Ground::start(scene.blueprint(), "postgresql-killed").await?;
    interrupt_on(Scene { ground: &ground, ..scene }, interruption, 1).await
}

async fn interrupt_on(
    scene: Scene<'_, '_>,
    interruption: Interruption,
    at_once: usize,
) -> Result<Vec<Sighting>, CertifyError> {
    let blueprint = scene.blueprint();
    let release = blueprint.release(blueprint.migrations())?;
    let from = blueprint.migrations().saturating_sub(PENDING);
    let attempt = Attempt { scene, release, from, interruption };
    let points = points(interruption, &attempt.turns().await?);
    let attempts = points.into_iter().map(|point| attempt.at(point));
    let seen: Vec<Option<Sighting>> =
        stream::iter(attempts).buffered(at_once).try_collect().await?;
    Ok(seen.into_iter().flatten().collect())
}

/// Where a run is interrupted whose turns were these, the first being number 1.
fn points(interruption: Interruption, turns: &[String]) -> Vec<Point> {
    let commits: Vec<bool> = turns.iter().map(|words| is_commit(words)).collect();
    // Where nothing is committed by name, every statement may be what commits.
    let named = commits.contains(&true);
    let chosen = |moment: Moment| {
        let takes = move |commit: bool| match (interruption, moment) {
            (Interruption::CutAfter, Moment::After) => !commit,
            (Interruption::CutAfterCommit, Moment::After) => commit || !named,
            // Before a statement is after the one before it, for who is dead then.
            (Interruption::CutBefore, Moment::Before)
            | (Interruption::KillServer | Interruption::KillPostgres, Moment::After) => true,
            _ => false,
        };
        let numbered = commits.iter().enumerate().filter(move |(_, commit)| takes(**commit));
        numbered.map(move |(index, _)| Point { turn: index + 1, moment })
    };
    chosen(Moment::Before).chain(chosen(Moment::After)).collect()
}

fn is_commit(words: &str) -> bool {
    let first = words.split([' ', ';']).next().unwrap_or_default();
    first.eq_ignore_ascii_case("commit") || first.eq_ignore_ascii_case("end")
}

impl Attempt<'_, '_> {
    /// The turns of an undisturbed run, until the server is ready.
    async fn turns(&self) -> Result<Vec<String>, CertifyError> {
        let ground = self.scene.ground;
        let complete = ground.complete().await?;
        let database = ground.at(self.from).await?;
        let launch = Launch::new(self.scene.case, self.release.folder(), &database);
        let mut instance = Instance::start(ground, &launch).await?;
        let goal = Goal::serves(&complete.state);
        let seen = self.scene.conduct(&mut instance, &database, "", goal).await;
        let turns = instance.tap.turns();
        instance.kill().await;
        match seen.end {
            End::Ready => Ok(turns),
            _ => Err(CertifyError::CannotTell("the server does not come up undisturbed".into())),
        }
    }

    /// Interrupts one run. Nothing was seen if the run did not come to that point.
    async fn at(&self, point: Point) -> Result<Option<Sighting>, CertifyError> {
        let (scene, ground) = (self.scene, self.scene.ground);
        let complete = ground.complete().await?;
        let goal = Goal::serves(&complete.state);
        let database = ground.at(self.from).await?;
        let launch =
            Launch { held: true, ..Launch::new(scene.case, self.release.folder(), &database) };
        let mut instance = Instance::start(ground, &launch).await?;
        let tap = std::sync::Arc::clone(&instance.tap);
        tap.stop_at(point);
        tap.let_through();
        let words = tokio::select! {
            words = tap.stopped() => words,
            _ = scene.conduct(&mut instance, &database, "", goal) => {
                instance.kill().await;
                return Ok(None);
            }
        };
        let step = step(point, &words);
        self.interrupt(&mut instance).await?;
        let first = scene.conduct(&mut instance, &database, &step, goal).await;
        let mut seen = if let End::Exited(_) = first.end {
            let again = Launch { held: false, ..launch };
            scene.sight(&format!("{step}, started again"), &again, goal).await?
        } else {
            let seen = scene.observe(&mut instance, &database, &step, goal).await?;
            with_last_words(seen, &instance)
        };
        instance.kill().await;
        if first.ready_while_incomplete_ms > 0 {
            let milliseconds = first.ready_while_incomplete_ms;
            seen.ready_while_incomplete_ms += milliseconds;
            seen.problems.push(format!(
                "it was ready for {milliseconds} ms while its schema was incomplete"
            ));
        }
        Ok(Some(seen))
    }

    async fn interrupt(&self, instance: &mut Instance<'_>) -> Result<(), CertifyError> {
        let cluster = &self.scene.ground.cluster;
        match self.interruption {
            Interruption::KillServer => instance.kill().await,
            Interruption::KillPostgres => cluster.kill().await?,
            _ => {}
        }
        instance.tap.cut();
        if self.interruption == Interruption::KillPostgres {
            cluster.restart().await?;
        }
        Ok(())
    }
}

fn step(point: Point, words: &str) -> String {
    let moment = match point.moment {
        Moment::Before => "before",
        Moment::After => "after",
    };
    let short: String = words.chars().take(60).collect();
    format!("{moment} statement {} `{short}`", point.turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(interruption: Interruption, words: &[&str]) -> Vec<usize> {
        let words: Vec<String> = words.iter().map(|&words| words.to_owned()).collect();
        points(interruption, &words).iter().map(|point| point.turn).collect()
    }

    #[test]
    fn each_statement_is_interrupted_and_commits_have_a_case_of_their_own() {
        let words = ["BEGIN", "CREATE TABLE a ()", "commit;", "SELECT committed"];
        assert_eq!(turns(Interruption::CutBefore, &words), [1, 2, 3, 4]);
        assert_eq!(turns(Interruption::CutAfter, &words), [1, 2, 4]);
        assert_eq!(turns(Interruption::CutAfterCommit, &words), [3]);
        assert_eq!(turns(Interruption::CutAfterCommit, &words[..2]), [1, 2]);
        assert_eq!(turns(Interruption::KillServer, &words), [1, 2, 3, 4]);
    }
}
