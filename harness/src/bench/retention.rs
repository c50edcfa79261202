//! What it costs to delete a period of events as the system does it, beside a `DELETE` of the same
//! rows: in time, and in bytes of PostgreSQL's log, which no other program on the machine disturbs.

use std::time::Instant;

use sqlx::{AssertSqlSafe, PgConnection, raw_sql};

use super::figure::{Better, Figure};
use super::table::Table;
use super::wal::wal_bytes;
use super::{BenchError, BenchRequest};
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
    request: &BenchRequest,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Figure>, BenchError> {
    let folder = tempfile::tempdir()?;
    let contract = request.subject.contract()?;
    let periods = request.subject.section(".retention", contract.retention.as_ref())?;
    let environment = request.subject.start(contract, folder.path()).await?;
    let measured = async {
        let (table, mut database) = Table::open(contract, &environment).await?;
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
    let before = wal_bytes(database).await?;
    let start = Instant::now();
    run(database, statement).await?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let kilobytes = (wal_bytes(database).await? - before) as f64 / 1024.0;
    Ok(Cost { milliseconds, kilobytes })
}

async fn run(database: &mut PgConnection, statements: &str) -> Result<(), BenchError> {
    raw_sql(AssertSqlSafe(statements)).execute(database).await?;
    Ok(())
}
