//! A backup is taken before the server migrates, restoring it gives the old state, and without
//! one nothing is migrated.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::migrations::certify::CertifyError;
use crate::migrations::certify::database::Database;
use crate::migrations::certify::file::Backup;
use crate::migrations::certify::goal::Goal;
use crate::migrations::certify::instance::{Launch, direct_values};
use crate::migrations::certify::scene::Scene;
use crate::migrations::certify::sighting::{Expected, Sighting};
use crate::migrations::certify::state::State;
use crate::system::{Values, fill};

/// Has the server migrate a database, and restores the backup that was taken before.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn before_migrating(scene: Scene<'_, '_>) -> Result<Vec<Sighting>, CertifyError> {
    let (ground, blueprint) = (scene.ground, scene.blueprint());
    let backup = backup(scene)?;
    let last = blueprint.migrations() - 1;
    let (database, folder) = (ground.at(last).await?, blueprint.new_folder()?);
    let old = State::read(&database, &blueprint.file).await?;
    let values = direct_values(ground, &database).with("backups", folder.display().to_string());
    run(scene, &backup.backup, &values).await?;

    let release = blueprint.release(blueprint.migrations())?;
    let launch =
        Launch { backups: Some(&folder), ..Launch::new(scene.case, release.folder(), &database) };
    let complete = ground.complete().await?;
    let goal = Goal::serves(&complete.state);
    let mut migrated = scene.sight("it starts, told to take backups", &launch, goal).await?;
    let Some(file) = newest_file(&folder) else {
        migrated.problems.push("no backup was taken before it migrated".to_owned());
        return Ok(vec![migrated]);
    };
    let restored = restore(scene, (backup, &file), &old).await?;
    Ok(vec![migrated, restored])
}

/// Has the server migrate where it can take no backup: the folder cannot be made.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn impossible(scene: Scene<'_, '_>) -> Result<Vec<Sighting>, CertifyError> {
    let (ground, blueprint) = (scene.ground, scene.blueprint());
    let last = blueprint.migrations() - 1;
    let file = blueprint.new_path();
    std::fs::write(&file, "in the way").map_err(CertifyError::file(&file))?;
    let folder = file.join("backups");
    let database = ground.at(last).await?;
    let (before, complete) = (ground.undisturbed(last).await?, ground.complete().await?);
    let release = blueprint.release(blueprint.migrations())?;
    let launch =
        Launch { backups: Some(&folder), ..Launch::new(scene.case, release.folder(), &database) };
    let refuses = Expected::Refuses(blueprint.file.server.on_failure);
    let goal = Goal::leaves(refuses, &before.state, &complete.state);
    Ok(vec![scene.sight("it starts where it can take no backup", &launch, goal).await?])
}

fn backup<'a>(scene: Scene<'_, 'a>) -> Result<&'a Backup, CertifyError> {
    let backup = scene.blueprint().file.backup.as_ref();
    backup.ok_or_else(|| CertifyError::CannotTell("the file names no way to restore".to_owned()))
}

/// Restores a backup into an empty database and compares it with the old state.
async fn restore(
    scene: Scene<'_, '_>,
    (backup, file): (&Backup, &Path),
    old: &State,
) -> Result<Sighting, CertifyError> {
    let database: Database = scene.ground.empty().await?;
    let values = direct_values(scene.ground, &database).with("backup", file.display().to_string());
    let step = "the backup is restored".to_owned();
    if let Err(error) = run(scene, &backup.restore, &values).await {
        let problems = vec![error.to_string()];
        return Ok(Sighting { step, problems, ..Sighting::default() });
    }
    let found = State::read(&database, &scene.blueprint().file).await?;
    let drift = old.drift(&found);
    let seen = Sighting {
        step,
        recorded: found.recorded.len(),
        unexpected_records: drift.unexpected_records,
        missing_records: drift.missing_records,
        catalog: drift.catalog,
        data: drift.data,
        ..Sighting::default()
    };
    Ok(Sighting { problems: seen.traces(), ..seen })
}

/// Runs a command of the file; an empty one is done.
async fn run(
    scene: Scene<'_, '_>,
    command: &[String],
    values: &Values,
) -> Result<(), CertifyError> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(());
    };
    let program = scene.blueprint().program(&fill(program, values)?);
    let arguments =
        arguments.iter().map(|text| fill(text, values)).collect::<Result<Vec<_>, _>>()?;
    let failed = |message: String| CertifyError::Program { program: program.clone(), message };
    let output = Command::new(&program)
        .args(&arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(format!(
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}

/// The newest file in a folder.
fn newest_file(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let files = entries.filter_map(|entry| {
        let metadata = entry.metadata().ok()?;
        metadata.is_file().then(|| Some((metadata.modified().ok()?, entry.path())))?
    });
    files.max().map(|(_, path)| path)
}
