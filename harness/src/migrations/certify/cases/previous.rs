//! The previous release, which knows nothing of the newest migrations: on the schema that they
//! make, beside the new release while that one migrates, and after it was taken back.

use tokio_util::sync::CancellationToken;

use crate::migrations::certify::CertifyError;
use crate::migrations::certify::goal::Goal;
use crate::migrations::certify::instance::{Instance, Launch};
use crate::migrations::certify::release::Release;
use crate::migrations::certify::scene::{Scene, with_last_words};
use crate::migrations::certify::sighting::Sighting;
use crate::migrations::certify::traffic::Traffic;

/// How often every call is made at least.
const ROUNDS: usize = 10;

/// The folders of both releases, and how many migrations the previous one has.
struct Releases {
    new: Release,
    old: Release,
    before: usize,
}

fn releases(scene: Scene<'_, '_>) -> Result<Releases, CertifyError> {
    let blueprint = scene.blueprint();
    let no_previous = || CertifyError::CannotTell("the file names no previous release".to_owned());
    let before = blueprint.previous()?.ok_or_else(no_previous)?;
    let new = blueprint.release(blueprint.migrations())?;
    Ok(Releases { new, old: blueprint.release(before)?, before })
}

/// Starts the previous release on the new schema.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn on_new_schema(scene: Scene<'_, '_>) -> Result<Vec<Sighting>, CertifyError> {
    let releases = releases(scene)?;
    let database = scene.ground.at(scene.blueprint().migrations()).await?;
    let complete = scene.ground.complete().await?;
    let launch =
        Launch { previous: true, ..Launch::new(scene.case, releases.old.folder(), &database) };
    let mut instance = Instance::start(scene.ground, &launch).await?;
    let goal = Goal::serves(&complete.state);
    let seen = scene.observe(&mut instance, &database, "the previous release starts", goal).await?;
    let seen = with_calls(scene, &instance, seen).await;
    instance.kill().await;
    Ok(vec![seen])
}

/// Starts the new release while the previous one serves.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn beside_new(scene: Scene<'_, '_>) -> Result<Vec<Sighting>, CertifyError> {
    let releases = releases(scene)?;
    let (blueprint, ground) = (scene.blueprint(), scene.ground);
    let (complete, before) = (ground.complete().await?, ground.undisturbed(releases.before).await?);
    let database = ground.at(releases.before).await?;
    let new = Launch::new(scene.case, releases.new.folder(), &database);
    let old =
        Launch { previous: true, ..Launch::new(scene.case, releases.old.folder(), &database) };
    let mut old = Instance::start(ground, &old).await?;
    let goal = Goal::serves(&before.state);
    let mut old_seen =
        scene.observe(&mut old, &database, "the previous release starts", goal).await?;
    let mut traffic = match Traffic::prepare(blueprint, &old).await {
        Ok(traffic) => traffic,
        Err(why) => return Ok(vec![with_problem(old_seen, &old, why)]),
    };

    let migrated = CancellationToken::new();
    let goal = Goal::serves(&complete.state).under_traffic();
    let (calls, new_seen) = tokio::join!(traffic.flow(ROUNDS, &migrated), async {
        let mut new = Instance::start(ground, &new).await?;
        let step = "the new release starts beside it";
        let seen = scene.observe(&mut new, &database, step, goal).await;
        let seen = match seen {
            Ok(seen) => Ok(with_calls(scene, &new, seen).await),
            Err(error) => Err(error),
        };
        migrated.cancel();
        new.kill().await;
        seen
    });
    if let Some(why) = calls.problem() {
        old_seen = with_problem(old_seen, &old, format!("while the new release migrated, {why}"));
    }
    old.kill().await;
    Ok(vec![old_seen, new_seen?])
}

/// Takes the new release back after it has migrated and served, and puts it in place again.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn after_rollback(scene: Scene<'_, '_>) -> Result<Vec<Sighting>, CertifyError> {
    let releases = releases(scene)?;
    let ground = scene.ground;
    let complete = ground.complete().await?;
    let database = ground.at(releases.before).await?;
    let new = Launch::new(scene.case, releases.new.folder(), &database);
    let old =
        Launch { previous: true, ..Launch::new(scene.case, releases.old.folder(), &database) };
    let steps = [
        ("the new release starts", &new),
        ("the previous release starts again", &old),
        ("the new release starts again", &new),
    ];
    let goal = Goal::serves(&complete.state).under_traffic();
    let mut seen = Vec::new();
    for (step, launch) in steps {
        let mut instance = Instance::start(ground, launch).await?;
        let one = scene.observe(&mut instance, &database, step, goal).await?;
        seen.push(with_calls(scene, &instance, one).await);
        instance.stop().await;
    }
    Ok(seen)
}

/// Makes the calls, if the server came up.
async fn with_calls(scene: Scene<'_, '_>, instance: &Instance<'_>, seen: Sighting) -> Sighting {
    if !seen.problems.is_empty() {
        return seen;
    }
    let stopped = CancellationToken::new();
    stopped.cancel();
    let problem = match Traffic::prepare(scene.blueprint(), instance).await {
        Ok(mut traffic) => traffic.flow(ROUNDS, &stopped).await.problem(),
        Err(why) => Some(why),
    };
    match problem {
        Some(problem) => with_problem(seen, instance, problem),
        None => seen,
    }
}

fn with_problem(mut seen: Sighting, instance: &Instance<'_>, problem: String) -> Sighting {
    seen.problems.push(problem);
    with_last_words(seen, instance)
}
