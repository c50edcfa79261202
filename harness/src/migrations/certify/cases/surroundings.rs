//! What a server needs is missing: its migrations, its database, the right to create.

use crate::environment::postgres::quote_identifier;
use crate::migrations::certify::CertifyError;
use crate::migrations::certify::goal::Goal;
use crate::migrations::certify::ground::{Ground, STRANGER};
use crate::migrations::certify::instance::{Instance, Launch};
use crate::migrations::certify::scene::{Scene, with_last_words};
use crate::migrations::certify::sighting::{End, Expected, Sighting};
use crate::migrations::certify::state::State;

/// Starts the server with a migrations folder that is not there.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn folder_absent(scene: Scene<'_, '_>) -> Result<Vec<Sighting>, CertifyError> {
    let nowhere = scene.blueprint().new_path();
    let database = scene.ground.empty().await?;
    let (nothing, complete) = (scene.ground.undisturbed(0).await?, scene.ground.complete().await?);
    let launch = Launch::new(scene.case, &nowhere, &database);
    let refuses = Expected::Refuses(scene.blueprint().file.server.on_failure);
    let goal = Goal::leaves(refuses, &nothing.state, &complete.state);
    Ok(vec![scene.sight("it starts", &launch, goal).await?])
}

/// Starts the server as a role that may connect, and may create nothing.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn role_may_not_create(scene: Scene<'_, '_>) -> Result<Vec<Sighting>, CertifyError> {
    let release = scene.blueprint().release(scene.blueprint().migrations())?;
    let database = scene.ground.empty().await?;
    let take = format!(
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC; \
         REVOKE ALL ON DATABASE {name} FROM PUBLIC; \
         GRANT CONNECT ON DATABASE {name} TO {stranger}",
        name = quote_identifier(&database.name),
        stranger = quote_identifier(STRANGER)
    );
    database.execute("take the right to create", &take).await?;
    let complete = scene.ground.complete().await?;
    let before = State::read(&database, &scene.blueprint().file).await?;
    let launch =
        Launch { role: Some(STRANGER), ..Launch::new(scene.case, release.folder(), &database) };
    let refuses = Expected::Refuses(scene.blueprint().file.server.on_failure);
    let goal = Goal::leaves(refuses, &before, &complete.state);
    Ok(vec![scene.sight("it starts", &launch, goal).await?])
}

/// Stops the database of a server that is ready, and starts it again.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn database_stopped(scene: Scene<'_, '_>) -> Result<Vec<Sighting>, CertifyError> {
    // On PostgreSQL of its own: the other cases need theirs.
    let ground = Ground::start(scene.blueprint(), "postgresql-stopped").await?;
    let scene = Scene { ground: &ground, ..scene };
    let release = scene.blueprint().release(scene.blueprint().migrations())?;
    let (complete, database) = (ground.complete().await?, ground.empty().await?);
    let serves = Goal::serves(&complete.state);
    let launch = Launch::new(scene.case, release.folder(), &database);
    let mut instance = Instance::start(&ground, &launch).await?;
    let started = scene.observe(&mut instance, &database, "it starts", serves).await?;

    ground.cluster.stop().await?;
    let stopped = told_without_database(&mut instance).await;
    ground.cluster.restart().await?;
    if matches!(stopped.end, End::Exited(_)) {
        return Ok(vec![started, stopped]);
    }
    let step = "PostgreSQL runs again";
    let again = scene.observe(&mut instance, &database, step, serves).await?;
    instance.kill().await;
    Ok(vec![started, stopped, again])
}

/// What a server says of itself while its database is stopped. It may take a moment to notice.
async fn told_without_database(instance: &mut Instance<'_>) -> Sighting {
    let (end, health) = instance.watch_until_unwell().await;
    let seen =
        Sighting { step: "PostgreSQL is stopped".to_owned(), end, health, ..Sighting::default() };
    with_last_words(seen.judged(Expected::SaysThatItCannot), instance)
}
