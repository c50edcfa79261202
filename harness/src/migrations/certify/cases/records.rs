//! The records of applied migrations do not fit the schema, or the server's own migrations.

use crate::environment::postgres::quote_literal;
use crate::migrations::certify::CertifyError;
use crate::migrations::certify::database::Database;
use crate::migrations::certify::file::Tracking;
use crate::migrations::certify::goal::Goal;
use crate::migrations::certify::instance::Launch;
use crate::migrations::certify::scene::Scene;
use crate::migrations::certify::sighting::{Expected, Sighting};
use sqlx::{AssertSqlSafe, Connection, raw_sql};

/// Starts the server on a database whose last migration is recorded and was never applied. The
/// records are copied from an undisturbed run, so that nothing but the schema shows it.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn recorded_not_applied(scene: Scene<'_, '_>) -> Result<Vec<Sighting>, CertifyError> {
    let blueprint = scene.blueprint();
    let last = blueprint.migrations() - 1;
    if last == 0 {
        let why = "there is only one migration; nothing would be left of the schema";
        return Err(CertifyError::CannotTell(why.to_owned()));
    }
    let (from, to) = (scene.ground.at(blueprint.migrations()).await?, scene.ground.at(last).await?);
    copy_records(&blueprint.file.tracking, &from, &to).await?;
    let mut left = scene.ground.undisturbed(last).await?.state.clone();
    let complete = scene.ground.complete().await?;
    left.recorded.clone_from(&complete.state.recorded);

    let release = blueprint.release(blueprint.migrations())?;
    let launch = Launch::new(scene.case, release.folder(), &to);
    let refuses = Expected::Refuses(blueprint.file.server.on_failure);
    let goal = Goal::leaves(refuses, &left, &complete.state);
    Ok(vec![scene.sight("it starts", &launch, goal).await?])
}

/// Starts the server with one migration less than the database has.
///
/// # Errors
/// When the case cannot be carried through.
pub async fn schema_ahead(scene: Scene<'_, '_>) -> Result<Vec<Sighting>, CertifyError> {
    let blueprint = scene.blueprint();
    let database = scene.ground.at(blueprint.migrations()).await?;
    let release = blueprint.release(blueprint.migrations().saturating_sub(1).max(1))?;
    let complete = scene.ground.complete().await?;
    let launch = Launch::new(scene.case, release.folder(), &database);
    let either = Expected::ServesOrRefuses(blueprint.file.server.on_failure);
    let goal = Goal::leaves(either, &complete.state, &complete.state);
    Ok(vec![scene.sight("it starts", &launch, goal).await?])
}

/// Replaces the records of one database by those of another.
async fn copy_records(
    tracking: &Tracking,
    from: &Database,
    to: &Database,
) -> Result<(), CertifyError> {
    let action = "copy the records of applied migrations";
    let table = &tracking.table;
    let rows: Option<String> = {
        let mut connection = from.connect().await?;
        let query = format!("SELECT json_agg(record)::text FROM {table} AS record");
        let rows = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut connection).await;
        rows.map_err(CertifyError::database(action))?
    };
    let rows = quote_literal(&rows.unwrap_or_else(|| "[]".to_owned()));
    let replace = format!(
        "BEGIN; DELETE FROM {table}; \
         INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, {rows}); COMMIT"
    );
    let mut connection = to.connect().await?;
    let replaced = raw_sql(AssertSqlSafe(replace)).execute(&mut connection).await;
    replaced.map_err(CertifyError::database(action))?;
    let _ = connection.close().await;
    Ok(())
}
