//! Ever more rows: what an event and a batch cost.

use hdrhistogram::Histogram;
use sqlx::PgConnection;

use super::{AllSeries, BATCH, CONNECTIONS, Grown, GrowthRequest};
use crate::bench::BenchError;
use crate::bench::figure::Better;
use crate::bench::latencies::Latencies;
use crate::bench::loading::{Loading, Loads};
use crate::bench::resampling::median;
use crate::bench::table::Table;
use crate::bench::wal::wal_bytes;
use crate::environment::Environment;
use crate::system::BenchContract;
use crate::workload::engine::quantile;

/// How many producers give in events.
const PRODUCERS: usize = 64;

pub(super) async fn measure(
    request: &GrowthRequest,
    contract: &BenchContract,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Grown, BenchError> {
    let folder = tempfile::tempdir()?;
    let environment = request.subject.start(contract, folder.path()).await?;
    let mut loads = Loads::make(contract, &environment, request.subject.seed, folder.path())?;
    let outcome = measure_on(&environment, request, contract, &mut loads, tell).await;
    environment.stop().await?;
    outcome
}

async fn measure_on(
    environment: &Environment,
    request: &GrowthRequest,
    contract: &BenchContract,
    loads: &mut Loads,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Grown, BenchError> {
    let (table, mut database) = Table::open(contract, environment).await?;
    loads.enlarge(PRODUCERS, contract, environment).await?;
    let (mut all, mut latencies) = (AllSeries::default(), Vec::new());
    let (mut filled, mut before) = (0, table.count(&mut database).await?);
    for &rows in &request.rows {
        let missing = rows.saturating_sub(table.count(&mut database).await?);
        table.grow(filled + 1, missing, &mut database).await?;
        (filled, before) = (filled + missing, before + missing);
        let stored = table.count(&mut database).await?.max(1) as f64;
        let disk = table.bytes(&mut database).await? as f64 / stored;
        let Batches { rate, p99, wal, histogram } = batches(request, loads, &mut database).await?;
        all.constant(rows, ("growth.events.disk", "bytes/event"), disk);
        all.constant(rows, ("growth.events.wal", "bytes/event"), wal);
        all.constant(rows, ("growth.events.batch_p99", "ms"), p99);
        all.add(rows, ("growth.events.rate", "events/s"), Better::Higher, 0.0, rate);
        latencies.push(Latencies::of(&format!("batches of {BATCH} at {rows} rows"), &histogram));
        tell(&format!(
            "growth, {rows} events: {disk:.0} bytes of disk and {wal:.0} of WAL an event, \
             {rate:.0} events/s, batch p99 {p99:.1} ms"
        ));
    }
    let stored = table.count(&mut database).await? - before;
    if stored < loads.accepted {
        return Err(BenchError::Lost { accepted: loads.accepted, stored });
    }
    Ok(Grown { growth: all.of("events"), latencies })
}

/// What some rounds of batches showed.
struct Batches {
    rate: f64,
    p99: f64,
    /// Bytes of WAL an event.
    wal: f64,
    histogram: Histogram<u64>,
}

async fn batches(
    request: &GrowthRequest,
    loads: &mut Loads,
    database: &mut PgConnection,
) -> Result<Batches, BenchError> {
    let loading = Loading { events: BATCH, connections: CONNECTIONS };
    let (mut rates, mut p99s, mut wals) = (Vec::new(), Vec::new(), Vec::new());
    let mut histogram: Option<Histogram<u64>> = None;
    for _ in 0..request.rounds {
        let (written, accepted) = (wal_bytes(database).await?, loads.accepted);
        let measured = loads.load(loading, request.lasts).await?;
        wals.push(
            (wal_bytes(database).await? - written) as f64 / (loads.accepted - accepted) as f64,
        );
        rates.push(measured.rate() * BATCH as f64);
        p99s.push(milliseconds(&measured.latency, 0.99));
        match &mut histogram {
            Some(histogram) => histogram.add(&measured.latency).map_err(std::io::Error::other)?,
            None => histogram = Some(measured.latency),
        }
    }
    let histogram = histogram.ok_or_else(|| BenchError::Unusable("no round".to_owned()))?;
    let [rate, p99, wal] = [&rates, &p99s, &wals].map(|samples| median(samples));
    Ok(Batches { rate, p99, wal, histogram })
}

pub(super) fn milliseconds(times: &Histogram<u64>, share: f64) -> f64 {
    quantile(times, share).as_secs_f64() * 1e3
}
