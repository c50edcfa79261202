//! Several instances start at once and are let through to the database together.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::migrations::certify::CertifyError;
use crate::migrations::certify::goal::Goal;
use crate::migrations::certify::instance::{Instance, Launch};
use crate::migrations::certify::scene::Scene;
use crate::migrations::certify::sighting::Sighting;

/// How long an instance may take to turn to its database.
const CONNECT_BOUND: Duration = Duration::from_secs(30);

/// Starts `count` instances on one empty database.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn start_together(
    scene: Scene<'_, '_>,
    count: usize,
) -> Result<Vec<Sighting>, CertifyError> {
    let blueprint = scene.blueprint();
    let complete = scene.ground.complete().await?;
    let database = scene.ground.empty().await?;
    let release = blueprint.release(blueprint.migrations())?;
    let folder: PathBuf = release.folder().to_owned();
    let launch = Launch { held: true, ..Launch::new(scene.case, &folder, &database) };
    let mut instances = Vec::new();
    for _ in 0..count {
        instances.push(Instance::start(scene.ground, &launch).await?);
    }
    let all_wait = join_all(instances.iter().map(|instance| instance.tap.awaited()));
    timeout(CONNECT_BOUND, all_wait).await.map_err(|_| {
        let seconds = CONNECT_BOUND.as_secs();
        CertifyError::CannotTell(format!("not all turned to their database within {seconds} s"))
    })?;
    for instance in &instances {
        instance.tap.let_through();
    }

    let goal = Goal::serves(&complete.state);
    let seen = join_all(instances.iter_mut().enumerate().map(async |(number, instance)| {
        let step = format!("instance {} of {count}", number + 1);
        scene.observe(instance, &database, &step, goal).await
    }));
    let seen = seen.await;
    for instance in &mut instances {
        instance.kill().await;
    }
    seen.into_iter().collect()
}
