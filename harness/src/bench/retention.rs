//! What it costs to delete a period of events as the system does it, beside a `DELETE` of the same
//! rows: in time, and in bytes of PostgreSQL's log, which no other program on the machine disturbs.

use std::time::Instant;

use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, raw_sql};

use super::BenchError;
use super::figure::{Better, Figure};
use super::ground::start;
use super::ingest::IngestRequest;
use super::table::Table;
use crate::system::{Values, fill};

/// The events of the period.
const EVENTS: u64 = 100_000;

/// What one deletion costs.
#[derive(Clone, Copy, Debug)]
struct Cost {
    milliseconds: f64,
    kilobytes: f64,
}

/// Measures both ways in turn, each on a period made anew. `tell` is given a line for each round.
/// A `DELETE` leaves dead rows to a vacuum that is not counted.
///
/// # Errors
/// The system cannot be started, or refuses what its file says.
pub async fn measure(
    request: &IngestRequest,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Figure>, BenchError> {
    let folder = tempfile::tempdir()?;
    let unusable = |what: &str| BenchError::Unusable(format!("`{}` {what}", request.system.name));
    let contract = request.system.bench.clone().ok_or_else(|| unusable("has no such section"))?;
    let periods = contract.retention.clone().ok_or_else(|| unusable("has no `retention`"))?;
    let (system, built, seed) = (&request.system, &request.built, request.seed);
    let environment =
        start(system, &contract, built, seed, &request.defects, folder.path()).await?;
    let measured = async {
        let options = environment.superuser_options().ok_or_else(|| unusable("has no database"))?;
        let mut database = options.connect().await?;
        let table = Table::of(&contract.table, &contract.rows, &mut database).await?;
        let rows = Values::default().with("rows", table.select_rows(1, EVENTS));
        let add = fill(&periods.add, &rows)?;
        let (mut own, mut peer) = (Vec::new(), Vec::new());
        for round in 1..=request.rounds {
            run(&mut database, &add).await?;
            peer.push(cost(&mut database, &periods.peer).await?);
            run(&mut database, &periods.delete).await?;
            run(&mut database, &add).await?;
            own.push(cost(&mut database, &periods.delete).await?);
            let told = format!("retention, round {round} of {}", request.rounds);
            tell(&format!("{told}: {:?}, DELETE {:?}", own[round - 1], peer[round - 1]));
        }
        Ok(figures(&own, &peer))
    };
    let outcome = measured.await;
    environment.stop().await?;
    outcome
}

fn figures(own: &[Cost], peer: &[Cost]) -> Vec<Figure> {
    let figure = |name, unit, number: fn(&Cost) -> f64| {
        let numbers = |costs: &[Cost]| costs.iter().map(number).collect::<Vec<_>>();
        Figure::new(name, unit, Better::Lower, numbers(own)).beside("DELETE", numbers(peer))
    };
    vec![
        figure("retention.time", "ms", |cost| cost.milliseconds),
        figure("retention.logged", "kB", |cost| cost.kilobytes),
    ]
}

async fn cost(database: &mut PgConnection, statement: &str) -> Result<Cost, BenchError> {
    let before = logged(database).await?;
    let start = Instant::now();
    run(database, statement).await?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let kilobytes = (logged(database).await? - before) / 1024.0;
    Ok(Cost { milliseconds, kilobytes })
}

async fn logged(database: &mut PgConnection) -> Result<f64, BenchError> {
    let query = "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8";
    Ok(sqlx::query_scalar(query).fetch_one(database).await?)
}

async fn run(database: &mut PgConnection, statements: &str) -> Result<(), BenchError> {
    raw_sql(AssertSqlSafe(statements)).execute(database).await?;
    Ok(())
}
