//! Ever more refused calls, which anybody can make at will: what the part writes of them.

use std::time::Duration;

use tokio::task::spawn_blocking;

use super::{AllSeries, Growth, GrowthRequest};
use crate::bench::BenchError;
use crate::bench::ground::address;
use crate::environment::Environment;
use crate::system::{BenchContract, SetupCall, fill, fill_json};
use crate::workload::engine::{Arrivals, Load, Loop, drive};

const CONNECTIONS: usize = 16;
/// How many requests may wait for an answer on each connection.
const DEPTH: usize = 1;

pub(super) async fn measure(
    request: &GrowthRequest,
    contract: &BenchContract,
    call: &SetupCall,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Growth>, BenchError> {
    let folder = tempfile::tempdir()?;
    let environment = request.subject.start(contract, folder.path()).await?;
    let log = folder.path().join(format!("{}.log", call.to));
    let written = || std::fs::metadata(&log).map(|file| file.len());
    let outcome = async {
        let (mut all, mut made, before) = (AllSeries::default(), 0, written()?);
        for &size in &request.refusals {
            refused(&environment, call, size - made).await?;
            made = size;
            let bytes = written()? - before;
            all.constant(size, ("growth.refusals.log", "bytes"), bytes as f64);
            tell(&format!("growth, {size} refused calls: {bytes} bytes of log"));
        }
        Ok(all.of("refused calls"))
    };
    let outcome = outcome.await;
    environment.stop().await?;
    outcome
}

/// Makes so many calls at once.
async fn refused(
    environment: &Environment,
    call: &SetupCall,
    count: u64,
) -> Result<(), BenchError> {
    let to = address(environment, &call.to)?;
    let text = text_of(call, environment, &to.to_string())?;
    let size = u32::try_from(count).unwrap_or(u32::MAX);
    let burst = Arrivals::Burst { size, every: Duration::from_secs(1), times: 1 };
    let load = Load { pace: Loop::Open(burst), connections: CONNECTIONS, depth: DEPTH };
    let loading =
        spawn_blocking(move || drive(to, &load, |_, bytes| bytes.extend_from_slice(&text)));
    let measured = loading.await.map_err(std::io::Error::other)??;
    match measured.succeeded {
        0 => Ok(()),
        more => Err(BenchError::Unusable(format!("{more} calls of `refused` were not refused"))),
    }
}

/// The bytes of the call.
fn text_of(call: &SetupCall, environment: &Environment, host: &str) -> Result<Vec<u8>, BenchError> {
    let values = environment.values();
    let body = match &call.body {
        Some(body) => fill_json(body, values)?.to_string(),
        None => String::new(),
    };
    let mut text =
        format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", call.method, fill(&call.path, values)?);
    for (name, value) in &call.headers {
        text.push_str(&format!("{name}: {}\r\n", fill(value, values)?));
    }
    text.push_str(&format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    Ok(text.into_bytes())
}
