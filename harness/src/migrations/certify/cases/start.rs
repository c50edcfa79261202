//! On an empty database, and on one of each released version, the server completes its schema.

use crate::migrations::certify::CertifyError;
use crate::migrations::certify::goal::Goal;
use crate::migrations::certify::instance::Launch;
use crate::migrations::certify::scene::Scene;
use crate::migrations::certify::sighting::Sighting;

/// Starts the server on a database with the first `count` migrations.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn start_at(scene: Scene<'_, '_>, count: usize) -> Result<Vec<Sighting>, CertifyError> {
    let release = scene.blueprint().release(scene.blueprint().migrations())?;
    let database = match count {
        0 => scene.ground.empty().await?,
        _ => scene.ground.at(count).await?,
    };
    let complete = match scene.ground.complete().await {
        // Of all others nobody can tell then; this one is what fails.
        Err(CertifyError::NoReference { why, .. }) if count == 0 => {
            let step = "it starts".to_owned();
            let problems = vec![format!("it does not come up: {why}")];
            return Ok(vec![Sighting { step, problems, ..Sighting::default() }]);
        }
        complete => complete?,
    };
    let launch = Launch::new(scene.case, release.folder(), &database);
    Ok(vec![scene.sight("it starts", &launch, Goal::serves(&complete.state)).await?])
}
